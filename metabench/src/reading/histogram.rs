// SPDX-License-Identifier: GPL-2.0-only
//! Latency histograms as lines of text: how a wrk script, `scx_metabench probe` or any load of
//! yours says all its latencies.
//!
//! ```text
//! latency_us 41.5 3        microseconds, and how many requests took so long
//! latency_us 97 1          values rise from line to line
//! ```

use std::time::Duration;

use anyhow::{ensure, Context, Result};

use super::said;

/// First word of each line.
const WORD: &str = "latency_us";

/// (µs, how many), in rising order.
pub(crate) type Bins = Vec<(f64, u64)>;

/// The histogram in what a load said, if there is one.
pub(crate) fn read(said: &str) -> Result<Option<Bins>> {
    let bins: Bins = said
        .lines()
        .filter(|line| is_part(line))
        .map(|line| bin(line).with_context(|| format!("not `{WORD} VALUE COUNT`: `{line}`")))
        .collect::<Result<_>>()?;
    // Two histograms in one text would be the latencies of two things.
    ensure!(
        bins.windows(2).all(|pair| pair[0].0 < pair[1].0),
        "the values of `{WORD}` do not rise: is there more than one histogram?"
    );
    Ok(Some(pooled(bins)).filter(|bins| !bins.is_empty()))
}

/// Is this line one of a histogram?
pub(crate) fn is_part(line: &str) -> bool {
    line.split_whitespace().next() == Some(WORD)
}

/// Of single latencies.
pub(crate) fn of(latencies: impl Iterator<Item = Duration>) -> Bins {
    pooled(latencies.map(|latency| (latency.as_secs_f64() * 1e6, 1)))
}

/// One bin for each value, in rising order; empty ones are left out.
pub(crate) fn pooled(bins: impl IntoIterator<Item = (f64, u64)>) -> Bins {
    let mut bins: Bins = bins.into_iter().filter(|(_, n)| *n > 0).collect();
    for (value, _) in &mut bins {
        *value = rounded(*value);
    }
    bins.sort_unstable_by(|(a, _), (b, _)| a.total_cmp(b));
    bins.dedup_by(|(value, n), (earlier, sum)| {
        let same = value == earlier;
        if same {
            *sum += *n;
        }
        same
    });
    bins
}

/// The lines of a histogram.
pub(crate) fn lines(bins: &[(f64, u64)]) -> String {
    bins.iter()
        .map(|(value, n)| format!("{WORD} {value} {n}\n"))
        .collect()
}

fn bin(line: &str) -> Option<(f64, u64)> {
    let mut words = line.split_whitespace().skip(1);
    let value = said::number(words.next()?).filter(|value| *value >= 0.0)?;
    let n = words.next()?.parse().ok()?;
    words.next().is_none().then_some((value, n))
}

/// Four digits: 0.05 % at most, far below what any of our intervals can tell, and thousands of
/// values less in the raw data.
fn rounded(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let bins = vec![(0.0, 1), (41.5, 3), (97.0, 1), (123_400.0, 2)];
        let said = format!("before\n{}after\n", lines(&bins));
        assert_eq!(read(&said).unwrap(), Some(bins));
        assert_eq!(read("no latency_us here").unwrap(), None);
    }

    #[test]
    fn values_are_rounded_to_four_digits_and_then_merged() {
        let bins = pooled([
            (123_456.0, 1),
            (15.0, 2),
            (123_459.0, 4),
            (15.0, 1),
            (8.0, 0),
        ]);
        assert_eq!(bins, [(15.0, 3), (123_500.0, 5)]);
    }

    #[test]
    fn broken_lines_are_errors() {
        for line in [
            "latency_us",
            "latency_us 3",
            "latency_us 3 x",
            "latency_us -3 1",
            "latency_us nan 1",
            "latency_us 3 1 1",
            "latency_us 3 1.5",
        ] {
            let error = read(line).unwrap_err().to_string();
            assert!(error.contains(&format!("`{line}`")), "{error}");
        }
        let error = read("latency_us 3 1\nlatency_us 3 1").unwrap_err();
        assert!(error.to_string().contains("do not rise"), "{error}");
    }
}
