// SPDX-License-Identifier: GPL-2.0-only
//! Strategies against figures computed by hand; policies are test data.

use std::num::NonZeroU32;

use clap::ValueEnum;
use serde_json::json;

use super::prefer::preferred;
use super::*;
use crate::profile::{Figures, Quantile};

const BASE: Duration = Duration::from_millis(1800);

/// All that there are, and three of them.
const TABLE: [&str; 4] = ["one", "two", "unloaded", "three"];
const THREE: [&str; 3] = ["one", "two", "three"];

fn loaded() -> Policies {
    let [a, b, c] = THREE;
    // Not in table order, as people may type it.
    Policies::new(TABLE, [c, a, b])
}

fn named(weights: [u32; 3]) -> [(String, u32); 3] {
    let mut weights = weights.into_iter();
    THREE.map(|policy| (policy.into(), weights.next().unwrap()))
}

fn figures((throughput, latency_ms): (f64, f64)) -> Figures {
    Figures {
        latency_ms: Some(latency_ms),
        ..Figures::of_throughput(throughput, NonZeroU32::MIN)
    }
}

/// Throughput and latency under EEVDF and under each of the three.
fn application(name: &str, eevdf: (f64, f64), under: [(f64, f64); 3]) -> Application {
    Application {
        name: name.into(),
        throughput_unit: "requests/s".into(),
        latency_quantile: Some(Quantile::P99),
        concurrency: NonZeroU32::MIN,
        eevdf: figures(eevdf),
        policies: THREE
            .map(String::from)
            .into_iter()
            .zip(under.map(figures))
            .collect(),
    }
}

/// 1.0662 under the first policy, and 1.0291 under the second.
fn two() -> [Application; 2] {
    let slow = (1.0, 500.0);
    [
        application("x", (1000.0, 30.0), [(1066.2, 28.0), slow, slow]),
        application("y", (1000.0, 90.0), [slow, (1029.1, 80.0), slow]),
    ]
}

fn by(strategy: Strategy, prefer: Prefer, applications: &[Application]) -> Allotment {
    Allotment::from_profile(strategy, prefer, applications, &loaded(), BASE).unwrap()
}

fn choice(prefer: Prefer, application: &Application) -> (String, bool) {
    let (policy, basis) = preferred(application, prefer, &loaded()).unwrap();
    (policy, basis.beats_eevdf)
}

#[test]
fn each_strategy_gives_what_was_computed_by_hand() {
    // w_i of x is the first claim ÷ their sum; t_i = 1800 ms × 2 × w_i.
    for (strategy, times_ms, weights) in [
        (Strategy::RoundRobin, [1800.0, 1800.0], [500_000, 500_000]),
        // 30 : 90
        (Strategy::Delta, [900.0, 2700.0], [250_000, 750_000]),
        // 1.0662 : 1.0291
        (Strategy::Benefit, [1831.87, 1768.13], [508_853, 491_147]),
        // 0.0662 : 0.0291
        (
            Strategy::BenefitGain,
            [2500.73, 1099.27],
            [694_648, 305_352],
        ),
        // 31.986 : 92.619
        (
            Strategy::DeltaBenefit,
            [924.12, 2675.88],
            [256_699, 743_301],
        ),
        // 1.986 : 2.619
        (
            Strategy::DeltaBenefitGain,
            [1552.57, 2047.43],
            [431_270, 568_730],
        ),
    ] {
        let got = by(strategy, Prefer::Throughput, &two());
        assert_eq!(got.period.as_millis(), 3600);
        for (row, expected) in got.rows.iter().zip(times_ms) {
            let off = row.timeslice_ms - expected;
            assert!(off.abs() < 0.005, "{strategy}: {row:?}: {expected}");
            let share = row.timeslice_ms / 3600.0;
            assert!((row.weight - share).abs() < 1e-12, "{strategy}: {row:?}");
        }
        let weights = named([weights[0], weights[1], 0]);
        assert_eq!(got.weights, weights, "{strategy}");
        assert_eq!(got.warnings, [""; 0], "{strategy}");
    }
    let gain = by(Strategy::BenefitGain, Prefer::Throughput, &two());
    let percent: Vec<_> = gain.rows.iter().map(|row| 100.0 * row.weight).collect();
    assert!((percent[0] - 69.46).abs() < 0.01, "{percent:?}");
    assert!((percent[1] - 30.54).abs() < 0.01, "{percent:?}");
}

#[test]
fn applications_with_the_same_policy_add_up_and_count_as_many() {
    let [x, y] = two();
    let mut z = x.clone();
    z.name = "z".into();
    z.eevdf.latency_ms = Some(60.0);
    let got = by(Strategy::Delta, Prefer::Throughput, &[x, y, z]);
    // 30 + 60 and 90 of 180, in a rotation of three base slices.
    assert_eq!(got.weights, named([500_000, 500_000, 0]));
    assert_eq!(got.period.as_millis(), 5400);
    let times: Vec<_> = got
        .rows
        .iter()
        .map(|row| row.timeslice_ms.round())
        .collect();
    assert_eq!(times, [900.0, 2700.0, 1800.0]);
}

#[test]
fn policy_weights_sum_exactly_whatever_the_shares() {
    let [x, y] = two();
    for latency in 1..200 {
        let mut z = x.clone();
        z.policies[2].1.throughput = 5000.0;
        z.eevdf.latency_ms = Some(f64::from(latency) / 7.0);
        let all = [x.clone(), y.clone(), z];
        for strategy in Strategy::value_variants() {
            let got = by(*strategy, Prefer::Throughput, &all);
            let sum: u32 = got.weights.iter().map(|(_, weight)| weight).sum();
            assert_eq!(sum, WEIGHT_TOTAL, "{strategy}, {latency}");
        }
    }
    let thirds = Allotment::round_robin(THREE, &loaded(), BASE).unwrap();
    assert_eq!(thirds.weights, named([333_334, 333_333, 333_333]));
}

#[test]
fn the_preferred_policy_is_best_in_what_was_asked_for() {
    let [first, second, _] = THREE;
    let application = application(
        "x",
        (100.0, 50.0),
        [(120.0, 60.0), (110.0, 40.0), (90.0, 45.0)],
    );
    assert_eq!(
        choice(Prefer::Throughput, &application),
        (first.into(), true)
    );
    assert_eq!(choice(Prefer::P99, &application), (second.into(), true));
    let got = by(Strategy::Benefit, Prefer::P99, &[application]);
    let ratio = got.rows[0].basis.as_ref().unwrap().throughput_ratio;
    assert_eq!(ratio, 1.1, "of the preferred policy, not of the fastest");
}

#[test]
fn ties_go_to_the_other_figure_and_then_to_table_order() {
    let [first, second, third] = THREE;
    let eevdf = (100.0, 50.0);
    let same_throughput = application("x", eevdf, [(120.0, 45.0), (120.0, 44.0), (120.0, 44.5)]);
    assert_eq!(choice(Prefer::Throughput, &same_throughput).0, second);
    let same_latency = application("x", eevdf, [(120.0, 40.0), (121.0, 40.0), (122.0, 40.0)]);
    assert_eq!(choice(Prefer::P99, &same_latency).0, third);
    let mut same = application("x", eevdf, [(120.0, 40.0); 3]);
    for prefer in [Prefer::Throughput, Prefer::P99] {
        assert_eq!(choice(prefer, &same).0, first);
    }
    same.policies.reverse();
    for prefer in [Prefer::Throughput, Prefer::P99] {
        assert_eq!(choice(prefer, &same).0, first);
    }
}

#[test]
fn only_loaded_policies_are_chosen() {
    let [first, second, third] = THREE;
    let application = application("x", (1.0, 1.0), [(5.0, 1.0), (4.0, 1.0), (3.0, 1.0)]);
    let some = Policies::new(TABLE, [third, second]);
    assert_eq!(
        preferred(&application, Prefer::Throughput, &some)
            .unwrap()
            .0,
        second
    );
    let measured = Application {
        policies: vec![(first.into(), application.eevdf)],
        ..application
    };
    let error = preferred(&measured, Prefer::Throughput, &some).unwrap_err();
    assert!(error.to_string().contains("`x`"), "{error}");
}

#[test]
fn who_does_not_beat_eevdf_gets_the_best_policy_a_warning_and_a_mark() {
    let [_, second, _] = THREE;
    // As good as EEVDF is not better.
    let x = application(
        "x",
        (100.0, 50.0),
        [(90.0, 55.0), (100.0, 50.0), (80.0, 51.0)],
    );
    for (prefer, what) in [(Prefer::Throughput, "throughput"), (Prefer::P99, "p99")] {
        assert_eq!(choice(prefer, &x), (second.into(), false));
        let got = by(Strategy::RoundRobin, prefer, &[x.clone(), two()[0].clone()]);
        let expected = format!("x: no policy beats EEVDF by {what}; {second} is the best of them");
        assert_eq!(got.warnings, [expected]);
        let table = got.table();
        let row = table
            .lines()
            .find(|line| line.ends_with("does not beat EEVDF"));
        assert_eq!(
            row.and_then(|row| row.split(' ').next()),
            Some("x"),
            "{table}"
        );
        assert_eq!(table.matches("does not beat EEVDF").count(), 1, "{table}");
    }
}

#[test]
fn who_gains_nothing_gets_no_time_by_gain_unless_nobody_gains() {
    let [first, second, _] = THREE;
    let x = application("x", (100.0, 50.0), [(1.0, 55.0), (99.0, 50.0), (1.0, 51.0)]);
    let y = application(
        "y",
        (100.0, 50.0),
        [(102.0, 55.0), (1.0, 50.0), (1.0, 51.0)],
    );
    for strategy in [Strategy::BenefitGain, Strategy::DeltaBenefitGain] {
        let got = by(strategy, Prefer::Throughput, &[x.clone(), y.clone()]);
        assert_eq!(got.weights[0], (first.into(), WEIGHT_TOTAL));
        assert_eq!(got.rows[0].weight, 0.0);
        let never = format!("{second} is preferred, but its weight comes to 0: it never runs");
        assert!(got.warnings.contains(&never), "{:?}", got.warnings);

        let mut z = x.clone();
        z.policies[2].1.throughput = 100.0;
        let got = by(strategy, Prefer::Throughput, &[x.clone(), z]);
        let weights: Vec<_> = got.rows.iter().map(|row| row.weight).collect();
        assert_eq!(weights, [0.5, 0.5]);
        let none = format!("{strategy}: no application gains any throughput");
        assert!(
            got.warnings.iter().any(|w| w.starts_with(&none)),
            "{:?}",
            got.warnings
        );
    }
}

#[test]
fn latencies_taken_differently_are_warned_of_where_they_are_compared() {
    let [x, mut y] = two();
    y.concurrency = NonZeroU32::new(7).unwrap();
    y.latency_quantile = Some(Quantile::P90);
    let all = [x, y];
    for strategy in [
        Strategy::Delta,
        Strategy::DeltaBenefit,
        Strategy::DeltaBenefitGain,
    ] {
        let expected = [
            format!("{strategy} compares latencies, but at different concurrency: x 1, y 7"),
            format!("{strategy} compares latencies, but different quantiles: x p99, y p90"),
        ];
        let got = by(strategy, Prefer::Throughput, &all);
        assert_eq!(got.warnings, expected);
    }
    for strategy in [
        Strategy::RoundRobin,
        Strategy::Benefit,
        Strategy::BenefitGain,
    ] {
        let got = by(strategy, Prefer::Throughput, &all);
        assert_eq!(got.warnings, [""; 0], "{strategy}");
    }
}

#[test]
fn without_a_profile_n_is_the_number_of_policies_in_rotation() {
    let [first, second, third] = THREE;
    let got = Allotment::round_robin([third, first], &loaded(), BASE).unwrap();
    let rows: Vec<&str> = got.rows.iter().map(|row| &*row.policy).collect();
    assert_eq!(rows, [first, third]);
    assert_eq!(got.period, 2 * BASE);
    assert_eq!(got.weights, named([500_000, 0, 500_000]), "{second}");
    assert!(got.rows.iter().all(|row| row.basis.is_none()));
}

#[test]
fn a_period_longer_than_any_is_refused() {
    let error = Allotment::round_robin(THREE, &loaded(), Duration::MAX).unwrap_err();
    assert_eq!(error.to_string(), "--base-slice: too long");
}

#[test]
fn figures_that_overflow_are_refused() {
    let [mut x, y] = two();
    x.eevdf.latency_ms = Some(f64::MAX);
    x.policies[0].1.throughput = f64::MAX;
    let error = Allotment::from_profile(
        Strategy::DeltaBenefit,
        Prefer::Throughput,
        &[x, y],
        &loaded(),
        BASE,
    );
    let error = error.unwrap_err().to_string();
    assert!(error.contains("--strategy delta-benefit"), "{error}");
}

#[test]
fn the_table_and_the_json_say_the_same() {
    let [first, second, third] = THREE;
    let got = by(Strategy::Benefit, Prefer::Throughput, &two());
    let table = got.table();
    let words: Vec<Vec<_>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        words[0],
        ["application", "policy", "r_i", "l_i", "w_i", "t_i"]
    );
    assert_eq!(
        words[1],
        ["x", first, "1.0662", "p99", "30", "ms", "0.5089", "1831.87", "ms"]
    );
    assert_eq!(
        words[2],
        ["y", second, "1.0291", "p99", "90", "ms", "0.4911", "1768.13", "ms"]
    );
    let weights = format!("weights: {first} 508853, {second} 491147; a rotation takes 3s 600ms");
    assert_eq!(table.lines().last(), Some(weights.as_str()));

    let json = got.json();
    assert_eq!(json["period_us"], 3_600_000);
    assert_eq!(
        json["weights"],
        json!({ first: 508_853, second: 491_147, third: 0 })
    );
    let y = &json["applications"][1];
    assert_eq!((&y["name"], &y["policy"]), (&json!("y"), &json!(second)));
    assert_eq!(y["timeslice_ms"], got.rows[1].timeslice_ms);
    assert_eq!(y["weight"], got.rows[1].weight);
}

/// The second policy has the better medians, the first the better ratios.
fn paired() -> Application {
    let mut x = application(
        "x",
        (100.0, 50.0),
        [(101.0, 49.0), (104.0, 48.0), (1.0, 99.0)],
    );
    for ((_, figures), (throughput, latency)) in
        x.policies
            .iter_mut()
            .zip([(1.06, 0.9), (1.01, 0.95), (0.1, 2.0)])
    {
        figures.throughput_ratio = Some(throughput);
        figures.latency_ratio = Some(latency);
    }
    x
}

#[test]
fn paired_ratios_decide_and_are_the_benefit() {
    let [first, second, _] = THREE;
    let (mut x, [_, y]) = (paired(), two());
    for prefer in [Prefer::Throughput, Prefer::P99] {
        assert_eq!(choice(prefer, &x), (first.into(), true));
    }
    let got = by(Strategy::Benefit, Prefer::Throughput, &[x.clone(), y]);
    // 1.06 : 1.0291
    assert!(
        (got.rows[0].weight - 1.06 / 2.0891).abs() < 1e-12,
        "{got:?}"
    );
    assert_eq!(got.rows[0].policy, first);

    x.policies
        .iter_mut()
        .for_each(|(_, figures)| figures.throughput_ratio = None);
    assert_eq!(choice(Prefer::Throughput, &x), (second.into(), true));
    assert_eq!(choice(Prefer::P99, &x), (first.into(), true));
}

#[test]
fn a_gain_that_may_be_none_is_warned_of() {
    let first = THREE[0];
    let warnings = |interval| {
        let mut x = paired();
        x.policies[0].1.throughput_ratio_interval = Some(interval);
        by(Strategy::RoundRobin, Prefer::Throughput, &[x]).warnings
    };
    assert_eq!(warnings((1.01, 1.08)), [""; 0]);
    let expected = format!(
        "x: {first} beats EEVDF by throughput, but not surely: the ratio lies between 0.9900 and \
         1.0800"
    );
    assert_eq!(warnings((0.99, 1.08)), [expected]);
}

#[test]
fn without_latencies_only_what_needs_none_is_computed() {
    let [mut x, y] = two();
    x.latency_quantile = None;
    x.eevdf.latency_ms = None;
    x.policies
        .iter_mut()
        .for_each(|(_, figures)| figures.latency_ms = None);
    let all = [x, y];
    let of = |strategy, prefer| Allotment::from_profile(strategy, prefer, &all, &loaded(), BASE);
    for strategy in Strategy::value_variants() {
        let got = of(*strategy, Prefer::Throughput);
        assert_eq!(got.is_err(), strategy.compares_latencies(), "{strategy}");
        let error = of(*strategy, Prefer::P99).unwrap_err().to_string();
        let expected = "application `x` has no latency_ms, by which --prefer p99 chooses: ";
        assert!(error.starts_with(expected), "{error}");
        assert!(error.ends_with("take --prefer throughput"), "{error}");
    }
    let error = of(Strategy::Delta, Prefer::Throughput)
        .unwrap_err()
        .to_string();
    let expected = "application `x` has no latency_ms, which --strategy delta compares: ";
    assert!(error.starts_with(expected), "{error}");
    let others = "take --strategy round-robin or benefit or benefit-gain";
    assert!(error.ends_with(others), "{error}");
    let table = of(Strategy::Benefit, Prefer::Throughput).unwrap().table();
    let row: Vec<_> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[2..4], ["1.0662", "-"], "{table}");
}
