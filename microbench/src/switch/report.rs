// SPDX-License-Identifier: GPL-2.0-only
//! The contents of `switch.json`: the headlines, what they mean, and all that they are picked from.

use std::collections::BTreeMap;

use anyhow::Result;
use evidence::provenance::{Measured, Provenance};
use evidence::spec::Rows;
use labkit::machine::Machine;
use serde::Serialize;

use super::costs::{Costs, MECHANISM};
use super::details::Details;
use super::record::Load;
use super::samples::{Data, ADOPTION, EFFECT, FLIP, META, PRELOADED, TIMER, WHOLE};
use super::windows::Direction;

const METHOD: &str =
    "Replacements and flips in one boot, the same load on both sides; the decider \
    is a real-time task, the loaders are ordinary ones. Medians with bootstrap intervals.";

pub(crate) const COMMAND: &str = "cargo xtask bench switch";

const NS_PER_MS: f64 = 1e6;

#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) replacement_ms_median: f64,
    pub(crate) preloaded_ms_median: f64,
    pub(crate) flip_ns_median: f64,
    pub(crate) ratio_mechanism: f64,
    pub(crate) ratio_effect: f64,
    pub(crate) ratio_adoption: f64,
    /// Unknown before kernel 6.18.
    pub(crate) bypass_activations: Option<u64>,
    pub(crate) probe_p99_ratio_upper: f64,
    pub(crate) definitions: BTreeMap<&'static str, String>,
    pub(crate) provenance: Provenance,
    pub(crate) details: Details,
    #[serde(skip)]
    pub(crate) costs: Costs,
}

impl Report {
    pub(crate) fn of(machines: Vec<Machine>, data: Data) -> Result<Self> {
        let costs = Costs::of(&data.samples)?;
        let details = Details::of(data, &costs)?;
        let load = Load::Saturated;
        let handover = &*details.default_handover;
        let ms = |sort| -> Result<f64> {
            Ok(costs.replaced(sort, load, WHOLE)?.about.estimate / NS_PER_MS)
        };
        let flip = costs.flipped((TIMER, FLIP), handover, load)?;
        Ok(Self {
            replacement_ms_median: ms(META)?,
            preloaded_ms_median: ms(PRELOADED)?,
            flip_ns_median: flip.about.estimate,
            ratio_mechanism: details.ratio(MECHANISM)?,
            ratio_effect: details.ratio(EFFECT)?,
            ratio_adoption: details.ratio(ADOPTION)?,
            bypass_activations: details.counted.iter().map(|row| row.counted.bypasses).sum(),
            probe_p99_ratio_upper: details.probe_upper()?,
            definitions: definitions(handover),
            provenance: Provenance::new(METHOD, machines, measured(&costs, &details), COMMAND)?,
            details,
            costs,
        })
    }
}

fn measured(costs: &Costs, details: &Details) -> Vec<Measured> {
    let wholes = Rows::all(&costs.replaced)
        .of(&[("part", WHOLE)])
        .0
        .into_iter();
    let wholes = wholes.map(|row| {
        let what = format!("replacement, {}, {}", row.key("sort"), row.key("load"));
        Measured::of(what, &row.all)
    });
    let flips = costs.rotations().into_iter().map(|rows| {
        let what = format!("{}, {}", rows.key("part"), rows.key("rotation"));
        Measured::of(what, &rows.0[0].all)
    });
    let probes = details.probes.iter().flat_map(|row| {
        let all = row.comparisons.iter();
        let all = all.filter(|c| c.direction == Direction::All);
        all.map(|c| {
            let what = format!("wake-up after {} flips, {}", row.flips, row.name());
            Measured::of(what, &c.near)
        })
    });
    wholes.chain(flips).chain(probes).collect()
}

fn definitions(handover: &str) -> BTreeMap<&'static str, String> {
    let saturated = "saturated (four busy tasks a CPU)";
    let ours = format!("fifo <-> vtime, --handover {handover} (the default), {saturated}");
    [
        (
            "replacement_ms_median",
            format!(
                "scx_meta with one policy replaced by scx_meta with the other, as processes: SIGINT \
                 until the process is gone + spawn until the state is enabled; without the bench's \
                 own pause in between; {saturated}"
            ),
        ),
        (
            "preloaded_ms_median",
            format!(
                "detach one program, attach another that was loaded and verified beforehand in the \
                 same real-time process; {saturated}"
            ),
        ),
        (
            "flip_ns_median",
            format!("the flip in the timer callback, turns of 10 ms; {ours}"),
        ),
        (
            "ratio_mechanism",
            format!("replacement_ms_median / flip_ns_median; {ours}"),
        ),
        (
            "ratio_effect",
            format!(
                "decision until the first task of the new policy runs, medians; theirs: from SIGINT; \
                 ours: from the timer callback, turns of 100 ms, a turn without such a task counts \
                 with its whole length; {ours}"
            ),
        ),
        (
            "ratio_adoption",
            format!(
                "the same until tasks of the new policy run on 95 % of the CPUs in use; {ours}"
            ),
        ),
        (
            "bypass_activations",
            "bypasses that the kernel counted between load and stop, all rotations together; null \
             where it does not count"
                .into(),
        ),
        (
            "probe_p99_ratio_upper",
            format!(
                "lateness of a wake-up probe, p99 of wake-ups due in [flip, flip + 20 ms] / p99 of \
                 all due later in a turn; upper bound of its 95 % interval (bootstrap of rotations); \
                 the worse of fifo -> vtime and vtime -> fifo; turns of 50 ms, --handover \
                 {handover} (the default), moderately loaded (half of the CPUs busy)"
            ),
        ),
    ]
    .into()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::switch::costs::{LONG_US, PAIR, SHORT_US};
    use crate::switch::record::{
        Case, Counted, Decided, Flips, Preloaded, Record, Replacement, Settings,
    };
    use crate::switch::samples::tests::{a_replacement, a_turn};
    use crate::switch::windows::tests::a_probe;

    fn case(handover: &str, load: Load, turn_us: u32) -> Case {
        Case {
            policies: PAIR.map(String::from).into(),
            handover: handover.into(),
            load,
            turn_us,
        }
    }

    fn settings() -> Record {
        Record::Settings(Settings {
            default_handover: "adopt".into(),
            slice_us: 20_000,
            ticks_per_second: 250.0,
        })
    }

    /// Replacements take 2 s, preloaded 2 ms; a flip 10 ns idle and 20 ns saturated, its effect
    /// 100 and 200 ns.
    pub(crate) fn a_boot() -> Vec<Record> {
        let mut records = vec![settings()];
        for (load, times) in [(Load::Idle, 1), (Load::Saturated, 2)] {
            for is_meta in [true, false] {
                let one = Replacement {
                    load,
                    is_meta,
                    enabled_at: 2_000_000_120,
                    first_at: is_meta.then_some(2_000_000_120),
                    most_at: is_meta.then_some(2_000_000_120),
                    ..a_replacement()
                };
                records.extend((0..3).map(|_| Record::Replacement(one.clone())));
            }
            records.push(Record::Preloaded(Preloaded {
                from: "fifo".into(),
                to: "vtime".into(),
                load,
                asked_at: 0,
                detached_at: 500_000,
                attached_at: 2_000_000,
                first_at: Some(2_100_000),
                most_at: Some(2_200_000),
                enable_seq: 1,
            }));
            for handover in ["drain", "adopt"] {
                for turn_us in [SHORT_US, LONG_US] {
                    records.push(Record::Flips(Flips {
                        case: case(handover, load, turn_us),
                        turns: vec![a_turn(10 * times, 100 * times); 30],
                        counted: Counted {
                            bypasses: Some(0),
                            enable_seq: 0,
                        },
                    }));
                }
                records.push(Record::Decided(Decided {
                    case: case(handover, load, 0),
                    decisions: vec![(900, a_turn(10, 100 * times)); 5],
                }));
            }
        }
        records
    }

    pub(crate) fn another_boot() -> Vec<Record> {
        let probe = |handover| Record::Probe(a_probe(handover, Load::Moderate));
        vec![settings(), probe("drain"), probe("adopt")]
    }

    fn report(boots: Vec<Vec<Record>>) -> Result<Report> {
        Report::of(vec![Machine::here()?], Data::of(boots)?)
    }

    pub(crate) fn a_report() -> Report {
        report(vec![a_boot(), another_boot()]).unwrap()
    }

    #[test]
    fn the_headlines_are_those_that_are_defined() {
        let report = a_report();
        assert_eq!(report.replacement_ms_median, 2_000.0);
        assert_eq!(report.preloaded_ms_median, 2.0);
        assert_eq!(report.flip_ns_median, 20.0);
        assert_eq!(report.ratio_mechanism, 1e8);
        assert_eq!(report.ratio_effect, 1e7);
        assert_eq!(report.ratio_adoption, 5e6);
        assert_eq!(report.bypass_activations, Some(0));
        assert_eq!(report.probe_p99_ratio_upper, 1.5);
        let json = serde_json::to_value(&report).unwrap();
        let names: Vec<_> = json.as_object().unwrap().keys().collect();
        assert_eq!(names.len(), 8 + 3);
        for headline in report.definitions.keys() {
            assert!(json[headline].is_number(), "{headline}");
        }
    }

    #[test]
    fn costs_of_two_boots_are_not_compared() {
        let error = Data::of([a_boot(), a_boot()]).err().unwrap().to_string();
        assert!(error.contains("from 2 boots"), "{error}");
        assert!(Data::of([another_boot()]).is_err());
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = |boots| format!("{:#}", report(boots).err().unwrap());
        let mut records = a_boot();
        records.retain(|record| !matches!(record, Record::Decided(_)));
        let without = error(vec![records]);
        assert!(
            without.contains("user space, drain, idle, effect"),
            "{without}"
        );
        let without = error(vec![a_boot()]);
        assert!(without.contains("no raw data of a probe"), "{without}");
    }

    #[test]
    fn what_was_measured_is_said_with_its_load_and_turns() {
        let first = a_report().provenance.to_string();
        for what in [
            "replacement, scx_meta, idle",
            "flip, fifo+vtime, adopt, saturated, turns of 10 ms",
            "wake-up after 14 flips, drain, moderate",
        ] {
            assert!(first.contains(what), "{what}: {first}");
        }
    }
}
