// SPDX-License-Identifier: GPL-2.0-only
//! schbench, which prints on standard error, and again every few seconds; the last block is that
//! of the whole run:
//!
//! ```text
//! Wakeup Latencies percentiles (usec) runtime 3 (s) (1771 total samples)
//!      50.0th: 3          (229 samples)
//!    * 99.0th: 30         (157 samples)
//! …
//! average rps: 590.33
//! ```

use anyhow::{ensure, Context, Result};

use super::{said, Done};
use crate::trial::record::Latency;

const BLOCK: &str = "Wakeup Latencies percentiles (usec) runtime ";

pub fn read(said: &str) -> Result<Done> {
    let rate = said::number_after(said, "average rps:")?;
    let (_, block) = said
        .rsplit_once(BLOCK)
        .with_context(|| format!("there is no `{}`", BLOCK.trim_end()))?;
    let mut lines = block.lines();
    let head = lines.next().unwrap_or_default();
    let (seconds, n) =
        runtime_and_samples(head).with_context(|| format!("not understood: `{BLOCK}{head}`"))?;
    let at: Vec<_> = lines.map_while(quantile).collect();
    ensure!(
        !at.is_empty(),
        "there are no percentiles below `{BLOCK}{head}`"
    );
    Ok(Done {
        operations: rate * seconds,
        seconds,
        latency: Some(Latency::Quantiles { n, at }),
    })
}

/// `3 (s) (1771 total samples)`
fn runtime_and_samples(head: &str) -> Option<(f64, u64)> {
    let (seconds, rest) = head.split_once(" (s) (")?;
    let (samples, _) = rest.split_once(" total samples)")?;
    Some((said::number(seconds)?, samples.parse().ok()?))
}

/// `  * 99.0th: 30         (157 samples)`
fn quantile(line: &str) -> Option<(f64, f64)> {
    let (percent, rest) = line
        .trim_start_matches(['\t', ' ', '*'])
        .split_once("th: ")?;
    let us = rest.split_whitespace().next()?;
    Some((said::number(percent)?, said::number(us)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of schbench at 24e32b8, 2025: `-m 1 -t 2 -r 3 -i 1`, first and last block.
    const SAID: &str = "\
Wakeup Latencies percentiles (usec) runtime 1 (s) (583 total samples)
\t  50.0th: 4          (104 samples)
\t  90.0th: 24         (206 samples)
\t* 99.0th: 35         (49 samples)
\t  99.9th: 3260       (5 samples)
\t  min=1, max=3256
Request Latencies percentiles (usec) runtime 1 (s) (581 total samples)
\t  50.0th: 3268       (172 samples)
\t  90.0th: 3460       (227 samples)
\t* 99.0th: 4760       (53 samples)
\t  99.9th: 5416       (5 samples)
\t  min=3023, max=5423
RPS percentiles (requests) runtime 1 (s) (2 total samples)
\t  20.0th: 0          (1 samples)
\t* 50.0th: 0          (0 samples)
\t  90.0th: 581        (1 samples)
\t  min=580, max=580
sched delay: message 57 (usec) worker 9 (usec)
current rps: 580.95
Wakeup Latencies percentiles (usec) runtime 3 (s) (1771 total samples)
\t  50.0th: 3          (229 samples)
\t  90.0th: 22         (675 samples)
\t* 99.0th: 30         (157 samples)
\t  99.9th: 2388       (16 samples)
\t  min=1, max=3256
Request Latencies percentiles (usec) runtime 3 (s) (1771 total samples)
\t  50.0th: 3260       (537 samples)
\t  90.0th: 3412       (685 samples)
\t* 99.0th: 4664       (162 samples)
\t  99.9th: 5384       (13 samples)
\t  min=2999, max=5423
RPS percentiles (requests) runtime 3 (s) (4 total samples)
\t  20.0th: 0          (1 samples)
\t* 50.0th: 581        (1 samples)
\t  90.0th: 593        (2 samples)
\t  min=580, max=593
average rps: 590.33
sched delay: message 0 (usec) worker 0 (usec)
";

    #[test]
    fn the_last_wakeup_block_and_the_average_rate_are_read() {
        let done = read(SAID).unwrap();
        assert!((done.operations / done.seconds - 590.33).abs() < 1e-9);
        assert_eq!(done.seconds, 3.0);
        let at = vec![(50.0, 3.0), (90.0, 22.0), (99.0, 30.0), (99.9, 2388.0)];
        assert_eq!(done.latency, Some(Latency::Quantiles { n: 1771, at }));
    }

    #[test]
    fn a_run_cut_short_and_other_text_are_errors() {
        let error = |said: &str| read(said).unwrap_err().to_string();
        assert_eq!(
            error(&SAID.replace("average rps: 590.33", "")),
            "there is no `average rps:`"
        );
        assert!(error("average rps: 590.33").contains("Wakeup Latencies"));
        let torn = SAID.replace("(1771 total samples)", "(1771");
        assert!(error(&torn).contains("not understood"));
        let bare = format!("{BLOCK}3 (s) (1771 total samples)\naverage rps: 590.33");
        assert!(error(&bare).contains("no percentiles"));
    }
}
