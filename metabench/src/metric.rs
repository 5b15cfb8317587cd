// SPDX-License-Identifier: GPL-2.0-only
//! The unit of `try`, and how changes of it are said. Trials know throughput only, of which
//! more is better; people ask for run times and latencies, too.

use evidence::sample::Interval;
use evidence::table::time_ns;

/// The unit where no metric is read: the command's run time counts.
pub(crate) const RUNS: &str = "runs of the command/s";

/// Before the unit of a metric of which less is better: throughput is 1 ÷ the metric.
pub(crate) const INVERSE: &str = "1 ÷ ";

/// How the metric is shown, and what is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Metric<'a> {
    /// Runs a second, shown as the time of a run.
    RunTime,
    /// More is better.
    More(&'a str),
    /// Less is better.
    Less(&'a str),
}

impl<'a> Metric<'a> {
    pub(crate) fn of(unit: &'a str) -> Self {
        match unit.strip_prefix(INVERSE) {
            _ if unit == RUNS => Self::RunTime,
            Some(unit) => Self::Less(unit),
            None => Self::More(unit),
        }
    }

    pub(crate) fn head(self) -> String {
        match self {
            Self::RunTime => "time of a run".into(),
            Self::More(unit) => unit.into(),
            Self::Less(unit) => format!("{unit}, less is better"),
        }
    }

    /// From throughput to what people asked for.
    pub(crate) fn value(self, throughput: Interval) -> Interval {
        match self {
            Self::More(_) => throughput,
            Self::RunTime | Self::Less(_) => throughput.inverse(),
        }
    }

    pub(crate) fn number(self, value: f64) -> String {
        match self {
            Self::RunTime => time_ns(value * 1e9),
            Self::More(_) | Self::Less(_) => four_digits(value),
        }
    }

    /// `3.1 % more (2.0 to 4.4 %)`
    pub(crate) fn change(self, ratio: Interval) -> String {
        self.change_to(ratio, "")
    }

    pub(crate) fn change_to(self, ratio: Interval, than: &str) -> String {
        let Interval {
            estimate,
            low,
            high,
        } = self.percent(ratio);
        let (more, less) = match self {
            Self::RunTime => ("faster", "slower"),
            _ => ("more", "less"),
        };
        let (word, sign) = if estimate < 0.0 {
            (less, -1.0)
        } else {
            (more, 1.0)
        };
        let (mut from, mut to) = (low * sign, high * sign);
        if from > to {
            (from, to) = (to, from);
        }
        let size = estimate * sign;
        format!("{size:.1} % {word}{than} ({from:.1} to {to:.1} %)")
    }

    /// `-0.9 to +1.2 %`
    pub(crate) fn range(self, ratio: Interval) -> String {
        let Interval { low, high, .. } = self.percent(ratio);
        format!("{low:+.1} to {high:+.1} %")
    }

    /// How much the figure changes; for run times, how much the speed does.
    fn percent(self, ratio: Interval) -> Interval {
        let ratio = match self {
            Self::Less(_) => ratio.inverse(),
            Self::RunTime | Self::More(_) => ratio,
        };
        let percent = |ratio: f64| (ratio - 1.0) * 100.0;
        Interval {
            estimate: percent(ratio.estimate),
            low: percent(ratio.low),
            high: percent(ratio.high),
        }
    }
}

/// A figure of unknown size: `0.01235`, `12.35`, `123457`.
fn four_digits(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let digits_before = value.abs().log10().floor() as i32;
    let decimals = (3 - digits_before).clamp(0, 12) as usize;
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_four_digits() {
        let shown = [0.0123456, 12.3456, 1234.56, 123_456.7, 0.0].map(four_digits);
        assert_eq!(shown, ["0.01235", "12.35", "1235", "123457", "0"]);
    }
}
