// SPDX-License-Identifier: GPL-2.0-only
//! What a ratio says in plain words.

use std::fmt;

use crate::outcome::RowOutcome;
use crate::sample::Interval;

/// Compared with EEVDF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Surely better.
    Better,
    /// Surely worse.
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
pub fn throughput(row: &RowOutcome, eevdf: &RowOutcome) -> Verdict {
    Verdict::of(row.throughput_ratio, eevdf.throughput_ratio)
}

/// Of its latency; none without latencies.
pub fn latency(row: &RowOutcome, eevdf: &RowOutcome) -> Option<Verdict> {
    Some(Verdict::of(row.latency_ratio?, eevdf.latency_ratio?).turned())
}

/// Of a ratio that is already to something else than EEVDF: what its interval says alone.
pub fn alone(ratio: Interval, more_is_better: bool) -> Verdict {
    let one = Interval {
        estimate: 1.0,
        low: 1.0,
        high: 1.0,
    };
    let verdict = Verdict::of(ratio, one);
    if more_is_better {
        verdict
    } else {
        verdict.turned()
    }
}

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
        assert_eq!(alone(interval(1.01, 1.02), true), Verdict::Better);
        assert_eq!(alone(interval(1.01, 1.02), false), Verdict::Worse);
        assert_eq!(alone(interval(0.8, 0.9), false), Verdict::Better);
    }
}
