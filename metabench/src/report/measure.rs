// SPDX-License-Identifier: GPL-2.0-only
//! The two things that are measured of a row, so that figures, tables and sentences treat both
//! alike.

use evidence::sample::Interval;

use crate::estimate::{
    latency_asked, latency_verdict, throughput_asked, throughput_verdict, Verdict,
};
use crate::outcome::{Comparison, Outcome, RowOutcome, SubjectOutcome};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// More is better.
    Throughput,
    /// Less is better.
    Latency,
}

impl Measure {
    pub(crate) const ALL: [Self; 2] = [Self::Throughput, Self::Latency];

    pub(crate) fn stem(self) -> &'static str {
        match self {
            Self::Throughput => "throughput",
            Self::Latency => "latency",
        }
    }

    /// Of subjects, with the quantile if they have the same one.
    pub(crate) fn name<'a>(self, subjects: impl IntoIterator<Item = &'a SubjectOutcome>) -> String {
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
    pub(crate) fn towards_better(self, what: &str) -> String {
        match self {
            Self::Throughput => format!("{what}, more is better →"),
            Self::Latency => format!("← less is better, {what}"),
        }
    }

    /// A row's, relative to EEVDF; of EEVDF itself it is the noise floor.
    pub(crate) fn ratio(self, row: &RowOutcome) -> Option<Interval> {
        match self {
            Self::Throughput => Some(row.throughput_ratio),
            Self::Latency => row.latency_ratio,
        }
    }

    pub(crate) fn verdict(self, row: &RowOutcome, eevdf: &RowOutcome) -> Option<Verdict> {
        match self {
            Self::Throughput => Some(throughput_verdict(row, eevdf)),
            Self::Latency => latency_verdict(row, eevdf),
        }
    }

    pub(crate) fn compared(self, comparison: &Comparison) -> Option<Interval> {
        match self {
            Self::Throughput => Some(comparison.throughput_ratio),
            Self::Latency => comparison.latency_ratio,
        }
    }

    pub(crate) fn answer(
        self,
        comparison: &Comparison,
        eevdf: Option<&RowOutcome>,
    ) -> Option<Verdict> {
        match self {
            Self::Throughput => Some(throughput_asked(comparison, eevdf)),
            Self::Latency => latency_asked(comparison, eevdf),
        }
    }

    pub(crate) fn noise(self, outcome: &Outcome) -> Option<Interval> {
        self.ratio(outcome.eevdf()?)
    }
}
