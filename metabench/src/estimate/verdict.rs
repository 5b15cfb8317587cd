// SPDX-License-Identifier: GPL-2.0-only
//! What a ratio says in plain words.

use std::fmt;

use evidence::sample::Interval;

use crate::outcome::{Comparison, RowOutcome};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Better,
    Worse,
    /// It may be neither, or no more than EEVDF differs from itself.
    InsideNoise,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::InsideNoise => "inside the noise",
        })
    }
}

impl Verdict {
    /// Of a ratio, where more is better. `noise` is the same ratio of EEVDF to itself.
    fn of(ratio: Interval, noise: Interval) -> Self {
        let includes_one = ratio.low <= 1.0 && ratio.high >= 1.0;
        let within_noise = ratio.low >= noise.low && ratio.high <= noise.high;
        match ratio.estimate > 1.0 {
            _ if includes_one || within_noise => Self::InsideNoise,
            true => Self::Better,
            false => Self::Worse,
        }
    }

    fn turned(self) -> Self {
        match self {
            Self::Better => Self::Worse,
            Self::Worse => Self::Better,
            Self::InsideNoise => Self::InsideNoise,
        }
    }
}

/// Of a row's throughput, given EEVDF's own row.
pub(crate) fn throughput(row: &RowOutcome, eevdf: &RowOutcome) -> Verdict {
    Verdict::of(row.throughput_ratio, eevdf.throughput_ratio)
}

pub(crate) fn latency(row: &RowOutcome, eevdf: &RowOutcome) -> Option<Verdict> {
    Some(Verdict::of(row.latency_ratio?, eevdf.latency_ratio?).turned())
}

/// Of the throughput of a comparison: of what is no more than EEVDF differs from itself nobody can
/// tell, however narrow its interval.
pub(crate) fn throughput_asked(comparison: &Comparison, eevdf: Option<&RowOutcome>) -> Verdict {
    let noise = eevdf.map_or(ONE, |eevdf| eevdf.throughput_ratio);
    Verdict::of(comparison.throughput_ratio, noise)
}

pub(crate) fn latency_asked(
    comparison: &Comparison,
    eevdf: Option<&RowOutcome>,
) -> Option<Verdict> {
    let noise = eevdf.and_then(|eevdf| eevdf.latency_ratio).unwrap_or(ONE);
    Some(Verdict::of(comparison.latency_ratio?, noise).turned())
}

/// Of a floor that nobody measured.
const ONE: Interval = Interval {
    estimate: 1.0,
    low: 1.0,
    high: 1.0,
};

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(low: f64, high: f64) -> Interval {
        Interval {
            estimate: (low + high) / 2.0,
            low,
            high,
        }
    }

    #[test]
    fn only_what_leaves_both_one_and_the_noise_is_better_or_worse() {
        let noise = interval(0.96, 1.03);
        for (low, high, expected) in [
            (1.01, 1.05, Verdict::Better),
            (1.01, 1.02, Verdict::InsideNoise),
            (0.99, 1.20, Verdict::InsideNoise),
            (1.0, 1.20, Verdict::InsideNoise),
            (0.97, 0.99, Verdict::InsideNoise),
            (0.90, 0.97, Verdict::Worse),
            (0.80, 0.90, Verdict::Worse),
        ] {
            let ratio = interval(low, high);
            assert_eq!(Verdict::of(ratio, noise), expected, "{low} {high}");
        }
    }

    #[test]
    fn a_comparison_without_a_floor_stands_alone() {
        let comparison = |low, high| Comparison {
            what: "a against b".into(),
            throughput_ratio: interval(low, high),
            latency_ratio: Some(interval(low, high)),
            level: 0.99,
        };
        let asked = throughput_asked(&comparison(1.01, 1.02), None);
        assert_eq!(asked, Verdict::Better);
        let asked = |low, high| latency_asked(&comparison(low, high), None);
        assert_eq!(asked(1.01, 1.02), Some(Verdict::Worse));
        assert_eq!(asked(0.8, 0.9), Some(Verdict::Better));
    }
}
