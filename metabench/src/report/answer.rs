// SPDX-License-Identifier: GPL-2.0-only
//! Answers, which figures and sentences share: is this better than that?

use evidence::figure::{Dot, Standing};
use evidence::sample::Interval;

use super::words;
use crate::estimate::{Measure, Verdict, WINNER};
use crate::outcome::{Comparison, Outcome, RowOutcome, SubjectOutcome};

pub(crate) struct Answer {
    pub(crate) what: String,
    pub(crate) verdict: Verdict,
    pub(crate) ratio: Interval,
}

impl Answer {
    /// Of a row against EEVDF; none if it was not measured.
    pub(crate) fn of(row: &RowOutcome, subject: &SubjectOutcome, measure: Measure) -> Option<Self> {
        Some(Self {
            what: row.label.clone(),
            verdict: measure.verdict(row, &subject.eevdf)?,
            ratio: measure.ratio(row)?,
        })
    }

    pub(crate) fn dot(&self) -> Dot {
        let standing = match self.verdict {
            Verdict::Better => Standing::Better,
            Verdict::Worse => Standing::Worse,
            Verdict::InsideNoise => Standing::Unclear,
        };
        dot(&self.what, self.ratio, standing)
    }
}

pub(crate) fn dot(label: &str, value: Interval, standing: Standing) -> Dot {
    Dot {
        label: label.to_owned(),
        value,
        shown: words::change(value.estimate),
        standing,
    }
}

/// Answers to what was asked beforehand: of the winner against all else, and of others.
pub(crate) fn asked(outcome: &Outcome, measure: Measure) -> [Vec<Answer>; 2] {
    let answer = |what: &str, comparison: &Comparison| {
        Some(Answer {
            what: what.to_owned(),
            verdict: measure.answer(comparison, outcome.eevdf())?,
            ratio: measure.compared(comparison)?,
        })
    };
    let of_winner = format!("{WINNER} against ");
    let [mut winner, mut others] = [vec![], vec![]];
    for comparison in &outcome.comparisons {
        match comparison.what.strip_prefix(&of_winner) {
            Some(what) => winner.extend(answer(what, comparison)),
            None => others.extend(answer(&comparison.what, comparison)),
        }
    }
    [winner, others]
}
