// SPDX-License-Identifier: GPL-2.0-only
//! The costs of replacements and flips, and how many times longer a replacement takes.

use anyhow::{Context, Result};
use evidence::sample::{Interval, Statistic};
use evidence::spec::{Blocks, Row, Rows, Sample, Spec};
use serde::Serialize;

use super::record::Load;
use super::samples::{ADOPTION, EFFECT, FLIP, META, OTHERS, PRELOADED, TIMER, USER, WHOLE};

/// Turns at which the flip itself is measured, and those at which its effect is: what people run.
pub(crate) const SHORT_US: u32 = 10_000;
pub(crate) const LONG_US: u32 = 100_000;

/// The two policies whose flips are compared with their replacement.
pub(crate) const PAIR: [&str; 2] = ["fifo", "vtime"];

pub(crate) const LOADS: [Load; 2] = [Load::Idle, Load::Saturated];
pub(crate) const HANDOVERS: [&str; 2] = ["drain", "adopt"];

const REPLACED: Spec = Spec {
    by: &["sort", "load", "part"],
    blocks: Blocks::Of(1),
    statistic: Statistic::Median,
};

const COUNTED: Spec = Spec {
    by: &["sort", "load", "count"],
    blocks: Blocks::Of(1),
    statistic: Statistic::Mean,
};

/// Flips that follow each other resemble each other.
const FLIPPED: Spec = Spec {
    by: &[
        "rotation",
        "decided_by",
        "policies",
        "handover",
        "load",
        "turn_us",
        "part",
    ],
    blocks: Blocks::Of(20),
    statistic: Statistic::Median,
};

/// The work itself: replacement to timer callback.
pub(crate) const MECHANISM: &str = "mechanism";

/// Parts by which flips are compared.
const COMPARED: [(&str, &str); 5] = [
    (TIMER, MECHANISM),
    (TIMER, EFFECT),
    (TIMER, ADOPTION),
    (USER, EFFECT),
    (USER, ADOPTION),
];

pub(crate) struct Costs {
    pub(crate) replaced: Vec<Row>,
    pub(crate) counted: Vec<Row>,
    pub(crate) flipped: Vec<Row>,
}

/// How many times less our switch takes: `what` of a replacement of the sort `against`, to a flip.
#[derive(Serialize)]
pub(crate) struct RatioRow {
    pub(crate) what: &'static str,
    pub(crate) against: &'static str,
    pub(crate) decided_by: &'static str,
    pub(crate) handover: &'static str,
    pub(crate) load: Load,
    /// Median to median.
    pub(crate) ratio: Interval,
}

impl Costs {
    pub(crate) fn of(samples: &[Sample]) -> Result<Self> {
        Ok(Self {
            replaced: REPLACED.rows(samples)?,
            counted: COUNTED.rows(samples)?,
            flipped: FLIPPED.rows(samples)?,
        })
    }

    pub(crate) fn replaced(&self, sort: &str, load: Load, part: &str) -> Result<&Row> {
        let wanted = [("sort", sort), ("load", load.name()), ("part", part)];
        Rows::all(&self.replaced).get(&wanted)
    }

    /// Of flips of the pair of policies.
    pub(crate) fn flipped(
        &self,
        (decided_by, part): (&str, &str),
        handover: &str,
        load: Load,
    ) -> Result<&Row> {
        let turn_us = match (decided_by, part) {
            (USER, _) => 0,
            (_, FLIP) => SHORT_US,
            _ => LONG_US,
        };
        Rows::all(&self.flipped).get(&[
            ("decided_by", decided_by),
            ("handover", handover),
            ("load", load.name()),
            ("part", part),
            ("policies", &PAIR.join("+")),
            ("turn_us", &turn_us.to_string()),
        ])
    }

    /// Each rotation with its parts, those that the timer decided first.
    pub(crate) fn rotations(&self) -> Vec<Rows<'_>> {
        let rows = Rows::all(&self.flipped);
        let by = [TIMER, USER].into_iter();
        by.flat_map(|by| rows.of(&[("decided_by", by)]).split(&["rotation"]))
            .collect()
    }

    /// Like with like, under the same load.
    pub(crate) fn ratios(&self) -> Result<Vec<RatioRow>> {
        let mut rows = Vec::new();
        for load in LOADS {
            for handover in HANDOVERS {
                for against in [META, OTHERS, PRELOADED] {
                    for (decided_by, what) in COMPARED {
                        let (their, our) = parts(against, what);
                        let Ok(theirs) = self.replaced(against, load, their) else {
                            continue;
                        };
                        let ours = self.flipped((decided_by, our), handover, load)?;
                        rows.push(RatioRow {
                            what,
                            against,
                            decided_by,
                            handover,
                            load,
                            ratio: theirs.ratio_to(ours).with_context(|| {
                                format!("{what} against {against}, {handover}, {}", load.name())
                            })?,
                        });
                    }
                }
            }
        }
        Ok(rows)
    }
}

/// Theirs and ours. Nobody tells of the tasks of other schedulers: being in charge stands for them.
fn parts(against: &str, what: &'static str) -> (&'static str, &'static str) {
    match (against, what) {
        (_, MECHANISM) => (WHOLE, FLIP),
        (OTHERS, _) => (WHOLE, what),
        _ => (what, what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::report::tests::a_boot;
    use crate::switch::samples::Data;

    #[test]
    fn user_space_s_decisions_are_compared_as_well() {
        let data = Data::of([a_boot()]).unwrap();
        let rows = Costs::of(&data.samples).unwrap().ratios().unwrap();
        let row = rows.iter().find(|row| {
            row.decided_by == USER
                && row.what == EFFECT
                && row.against == PRELOADED
                && row.load == Load::Idle
        });
        // 2.1 ms to (1,000 - 900 + 100) ns.
        assert_eq!(row.unwrap().ratio.estimate, 10_500.0);
        // Each load and hand-over: three sorts, five ratios.
        assert_eq!(rows.len(), 2 * 2 * 3 * 5);
    }
}
