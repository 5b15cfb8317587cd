// SPDX-License-Identifier: GPL-2.0-only
//! What `switch.json` holds: the headlines, what they mean, and all that they are picked from.

use std::collections::BTreeMap;

use anyhow::{ensure, Context, Result};
use evidence::provenance::Provenance;
use serde::Serialize;

use super::costs::Estimate;
use super::data::PAIR;
use super::details::{Details, ADOPTION, EFFECT, FLIP, META, PRELOADED, TIMER, WHOLE};
use super::ratios::MECHANISM;
use super::record::Load;
use super::windows::{Against, Direction};

const NS_PER_MS: f64 = 1e6;

/// The whole file.
#[derive(Serialize)]
pub struct Report {
    pub replacement_ms_median: f64,
    pub preloaded_ms_median: f64,
    pub flip_ns_median: f64,
    pub ratio_mechanism: f64,
    pub ratio_effect: f64,
    pub ratio_adoption: f64,
    /// Unknown before kernel 6.18.
    pub bypass_activations: Option<u64>,
    pub probe_p99_ratio_upper: f64,
    pub definitions: BTreeMap<&'static str, String>,
    pub provenance: Provenance,
    pub details: Details,
}

impl Details {
    fn ratio(&self, what: &str) -> Result<f64> {
        let row = self.ratios.iter().find(|row| {
            row.what == what
                && row.against == META
                && row.decided_by == TIMER
                && row.handover == self.default_handover
                && row.load == Load::Saturated
        });
        let row = row.with_context(|| format!("no raw data for the ratio {what}"))?;
        Ok(row.ratio.estimate)
    }

    fn probe_upper(&self) -> Result<f64> {
        let uppers = self
            .headline_probe()?
            .comparisons
            .iter()
            .filter(|c| c.against == Against::Rest && matches!(c.direction, Direction::To(_)));
        let uppers: Vec<_> = uppers.map(|c| c.ratio_p99.high).collect();
        ensure!(
            uppers.len() == PAIR.len(),
            "the probe saw {} directions of {}",
            uppers.len(),
            PAIR.len()
        );
        Ok(uppers.into_iter().fold(0.0, f64::max))
    }

    fn bypasses(&self) -> Option<u64> {
        self.counted.iter().map(|row| row.counted.bypasses).sum()
    }

    /// With the headlines on top.
    pub fn report(self, provenance: Provenance) -> Result<Report> {
        let load = Load::Saturated;
        let ms = |estimate: &Estimate| estimate.median.estimate / NS_PER_MS;
        let flip = self.flipped((TIMER, FLIP), &self.default_handover, load)?;
        Ok(Report {
            replacement_ms_median: ms(self.replaced(META, load, WHOLE)?),
            preloaded_ms_median: ms(self.replaced(PRELOADED, load, WHOLE)?),
            flip_ns_median: flip.median.estimate,
            ratio_mechanism: self.ratio(MECHANISM)?,
            ratio_effect: self.ratio(EFFECT)?,
            ratio_adoption: self.ratio(ADOPTION)?,
            bypass_activations: self.bypasses(),
            probe_p99_ratio_upper: self.probe_upper()?,
            definitions: definitions(&self.default_handover),
            provenance,
            details: self,
        })
    }
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
    use crate::switch::costs::tests::{a_replacement, a_turn};
    use crate::switch::data::{Data, LONG_US, SHORT_US};
    use crate::switch::details::details;
    use crate::switch::record::{
        Case, Counted, Decided, Flips, Preloaded, Record, Replacement, Settings,
    };
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

    fn provenance() -> Provenance {
        let machine = labkit::machine::Machine::here().unwrap();
        Provenance::new("", [machine], vec![], "").unwrap()
    }

    #[test]
    fn the_headlines_are_those_that_are_defined() {
        let data = Data::of([a_boot(), another_boot()]).unwrap();
        let report = details(&data).unwrap().report(provenance()).unwrap();
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
        let mut records = a_boot();
        records.retain(|record| !matches!(record, Record::Decided(_)));
        let data = Data::of([records]).unwrap();
        let error = format!("{:#}", details(&data).err().unwrap());
        assert!(error.contains("decided flips: drain, idle"), "{error}");
        let data = Data::of([a_boot()]).unwrap();
        let report = details(&data).unwrap().report(provenance());
        let error = format!("{:#}", report.err().unwrap());
        assert!(error.contains("no raw data of a probe"), "{error}");
    }
}
