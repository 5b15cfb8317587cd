// SPDX-License-Identifier: GPL-2.0-only
//! Which row `tune` takes for the best: frozen, and measured afresh by `compare`.

use anyhow::{Context, Result};
use labkit::charge::setting::Setting;

use super::Measure;
use crate::outcome::{Outcome, RowOutcome, SubjectOutcome};
use crate::record::Role;

/// The two that `compare` puts against each other.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Choice {
    /// The best of the rotations by scx_meta.
    pub(crate) winner: RowOutcome,
    pub(crate) single: RowOutcome,
}

impl Choice {
    pub(crate) fn of(outcome: &Outcome, by: Measure) -> Result<Self> {
        let whole = outcome.whole().context("tune measured nothing")?;
        let is_rotation = |row: &&RowOutcome| {
            matches!(row.role, Some(Role::Strategy { .. }))
                && matches!(row.setting, Setting::Rotate { .. })
        };
        let winner = by.best(whole.rows.iter().filter(is_rotation));
        Ok(Self {
            winner: winner
                .context("tune measured no rotation of two policies and more")?
                .clone(),
            single: best_held(whole, by)
                .context("tune measured no policy alone")?
                .clone(),
        })
    }

    /// The best rotations by throughput and by latency, perhaps the same; nothing without
    /// latencies.
    pub(crate) fn optima(outcome: &Outcome) -> Option<(String, String)> {
        let by = |by| Self::of(outcome, by).ok().map(|choice| choice.winner.label);
        Some((by(Measure::Throughput)?, by(Measure::Latency)?))
    }
}

/// The policy that, held, was best.
pub(crate) fn best_held(subject: &SubjectOutcome, by: Measure) -> Option<&RowOutcome> {
    let is_single = |row: &&RowOutcome| matches!(row.role, Some(Role::Single));
    by.best(subject.rows.iter().filter(is_single))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::estimate::made::{held, strategies, Made};

    fn outcome() -> Outcome {
        let made = Made {
            rows: vec![
                held("fifo", 1.05, 1.2),
                held("vtime", 0.97, 0.9),
                strategies(&["delta"], 20_000, 1.08, 1.1),
                strategies(&["delta"], 100_000, 1.02, 0.7),
            ],
            ..Made::default()
        };
        made.outcome()
    }

    pub(crate) fn choice(by: Measure) -> Choice {
        Choice::of(&outcome(), by).unwrap()
    }

    #[test]
    fn the_best_depends_on_what_it_is_best_in() {
        let labels = |by| {
            let choice = choice(by);
            [choice.winner.label, choice.single.label]
        };
        assert_eq!(labels(Measure::Throughput), ["delta @ 20ms", "fifo"]);
        assert_eq!(labels(Measure::Latency), ["delta @ 100ms", "vtime"]);
        let optima = Choice::optima(&outcome()).unwrap();
        assert_eq!(optima, ("delta @ 20ms".into(), "delta @ 100ms".into()));
    }

    #[test]
    fn replacing_processes_is_no_rotation_of_scx_meta() {
        let mut outcome = outcome();
        for row in &mut outcome.subjects[0].rows {
            if let Setting::Rotate { weights, period_us } = row.setting.clone() {
                row.setting = Setting::Replace { weights, period_us };
            }
        }
        let error = Choice::of(&outcome, Measure::Throughput)
            .unwrap_err()
            .to_string();
        assert_eq!(error, "tune measured no rotation of two policies and more");
    }
}
