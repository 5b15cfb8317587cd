// SPDX-License-Identifier: GPL-2.0-only
//! Numbers and units in what a command said, and how errors quote it.

use anyhow::{bail, Result};

use super::{histogram, Run};

/// Enough for the last words of every tool we know, and little enough for a terminal.
const TAIL_LINES: usize = 12;

/// A number that has no unit; `None` for `nan` and `inf` as well.
pub(super) fn number(word: &str) -> Option<f64> {
    word.parse().ok().filter(|number: &f64| number.is_finite())
}

/// A unit of time, as tools print it, in microseconds.
pub(super) fn unit_us(word: &str) -> Result<f64> {
    Ok(match word {
        "ns" => 1e-3,
        "us" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        "m" => 60e6,
        "h" => 3600e6,
        _ => bail!("`{word}` is not a unit of time: ns, us, ms, s, m or h"),
    })
}

/// The last lines, without histograms.
pub(super) fn tail(run: &Run) -> String {
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
