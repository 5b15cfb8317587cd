// SPDX-License-Identifier: GPL-2.0-only
//! Numbers as people read them. On the page a ratio is a change in percent, or a factor where it is
//! more than that; a terminal's tables show the ratio itself.

use evidence::figure::ruler::{Axis, Scale};
use evidence::sample::Interval;

use crate::outcome::SubjectOutcome;

/// Outside, a percentage says less than a factor.
const PERCENT: std::ops::RangeInclusive<f64> = 0.4..=2.5;

/// A linear axis up to this ratio of its ends; beyond, its small changes would be dots on its line.
const LINEAR: f64 = 4.0;

/// `1.031`: effects are a few percent.
pub(crate) fn ratio(ratio: f64) -> String {
    format!("{ratio:.3}")
}

/// `0.990 .. 1.010`
pub(crate) fn bounds(interval: Interval) -> String {
    format!("{} .. {}", ratio(interval.low), ratio(interval.high))
}

/// `+3.1 %`, `× 12.3`
pub(crate) fn change(ratio: f64) -> String {
    if PERCENT.contains(&ratio) {
        return format!("{} %", signed(ratio));
    }
    let decimals = if ratio < 1.0 { 2 } else { 1 };
    format!("× {ratio:.decimals$}")
}

/// `+1.2 to +5.0 %`
pub(crate) fn between(ratio: Interval) -> String {
    let Interval { low, high, .. } = ratio;
    match PERCENT.contains(&low) && PERCENT.contains(&high) {
        true => format!("{} to {} %", signed(low), signed(high)),
        false => format!("{} to {}", change(low), change(high)),
    }
}

/// `+3.1 % (+1.2 to +5.0 %)`
pub(crate) fn with_interval(ratio: Interval) -> String {
    format!("{} ({})", change(ratio.estimate), between(ratio))
}

/// Percent with a sign, and none where there is nothing left of it.
fn signed(ratio: f64) -> String {
    match format!("{:.1}", (ratio - 1.0).abs() * 100.0) {
        zero if zero == "0.0" => zero,
        some if ratio > 1.0 => format!("+{some}"),
        some => format!("−{some}"),
    }
}

/// An axis for ratios, of a scale that shows the small and the large.
pub(crate) fn axis<'a>(label: &'a str, ratios: impl IntoIterator<Item = Interval>) -> Axis<'a> {
    let (min, max) = ratios
        .into_iter()
        .fold((1.0f64, 1.0f64), |(min, max), ratio| {
            (min.min(ratio.low), max.max(ratio.high))
        });
    let is_linear = min <= 0.0 || max / min <= LINEAR;
    let (scale, format): (_, fn(f64) -> String) = match is_linear {
        true => (Scale::Linear, percent_tick),
        false => (Scale::Log, factor_tick),
    };
    Axis {
        label,
        scale,
        format,
    }
}

fn percent_tick(ratio: f64) -> String {
    let percent = trimmed((ratio - 1.0).abs() * 100.0);
    let sign = match &*percent {
        "0" => "",
        _ if ratio > 1.0 => "+",
        _ => "−",
    };
    format!("{sign}{percent} %")
}

fn factor_tick(ratio: f64) -> String {
    // Three digits at most are not zero: these are 1, 2 and 5 times a power of ten.
    let rounded = format!("{ratio:.4}");
    let rounded = rounded.trim_end_matches('0').trim_end_matches('.');
    format!("× {rounded}")
}

/// `a`, `a and b`, `a, b and c`
pub(crate) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// `1 boot`, `3 boots`
pub(crate) fn count(n: usize, what: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{} {what}{s}", evidence::table::count(n as u64))
}

/// `frontend`, `rag, the whole`
pub(crate) fn heading(subject: &SubjectOutcome) -> String {
    let about = &subject.subject;
    let whole = if about.whole { ", the whole" } else { "" };
    format!("{}{whole}", about.name)
}

/// `2026-11-23 14:05`
pub(crate) fn minute(rfc3339: &str) -> String {
    let minute: String = rfc3339.chars().take(16).collect();
    minute.replace('T', " ")
}

/// Up to two decimals.
pub(crate) fn trimmed(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').into()
}

/// Four digits, or all of those before the point.
pub(crate) fn four_digits(number: f64) -> String {
    let whole = number.abs().max(1.0).log10().floor() as usize;
    format!("{number:.*}", 3_usize.saturating_sub(whole))
}

/// Three digits and more, as many as there are before the point.
pub(crate) fn figure(number: f64) -> String {
    match number.abs() {
        size if size >= 999.5 => evidence::table::count(number.round() as u64),
        size if size >= 99.95 => format!("{number:.0}"),
        size if size >= 9.995 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(estimate: f64, low: f64, high: f64) -> Interval {
        Interval {
            estimate,
            low,
            high,
        }
    }

    #[test]
    fn small_changes_are_percent_and_large_ones_factors() {
        let shown = [1.0314, 0.969, 1.0002, 0.9999, 2.5, 12.34, 0.123].map(change);
        assert_eq!(
            shown,
            ["+3.1 %", "−3.1 %", "0.0 %", "0.0 %", "+150.0 %", "× 12.3", "× 0.12"]
        );
        assert_eq!(
            with_interval(interval(1.031, 1.012, 1.05)),
            "+3.1 % (+1.2 to +5.0 %)"
        );
        assert_eq!(between(interval(1.5, 0.9, 3.0)), "−10.0 % to × 3.0");
    }

    #[test]
    fn the_axis_fits_what_it_shows() {
        let near = axis("", [interval(1.03, 0.9, 1.2)]);
        assert_eq!(near.scale, Scale::Linear);
        assert_eq!(
            [0.975, 1.0, 1.1].map(near.format),
            ["−2.5 %", "0 %", "+10 %"]
        );
        let far = axis("", [interval(0.3, 0.2, 0.4), interval(3.0, 2.0, 5.0)]);
        assert_eq!(far.scale, Scale::Log);
        assert_eq!(
            [0.005, 0.2, 1.0, 20.0].map(far.format),
            ["× 0.005", "× 0.2", "× 1", "× 20"]
        );
        // A logarithm cannot show zero.
        assert_eq!(axis("", [interval(0.1, 0.0, 0.4)]).scale, Scale::Linear);
    }

    #[test]
    fn words_join_as_people_join_them() {
        let items = ["a", "b", "c"].map(String::from);
        assert_eq!(list(&items[..1]), "a");
        assert_eq!(list(&items[..2]), "a and b");
        assert_eq!(list(&items), "a, b and c");
        assert_eq!(count(1, "boot"), "1 boot");
        assert_eq!(count(1200, "request"), "1,200 requests");
        let figures = [0.512, 44.123, 412.3, 1066.24].map(figure);
        assert_eq!(figures, ["0.51", "44.1", "412", "1,066"]);
        let figures = [0.01234, 1.23456, 44.123, 1066.24, 123_456.7].map(four_digits);
        assert_eq!(figures, ["0.012", "1.235", "44.12", "1066", "123457"]);
    }
}
