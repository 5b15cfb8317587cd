// SPDX-License-Identifier: GPL-2.0-only
//! Samples of the raw data: each duration of each replacement and turn, in nanoseconds.

use std::collections::BTreeMap;

use anyhow::{ensure, Context, Result};
use evidence::spec::{self, case, Sample};

use super::record::{Case, Decided, Flips, Preloaded, Probe, Record, Replacement, Settings, Turn};

/// The sorts of replacement: scx_meta by itself, real schedulers, and what was loaded beforehand.
pub(crate) const META: &str = "scx_meta";
pub(crate) const OTHERS: &str = "others";
pub(crate) const PRELOADED: &str = "preloaded";

/// Flips are decided by the timer, or by user space with `set_pin` and `apply`.
pub(crate) const TIMER: &str = "timer";
pub(crate) const USER: &str = "user space";

/// Parts that others ask for: the flip itself, until the first task, until most CPUs.
pub(crate) const WHOLE: &str = "whole";
pub(crate) const FLIP: &str = "flip";
pub(crate) const EFFECT: &str = "effect";
pub(crate) const ADOPTION: &str = "adoption";

/// Counts by the kernel and the scheduler, not durations.
pub(crate) const ENABLE_SEQ: &str = "enable_seq";
pub(crate) const BYPASSES: &str = "bypasses";

type PartOf<T> = (&'static str, fn(&T) -> Option<u64>);

/// In the order of a replacement. All of it is without the bench's own pause between the end of the
/// old process and the making of the new one.
pub(crate) const REPLACEMENT_PARTS: [PartOf<Replacement>; 10] = [
    ("stop", |r| Some(r.disabled_at - r.asked_at)),
    ("exit", |r| Some(r.exited_at - r.asked_at)),
    // Process made → the kernel begins to enable: exec, open, load, verify.
    ("loading", |r| {
        Some(r.enabling_at?.saturating_sub(r.spawned_at))
    }),
    ("enabling", |r| Some(r.enabled_at - r.enabling_at?)),
    ("start", |r| Some(r.enabled_at - r.spawned_at)),
    (WHOLE, |r| Some(r.enabled_at - r.asked_at - pause(r))),
    // Not even one that is being enabled.
    ("no scheduler", |r| {
        let gap = r.enabling_at?.saturating_sub(r.disabled_at);
        Some(gap.saturating_sub(pause(r)))
    }),
    ("bypass", |r| r.bypass_ns),
    (EFFECT, |r| Some(r.first_at? - r.asked_at - pause(r))),
    (ADOPTION, |r| Some(r.most_at? - r.asked_at - pause(r))),
];

fn pause(r: &Replacement) -> u64 {
    r.spawned_at - r.exited_at
}

const PRELOADED_PARTS: [PartOf<Preloaded>; 5] = [
    ("stop", |p| Some(p.detached_at - p.asked_at)),
    ("start", |p| Some(p.attached_at - p.detached_at)),
    (WHOLE, |p| Some(p.attached_at - p.asked_at)),
    (EFFECT, |p| Some(p.first_at? - p.asked_at)),
    (ADOPTION, |p| Some(p.most_at? - p.asked_at)),
];

/// Since the flip; 0 did not happen in this turn.
type SinceFlip = (&'static str, fn(&Turn) -> u64);

const TURN_PARTS: [SinceFlip; 3] = [
    (FLIP, |turn| turn.flip_ns),
    (EFFECT, |turn| turn.first_ns),
    (ADOPTION, |turn| turn.most_ns),
];

#[derive(Default)]
pub(crate) struct Data {
    pub(crate) settings: Vec<Settings>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) flips: Vec<Flips>,
    pub(crate) probes: Vec<Probe>,
    pub(crate) rotations: BTreeMap<String, Case>,
}

impl Data {
    /// Costs are compared with each other: they must be of one boot.
    pub(crate) fn of(boots: impl IntoIterator<Item = Vec<Record>>) -> Result<Self> {
        let mut data = Self::default();
        let mut boots_with_costs = 0;
        for records in boots {
            let mut has_costs = false;
            for record in records {
                has_costs |= !matches!(record, Record::Settings(_) | Record::Probe(_));
                data.add(record)?;
            }
            boots_with_costs += usize::from(has_costs);
        }
        ensure!(
            boots_with_costs == 1,
            "replacements and flips come from {boots_with_costs} boots: their ratios must come \
             from one"
        );
        Ok(data)
    }

    fn add(&mut self, record: Record) -> Result<()> {
        match record {
            Record::Settings(settings) => self.settings.push(settings),
            Record::Replacement(r) => {
                let sort = if r.is_meta { META } else { OTHERS };
                let keys = replaced(sort, r.load.name(), &r.from, &r.to);
                self.parts(&keys, &REPLACEMENT_PARTS, &r);
                self.count(&keys, ENABLE_SEQ, Some(r.enable_seq));
                self.count(&keys, BYPASSES, r.bypasses);
            }
            Record::Preloaded(p) => {
                let keys = replaced(PRELOADED, p.load.name(), &p.from, &p.to);
                self.parts(&keys, &PRELOADED_PARTS, &p);
                self.count(&keys, ENABLE_SEQ, Some(p.enable_seq));
            }
            Record::Flips(flips) => {
                let keys = self.rotation(&flips.case, TIMER);
                for part in TURN_PARTS {
                    let turns = flips.turns.iter().map(|turn| (0, turn));
                    self.samples.push(since_decision(&keys, part, turns));
                }
                self.flips.push(flips);
            }
            Record::Decided(Decided { case, decisions }) => {
                let keys = self.rotation(&case, USER);
                for (at, turn) in &decisions {
                    let until_flip = turn.entered_at.checked_sub(*at);
                    let until_flip = until_flip.context("a turn began before it was decided")?;
                    for part in &TURN_PARTS[1..] {
                        let one = since_decision(&keys, *part, [(until_flip, turn)]);
                        self.samples.push(one);
                    }
                }
            }
            Record::Probe(probe) => self.probes.push(probe),
        }
        Ok(())
    }

    fn parts<T>(&mut self, keys: &spec::Case, parts: &[PartOf<T>], of: &T) {
        for (name, part) in parts {
            let value = part(of).map(|ns| ns as f64);
            let case = with(keys, "part", name);
            self.samples.push(Sample::new(spec::NS, case, value));
        }
    }

    fn count(&mut self, keys: &spec::Case, name: &str, count: Option<u64>) {
        let case = with(keys, "count", name);
        let value = count.map(|count| count as f64);
        self.samples.push(Sample::new(spec::COUNT, case, value));
    }

    fn rotation(&mut self, rotation: &Case, decided_by: &str) -> spec::Case {
        let name = name_of(rotation);
        let keys = case(&[
            ("rotation", &name),
            ("decided_by", decided_by),
            ("policies", &rotation.policies.join("+")),
            ("handover", &rotation.handover),
            ("load", rotation.load.name()),
            ("turn_us", &rotation.turn_us.to_string()),
        ]);
        self.rotations.insert(name, rotation.clone());
        keys
    }

    /// The loader's, the same in all boots.
    pub(crate) fn default_handover(&self) -> Result<&str> {
        let first = self.settings.first().context("no raw data has settings")?;
        let handover = &first.default_handover;
        ensure!(
            self.settings
                .iter()
                .all(|s| s.default_handover == *handover),
            "boots differ in the default hand-over: the raw data are of different builds"
        );
        Ok(handover)
    }

    /// Every scheduler that replaced or was replaced.
    pub(crate) fn who(&self, sort: &str, load: &str) -> String {
        let samples = self.samples.iter().filter(|sample| {
            let is = |key, value: &str| sample.case.get(key).is_some_and(|own| own == value);
            is("sort", sort) && is("load", load)
        });
        let mut names: Vec<&str> = samples
            .flat_map(|sample| ["from", "to"].map(|key| &*sample.case[key]))
            .collect();
        names.sort_unstable();
        names.dedup();
        names.join(" <-> ")
    }
}

/// A rotation in words.
pub(crate) fn name_of(case: &Case) -> String {
    let turns = match case.turn_us {
        0 => "decided by user space".into(),
        turn_us => format!("turns of {} ms", turn_us / 1000),
    };
    format!(
        "{}, {}, {}, {turns}",
        case.policies.join("+"),
        case.handover,
        case.load.name()
    )
}

fn replaced(sort: &str, load: &str, from: &str, to: &str) -> spec::Case {
    case(&[("sort", sort), ("load", load), ("from", from), ("to", to)])
}

fn with(keys: &spec::Case, key: &'static str, value: &str) -> spec::Case {
    let mut case = keys.clone();
    case.insert(key, value.to_owned());
    case
}

/// Turns with the time from their decision until the flip. What did not happen in a turn took longer
/// than that: its length is a lower bound.
fn since_decision<'a>(
    keys: &spec::Case,
    (name, since_flip): SinceFlip,
    turns: impl IntoIterator<Item = (u64, &'a Turn)>,
) -> Sample {
    let mut sample = Sample::new(spec::NS, with(keys, "part", name), []);
    for (until_flip, turn) in turns {
        let took = match since_flip(turn) {
            0 => turn.length_ns,
            took => took,
        };
        sample.lower_bounds += usize::from(since_flip(turn) == 0);
        sample.values.push((until_flip + took) as f64);
    }
    sample
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::switch::record::Load;

    /// Signal at 100, disabled 120, exit 150; spawn 170, enabling 900, enabled 950; first 960.
    pub(crate) fn a_replacement() -> Replacement {
        Replacement {
            from: "a".into(),
            to: "b".into(),
            is_meta: true,
            load: Load::Idle,
            asked_at: 100,
            disabled_at: 120,
            exited_at: 150,
            spawned_at: 170,
            enabling_at: Some(900),
            enabled_at: 950,
            first_at: Some(960),
            most_at: None,
            bypasses: Some(1),
            bypass_ns: Some(30),
            enable_seq: 1,
        }
    }

    pub(crate) fn a_turn(flip_ns: u64, first_ns: u64) -> Turn {
        Turn {
            from: "fifo".into(),
            to: "vtime".into(),
            entered_at: 1_000,
            flip_ns,
            handover_ns: 0,
            first_ns,
            most_ns: first_ns * 2,
            length_ns: 5_000,
        }
    }

    #[test]
    fn the_bench_s_own_pause_is_no_cost_of_a_replacement() {
        let r = a_replacement();
        let took = REPLACEMENT_PARTS.map(|(name, part)| (name, part(&r)));
        let wanted = [
            ("stop", Some(20)),
            ("exit", Some(50)),
            ("loading", Some(730)),
            ("enabling", Some(50)),
            ("start", Some(780)),
            // Exit and start.
            (WHOLE, Some(830)),
            ("no scheduler", Some(900 - 120 - 20)),
            ("bypass", Some(30)),
            (EFFECT, Some(960 - 100 - 20)),
            (ADOPTION, None),
        ];
        assert_eq!(took, wanted);
    }

    #[test]
    fn what_did_not_happen_in_a_turn_took_longer_than_it() {
        let turns = [a_turn(1, 70), a_turn(1, 0), a_turn(1, 90)];
        let turns = turns.iter().map(|turn| (0, turn));
        let first = since_decision(&case(&[]), TURN_PARTS[1], turns);
        assert_eq!(first.values, [70.0, 5_000.0, 90.0]);
        assert_eq!(first.lower_bounds, 1);
    }

    #[test]
    fn a_decision_counts_from_user_space_on() {
        let decided = |at| {
            Record::Decided(Decided {
                case: Case {
                    policies: vec!["fifo".into()],
                    handover: "drain".into(),
                    load: Load::Idle,
                    turn_us: 0,
                },
                decisions: vec![(at, a_turn(1, 70))],
            })
        };
        let data = Data::of([vec![decided(900)]]).unwrap();
        assert_eq!(data.samples[0].values, [170.0]);
        assert!(Data::of([vec![decided(1_100)]]).is_err());
    }
}
