// SPDX-License-Identifier: GPL-2.0-only
//! The two things that are measured of a row, so that figures, tables and sentences treat both
//! alike.

use evidence::sample::Interval;

use crate::estimate::{
    latency_asked, latency_verdict, throughput_asked, throughput_verdict, Verdict,
};
use crate::outcome::{Comparison, Outcome, RowOutcome, SubjectOutcome};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// More is better.
    Throughput,
    /// Less is better.
    Latency,
}

impl Measure {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Throughput, Self::Latency];

    /// As part of a file's name.
    pub fn stem(self) -> &'static str {
        match self {
            Self::Throughput => "throughput",
            Self::Latency => "latency",
        }
    }

    /// Of subjects, with the quantile if they have the same one.
    pub fn name<'a>(self, subjects: impl IntoIterator<Item = &'a SubjectOutcome>) -> String {
        if self == Self::Throughput {
            return "throughput".into();
        }
        let mut quantiles: Vec<_> = subjects.into_iter().filter_map(|s| s.quantile).collect();
        quantiles.sort_unstable();
        quantiles.dedup();
        match quantiles[..] {
            [one] => format!("p{one} latency"),
            _ => "latency".into(),
        }
    }

    /// Which way is better, for the label of an axis: `throughput against EEVDF, more is better`.
    pub fn towards_better(self, what: &str) -> String {
        match self {
            Self::Throughput => format!("{what}, more is better →"),
            Self::Latency => format!("← less is better, {what}"),
        }
    }

    /// A row's, relative to EEVDF; of EEVDF itself it is the noise floor.
    pub fn ratio(self, row: &RowOutcome) -> Option<Interval> {
        match self {
            Self::Throughput => Some(row.throughput_ratio),
            Self::Latency => row.latency_ratio,
        }
    }

    /// What to think of a row.
    pub fn verdict(self, row: &RowOutcome, eevdf: &RowOutcome) -> Option<Verdict> {
        match self {
            Self::Throughput => Some(throughput_verdict(row, eevdf)),
            Self::Latency => latency_verdict(row, eevdf),
        }
    }

    /// A comparison's.
    pub fn compared(self, comparison: &Comparison) -> Option<Interval> {
        match self {
            Self::Throughput => Some(comparison.throughput_ratio),
            Self::Latency => comparison.latency_ratio,
        }
    }

    /// What to think of a comparison.
    pub fn answer(self, comparison: &Comparison, eevdf: Option<&RowOutcome>) -> Option<Verdict> {
        match self {
            Self::Throughput => Some(throughput_asked(comparison, eevdf)),
            Self::Latency => latency_asked(comparison, eevdf),
        }
    }

    /// The noise floor of the whole.
    pub fn noise(self, outcome: &Outcome) -> Option<Interval> {
        self.ratio(outcome.eevdf()?)
    }
}
