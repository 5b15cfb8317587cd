// SPDX-License-Identifier: GPL-2.0-only
//! What readers share: the numbers in what a command said, and how errors quote it.

use anyhow::{ensure, Context, Result};

use super::{histogram, Run};

/// Enough for the last words of every tool we know, and little enough for a terminal.
const TAIL_LINES: usize = 12;

/// The number in the only line that begins with `name`: the word after it.
pub fn number_after(said: &str, name: &str) -> Result<f64> {
    let mut found = said
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix(name));
    let rest = found
        .next()
        .with_context(|| format!("there is no `{name}`"))?;
    ensure!(found.next().is_none(), "there is more than one `{name}`");
    let word = rest.split_whitespace().next().unwrap_or_default();
    number(word).with_context(|| format!("`{name}`: not a number: `{word}`"))
}

/// A number that has no unit; `None` for `nan` and `inf` as well.
pub fn number(word: &str) -> Option<f64> {
    word.parse().ok().filter(|number: &f64| number.is_finite())
}

/// `82.00us`, `1.71ms`, `1.02s`, `1.00m`, `1.00h`: in microseconds.
pub fn microseconds(word: &str) -> Option<f64> {
    let units = [
        ("us", 1.0),
        ("ms", 1e3),
        ("s", 1e6),
        ("m", 60e6),
        ("h", 3600e6),
    ];
    units
        .iter()
        .find_map(|(unit, factor)| Some(number(word.strip_suffix(unit)?)? * factor))
}

/// The last lines, without histograms.
pub fn tail(run: &Run) -> String {
    let lines = run
        .said
        .lines()
        .filter(|line| !histogram::is_part(line) && !line.is_empty());
    let mut last: Vec<_> = lines.rev().take(TAIL_LINES).collect();
    if last.is_empty() {
        return "(nothing)".into();
    }
    last.reverse();
    last.join("\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(microseconds("82.50us"), Some(82.5));
        assert_eq!(microseconds("1.5ms"), Some(1500.0));
        assert_eq!(microseconds("2.00s"), Some(2e6));
        assert_eq!(microseconds("1.00m"), Some(60e6));
        assert_eq!(microseconds("7"), None);
        assert_eq!(microseconds("-nans"), None);
    }

    #[test]
    fn a_name_must_come_once_with_a_number() {
        assert_eq!(number_after("a\n  rate: 7 x\n", "rate:").unwrap(), 7.0);
        for (said, expected) in [
            ("", "there is no `rate:`"),
            ("rate: 1\nrate: 2", "there is more than one `rate:`"),
            ("rate: fast", "`rate:`: not a number: `fast`"),
            ("rate: nan", "`rate:`: not a number: `nan`"),
        ] {
            let error = number_after(said, "rate:").unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn the_tail_is_short_and_has_no_histogram() {
        let mut said: String = (0..40).map(|i| format!("line {i}\n")).collect();
        said += "latency_us 3 4\n";
        let took = Duration::ZERO;
        let tail_of = |said: String| tail(&Run { said, took });
        let quoted = tail_of(said);
        assert!(
            quoted.starts_with("line 28\n") && quoted.ends_with("line 39"),
            "{quoted}"
        );
        assert_eq!(tail_of(String::new()), "(nothing)");
    }
}
