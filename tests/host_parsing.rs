// SPDX-License-Identifier: GPL-2.0-only
//! What people may write, in any form: numbers within their ranges are taken for what they say, all
//! else is refused in a line that quotes it, and nothing makes a parser panic.

#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::{collection, option};
use scx_meta::bpf::abi;
use scx_meta::policy::Policy;
use scx_meta::weights::{self, Assignment, PolicyList, Weights};
use strategy::profile::{Application, Figures, Profile, Provenance, Quantile};

const MAX_WEIGHT: u32 = abi::meta_limits_META_MAX_WEIGHT;
const MIN_PERIOD_US: u32 = abi::meta_limits_META_MIN_PERIOD_US;
const MAX_PERIOD_US: u32 = abi::META_MAX_PERIOD_US;

/// Some policies in some order, each once.
fn policies() -> impl Strategy<Value = Vec<Policy>> {
    let all: Vec<Policy> = Policy::all().collect();
    let some = 1..=all.len();
    (Just(all).prop_shuffle(), some).prop_map(|(mut policies, count)| {
        policies.truncate(count);
        policies
    })
}

fn weighted() -> impl Strategy<Value = Vec<(Policy, u32)>> {
    let weight = prop_oneof![Just(0), 0..=10u32, 0..=MAX_WEIGHT, Just(MAX_WEIGHT)];
    let weights = collection::vec(weight, Policy::all().count());
    (policies(), weights)
        .prop_map(|(policies, weights)| policies.into_iter().zip(weights).collect())
}

/// What looks like an item, a list or a time, and is not quite.
fn almost() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("fifo".to_owned()),
        Just("period".to_owned()),
        Just(String::new()),
        "[a-z]{0,8}",
        "\\PC{0,4}",
    ];
    let number = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| number.to_string()),
        Just(String::new()),
        "[0-9]{0,40}",
        "\\PC{0,4}",
    ];
    let unit = prop_oneof![
        Just(""),
        Just("us"),
        Just("ms"),
        Just("s"),
        Just("y"),
        Just(" h")
    ];
    let item = (word, "[=,: ]{0,2}", number, unit)
        .prop_map(|(word, sign, number, unit)| format!("{word}{sign}{number}{unit}"));
    collection::vec(item, 0..4).prop_map(|items| items.join(","))
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![almost(), "\\PC{0,40}", any::<String>()]
}

/// A refusal is one line, if what it quotes is one.
fn assert_one_line(text: &str, error: &anyhow::Error) {
    let error = format!("{error:#}");
    let one = error.lines().count() == 1;
    assert!(one || text.contains(char::is_control), "{text:?}: {error}");
}

proptest! {
    #[test]
    fn weights_are_what_they_were_written_as(list in weighted(), blank in " {0,2}") {
        let items: Vec<_> = list.iter().map(|(policy, weight)| format!("{policy}={weight}")).collect();
        let parsed = items.join(&format!(",{blank}")).parse::<Weights>();
        if list.iter().all(|(_, weight)| *weight == 0) {
            prop_assert!(parsed.is_err());
            return Ok(());
        }
        let parsed = parsed.unwrap();
        for policy in Policy::all() {
            let written = list.iter().find(|(listed, _)| *listed == policy);
            prop_assert_eq!(parsed.get(policy), written.map_or(0, |(_, weight)| *weight));
        }
        let above = list.iter().filter(|(_, weight)| *weight > 0).count();
        prop_assert_eq!(parsed.in_rotation() as usize, above);
    }

    #[test]
    fn a_weight_above_the_limit_is_refused(weight in MAX_WEIGHT + 1..) {
        let item = format!("fifo={weight}");
        let error = item.parse::<Weights>().unwrap_err();
        assert_one_line(&item, &error);
        prop_assert!(error.to_string().contains(&item));
    }

    #[test]
    fn whatever_is_taken_for_weights_is_within_their_range(text in any_text()) {
        match text.parse::<Weights>() {
            Ok(weights) => {
                prop_assert!(weights.in_rotation() > 0);
                prop_assert!(Policy::all().all(|policy| weights.get(policy) <= MAX_WEIGHT));
                prop_assert!(weights.shortest_turn(MAX_PERIOD_US).is_none_or(|(_, turn)| !turn.is_zero()));
            }
            Err(error) => assert_one_line(&text, &error),
        }
    }

    #[test]
    fn a_period_is_what_it_was_written_as(us in MIN_PERIOD_US..=MAX_PERIOD_US) {
        let item = format!("period={us}us").parse::<Assignment>().unwrap();
        prop_assert_eq!(item, Assignment::PeriodUs(us));
        let shown = humantime::format_duration(Duration::from_micros(us.into())).to_string();
        prop_assert_eq!(weights::parse_duration(&shown).unwrap().as_micros(), u128::from(us));
    }

    #[test]
    fn a_period_out_of_its_range_is_refused(us: u64) {
        prop_assume!(us < MIN_PERIOD_US.into() || us > MAX_PERIOD_US.into());
        let item = format!("period={us}us");
        let error = item.parse::<Assignment>().unwrap_err();
        assert_one_line(&item, &error);
    }

    #[test]
    fn whatever_is_set_is_within_its_range(text in any_text()) {
        match text.parse() {
            Ok(Assignment::PeriodUs(us)) => prop_assert!((MIN_PERIOD_US..=MAX_PERIOD_US).contains(&us)),
            Ok(Assignment::Weight(_, weight)) => prop_assert!(weight <= MAX_WEIGHT),
            Err(error) => assert_one_line(&text, &error),
        }
    }

    #[test]
    fn times_are_taken_or_refused(text in any_text()) {
        for parsed in [weights::parse_duration(&text), weights::parse_seconds(&text)] {
            if let Err(error) = parsed {
                assert_one_line(&text, &error);
            }
        }
        if let Ok(seconds) = weights::parse_seconds(&text) {
            prop_assert!(seconds >= Duration::from_millis(100));
        }
    }

    #[test]
    fn a_list_of_policies_is_what_it_was_written_as(policies in policies(), blank in " {0,2}") {
        let names: Vec<_> = policies.iter().map(|policy| policy.name()).collect();
        let list: PolicyList = names.join(&format!("{blank},")).parse().unwrap();
        prop_assert_eq!(list.iter().collect::<Vec<_>>(), policies.clone());
        let bits = policies.iter().map(|policy| policy.bit()).sum::<u32>();
        prop_assert_eq!(list.bits(), bits);
        prop_assert_eq!(list.default_weights().in_rotation(), 1);
        prop_assert!(list.equal_weights().in_rotation() > 0);
        let twice = format!("{},{}", names.join(","), names[0]);
        let error = twice.parse::<PolicyList>().unwrap_err();
        assert_one_line(&twice, &error);
    }

    #[test]
    fn whatever_is_taken_for_policies_names_each_once(text in any_text()) {
        match text.parse::<PolicyList>() {
            Ok(list) => {
                let named: HashSet<u32> = list.iter().map(Policy::id).collect();
                prop_assert_eq!(named.len(), text.split(',').count());
            }
            Err(error) => assert_one_line(&text, &error),
        }
    }

    #[test]
    fn a_pin_names_a_policy_or_none(id: u32, text in any_text()) {
        let known = id > abi::meta_policy_META_NONE && id < abi::meta_policy_META_NR_POLICIES;
        prop_assert_eq!(Policy::from_id(id).map(Policy::id), known.then_some(id));
        match text.parse::<Policy>() {
            Ok(policy) => prop_assert_eq!(policy.name(), text),
            Err(error) => assert_one_line(&text, &error),
        }
    }

    #[test]
    fn shares_become_weights_that_sum_exactly(
        shares in collection::vec(
            prop_oneof![0.0..1.0, 0.0..1e6, Just(0.0), Just(f64::MIN_POSITIVE), any::<f64>()],
            0..12,
        ),
        total in 1..=strategy::WEIGHT_TOTAL,
    ) {
        let Ok(made) = strategy::largest_remainder(&shares, total) else {
            return Ok(());
        };
        prop_assert_eq!(made.iter().sum::<u32>(), total);
        let sum: f64 = shares.iter().sum();
        for (share, weight) in shares.iter().zip(made) {
            let exact = share / sum * f64::from(total);
            prop_assert!((f64::from(weight) - exact).abs() <= 1.0 + 1e-6, "{weight} for {exact}");
        }
    }
}

fn positive() -> impl Strategy<Value = f64> {
    prop_oneof![
        1e-3..1e6,
        Just(f64::MIN_POSITIVE),
        Just(f64::MAX),
        Just(1.0)
    ]
}

/// A figure that all rows have, or none.
type Optional = (f64, Option<(f64, f64)>);

fn optional() -> impl Strategy<Value = Optional> {
    (positive(), option::of((0.1..=1.0, 1.0..=2.0)))
}

/// The interval around a figure that it names by factors.
fn around((figure, factors): Optional) -> Option<(f64, f64)> {
    let (low, high) = factors?;
    let ends = (figure * low, figure * high);
    (ends.0 > 0.0 && ends.1.is_finite()).then_some(ends)
}

fn figures(latencies: bool, ratios: bool) -> impl Strategy<Value = Figures> {
    (optional(), optional(), optional(), optional(), 1..u32::MAX).prop_map(
        move |(throughput, ratio, latency, latency_ratio, n)| {
            let if_there = |there: bool, figure: Optional| there.then_some(figure);
            let (ratio, latency) = (if_there(ratios, ratio), if_there(latencies, latency));
            let latency_ratio = if_there(latencies && ratios, latency_ratio);
            Figures {
                throughput: throughput.0,
                throughput_interval: around(throughput),
                throughput_ratio: ratio.map(|ratio| ratio.0),
                throughput_ratio_interval: ratio.and_then(around),
                latency_ms: latency.map(|latency| latency.0),
                latency_interval_ms: latency.and_then(around),
                latency_ratio: latency_ratio.map(|ratio| ratio.0),
                latency_ratio_interval: latency_ratio.and_then(around),
                n: NonZeroU32::new(n).expect("at least 1"),
            }
        },
    )
}

fn application() -> impl Strategy<Value = Application> {
    (any::<bool>(), any::<bool>()).prop_flat_map(|(latencies, ratios)| {
        let row = || figures(latencies, ratios);
        let rows = collection::vec(row(), Policy::all().count());
        (
            "[^\\pC]{1,12}",
            "\\PC{0,12}",
            any::<bool>(),
            1..u32::MAX,
            row(),
            rows,
        )
            .prop_map(
                move |(name, throughput_unit, p99, concurrency, eevdf, rows)| Application {
                    name,
                    throughput_unit,
                    latency_quantile: latencies.then_some(if p99 {
                        Quantile::P99
                    } else {
                        Quantile::P90
                    }),
                    concurrency: NonZeroU32::new(concurrency).expect("at least 1"),
                    eevdf,
                    policies: Policy::all()
                        .map(|policy| policy.to_string())
                        .zip(rows)
                        .collect(),
                },
            )
    })
}

fn profile() -> impl Strategy<Value = Profile> {
    let provenance = (any::<[String; 3]>(), any::<bool>(), any::<Vec<String>>()).prop_map(
        |([kernel, machine, date], emulated, commands)| Provenance {
            kernel,
            machine,
            date,
            emulated,
            commands,
        },
    );
    let applications = collection::vec(application(), 1..4);
    (
        any::<bool>(),
        option::of(provenance),
        applications,
        option::of(application()),
    )
        .prop_map(|(partial, provenance, mut applications, whole)| {
            let mut names = HashSet::new();
            applications.retain(|application| names.insert(application.name.clone()));
            Profile {
                partial,
                provenance,
                applications,
                whole,
            }
        })
}

/// Something small went wrong with a text.
#[derive(Clone, Debug)]
enum Slip {
    Drop(Index, Index),
    Double(Index, Index),
    Put(Index, char),
    Number(Index, String),
}

fn slip() -> impl Strategy<Value = Slip> {
    let number = prop_oneof![
        any::<f64>().prop_map(|number| number.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        Just("[]".to_owned()),
        Just("[1.0, 2.0]".to_owned()),
    ];
    let at = any::<Index>;
    prop_oneof![
        (at(), at()).prop_map(|(from, to)| Slip::Drop(from, to)),
        (at(), at()).prop_map(|(from, to)| Slip::Double(from, to)),
        (at(), any::<char>()).prop_map(|(at, c)| Slip::Put(at, c)),
        (at(), number).prop_map(|(at, text)| Slip::Number(at, text)),
    ]
}

impl Slip {
    fn of(self, text: &str) -> String {
        let boundary = |at: usize| {
            (0..=at)
                .rev()
                .find(|at| text.is_char_boundary(*at))
                .unwrap_or(0)
        };
        let place = |at: Index| boundary(at.index(text.len() + 1));
        // A few words at most.
        let range = |a: Index, b: Index| {
            let (a, b) = (place(a), place(b));
            let start = a.min(b);
            start..boundary(a.max(b).min(start + 40))
        };
        let mut slipped = text.to_owned();
        match self {
            Self::Drop(a, b) => slipped.replace_range(range(a, b), ""),
            Self::Double(a, b) => {
                let range = range(a, b);
                slipped.insert_str(range.start, &text[range.clone()]);
            }
            Self::Put(at, c) => slipped.insert(place(at), c),
            Self::Number(at, number) => {
                // In place of the value on some line.
                let lines: Vec<&str> = text.lines().collect();
                let line = at.index(lines.len());
                let mut lines: Vec<String> = lines.iter().map(|line| line.to_string()).collect();
                if let Some((key, _)) = lines[line].clone().split_once('=') {
                    lines[line] = format!("{key}= {number}");
                }
                slipped = lines.join("\n");
            }
        }
        slipped
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_profile_is_read_as_it_was_written(profile in profile()) {
        let text = profile.to_toml().unwrap();
        let read = Profile::parse(&text, "p.toml", &PolicyList::all().names());
        prop_assert_eq!(read.unwrap(), profile);
    }

    #[test]
    fn a_slip_in_a_profile_is_told_with_file_and_line(
        profile in profile(),
        slips in collection::vec(slip(), 1..4),
    ) {
        let text = profile.to_toml().unwrap();
        let text = slips.into_iter().fold(text, |text, slip| slip.of(&text));
        if let Err(error) = Profile::parse(&text, "p.toml", &PolicyList::all().names()) {
            let error = format!("{error:#}");
            let line = error.strip_prefix("p.toml:").and_then(|rest| rest.split_once(": "));
            let line = line.and_then(|(line, _)| line.parse::<usize>().ok());
            let lines = text.matches('\n').count() + 1;
            prop_assert!(line.is_some_and(|line| (1..=lines).contains(&line)), "{error}");
        }
    }
}

#[test]
fn the_example_is_a_profile_of_every_policy() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/profile.example.toml");
    let profile = Profile::read(&path, &PolicyList::all().names()).unwrap();
    assert!(!profile.partial);
    assert_eq!(profile.applications.len(), 3);
    for application in &profile.applications {
        let policies = application.policies.iter().map(|(policy, _)| &**policy);
        assert!(
            policies.eq(Policy::all().map(Policy::name)),
            "{application:?}"
        );
    }
}
