// SPDX-License-Identifier: GPL-2.0-only
//! Numbers of an outcome as people read them.

use evidence::sample::Interval;

/// Three decimals: effects are a few percent.
pub(crate) fn ratio(ratio: f64) -> String {
    format!("{ratio:.3}")
}

/// `0.990 .. 1.010`
pub(crate) fn between(interval: Interval) -> String {
    format!("{} .. {}", ratio(interval.low), ratio(interval.high))
}

/// What is not there is a dash.
pub(crate) fn or_dash(interval: Option<Interval>, show: impl Fn(Interval) -> String) -> String {
    interval.map_or_else(|| "-".into(), show)
}

/// Four digits, or all of those before the point.
pub(crate) fn figure(number: f64) -> String {
    let whole = number.abs().max(1.0).log10().floor() as usize;
    format!("{number:.*}", 3_usize.saturating_sub(whole))
}

/// Up to two decimals.
pub(crate) fn trimmed(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_four_digits() {
        let shown = [0.01234, 1.23456, 44.123, 1066.24, 123_456.7].map(figure);
        assert_eq!(shown, ["0.012", "1.235", "44.12", "1066", "123457"]);
    }
}
