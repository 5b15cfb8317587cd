// SPDX-License-Identifier: GPL-2.0-only
//! A ratio in plain words.

use std::fmt;

use evidence::sample::Interval;

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
    pub(super) fn of(ratio: Interval, noise: Interval) -> Self {
        let includes_one = ratio.low <= 1.0 && ratio.high >= 1.0;
        let within_noise = ratio.low >= noise.low && ratio.high <= noise.high;
        match ratio.estimate > 1.0 {
            _ if includes_one || within_noise => Self::InsideNoise,
            true => Self::Better,
            false => Self::Worse,
        }
    }

    /// Of a ratio where less is better.
    pub(super) fn turned(self) -> Self {
        match self {
            Self::Better => Self::Worse,
            Self::Worse => Self::Better,
            Self::InsideNoise => Self::InsideNoise,
        }
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
    }
}
