// SPDX-License-Identifier: GPL-2.0-only
//! The two things that are measured of a row, so that figures, tables, sentences and choices treat
//! both alike.

use evidence::sample::Interval;

use super::Verdict;
use crate::outcome::{Comparison, Outcome, RowOutcome, SubjectOutcome};
use crate::record::Measure;

/// Stands for a floor that was not measured.
const ONE: Interval = Interval {
    estimate: 1.0,
    low: 1.0,
    high: 1.0,
};

impl Measure {
    pub(crate) const ALL: [Self; 2] = [Self::Throughput, Self::Latency];

    /// For names of files and heads of columns.
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

    /// As [`Self::ratio`], but more is better.
    pub(crate) fn gain(self, row: &RowOutcome) -> Option<Interval> {
        let ratio = self.ratio(row)?;
        Some(match self {
            Self::Throughput => ratio,
            Self::Latency => ratio.inverse(),
        })
    }

    pub(crate) fn compared(self, comparison: &Comparison) -> Option<Interval> {
        match self {
            Self::Throughput => Some(comparison.throughput_ratio),
            Self::Latency => comparison.latency_ratio,
        }
    }

    /// The noise floor of the whole.
    pub(crate) fn noise(self, outcome: &Outcome) -> Option<Interval> {
        self.ratio(outcome.eevdf()?)
    }

    /// On a row, given EEVDF's own; none without latencies.
    pub(crate) fn verdict(self, row: &RowOutcome, eevdf: &RowOutcome) -> Option<Verdict> {
        Some(self.judge(self.ratio(row)?, self.ratio(eevdf)?))
    }

    /// On a comparison: a difference no larger than EEVDF's from itself is noise, however narrow its
    /// interval.
    pub(crate) fn answer(
        self,
        comparison: &Comparison,
        eevdf: Option<&RowOutcome>,
    ) -> Option<Verdict> {
        let noise = eevdf.and_then(|eevdf| self.ratio(eevdf)).unwrap_or(ONE);
        Some(self.judge(self.compared(comparison)?, noise))
    }

    fn judge(self, ratio: Interval, noise: Interval) -> Verdict {
        let verdict = Verdict::of(ratio, noise);
        match self {
            Self::Throughput => verdict,
            Self::Latency => verdict.turned(),
        }
    }

    /// The best of these rows, of those in which it was measured.
    pub(crate) fn best<'a>(
        self,
        rows: impl Iterator<Item = &'a RowOutcome>,
    ) -> Option<&'a RowOutcome> {
        let loss = |row: &RowOutcome| {
            let ratio = self.ratio(row)?.estimate;
            Some(match self {
                Self::Throughput => -ratio,
                Self::Latency => ratio,
            })
        };
        rows.filter_map(|row| Some((loss(row)?, row)))
            .min_by(|(a, _), (b, _)| a.total_cmp(b))
            .map(|(_, row)| row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comparison_without_a_floor_stands_alone() {
        let interval = |low, high| Interval {
            estimate: (low + high) / 2.0,
            low,
            high,
        };
        let comparison = |low, high| Comparison {
            what: "a against b".into(),
            throughput_ratio: interval(low, high),
            latency_ratio: Some(interval(low, high)),
            level: 0.99,
        };
        let asked = |measure: Measure, low, high| measure.answer(&comparison(low, high), None);
        for (measure, more, less) in [
            (Measure::Throughput, Verdict::Better, Verdict::Worse),
            (Measure::Latency, Verdict::Worse, Verdict::Better),
        ] {
            assert_eq!(asked(measure, 1.01, 1.02), Some(more));
            assert_eq!(asked(measure, 0.8, 0.9), Some(less));
        }
    }
}
