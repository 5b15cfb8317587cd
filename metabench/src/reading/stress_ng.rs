// SPDX-License-Identifier: GPL-2.0-only
//! `stress-ng --metrics`, which prints on standard error:
//!
//! ```text
//! stress-ng: metrc: [18423] stressor       bogo ops real time  usr time  sys time   bogo ops/s     bogo ops/s
//! stress-ng: metrc: [18423]                           (secs)    (secs)    (secs)   (real time) (usr+sys time)
//! stress-ng: metrc: [18423] cpu                8666      2.00      3.99      0.00      4331.87        2173.83
//! ```
//!
//! Releases before 0.15 write `info:` for `metrc:`, and `--metrics` adds columns on the right.

use anyhow::{bail, ensure, Result};

use super::{said, Done};

/// `--metrics-brief` has so many numbers after the stressor's name.
const COLUMNS: usize = 6;

/// A stressor's line.
struct Row<'a> {
    stressor: &'a str,
    operations: f64,
    rate: f64,
}

/// `stressor`: the only one that counts.
pub fn read(said: &str, stressor: Option<&str>) -> Result<Done> {
    if let Some(line) = said.lines().find(|line| failed(line)) {
        bail!("a stressor failed: {line}");
    }
    let all: Vec<Row> = said.lines().filter_map(row).collect();
    ensure!(
        !all.is_empty(),
        "there are no metrics: is --metrics missing?"
    );
    let names: Vec<_> = all.iter().map(|row| row.stressor).collect();
    let counted: Vec<_> = all
        .iter()
        .filter(|row| stressor.is_none_or(|name| row.stressor == name))
        .collect();
    ensure!(
        !counted.is_empty(),
        "there is no stressor `{}`, but {}",
        stressor.unwrap_or_default(),
        names.join(", ")
    );
    // A stressor that did nothing is starved or cannot run here; its absence from a sum would
    // look like a scheduler's doing.
    if let Some(idle) = counted.iter().find(|row| row.rate <= 0.0) {
        bail!("the stressor `{}` did nothing", idle.stressor);
    }
    // They ran at the same time, so rates add up.
    let rate: f64 = counted.iter().map(|row| row.rate).sum();
    let operations: f64 = counted.iter().map(|row| row.operations).sum();
    Ok(Done {
        operations,
        seconds: operations / rate,
        latency: None,
    })
}

fn failed(line: &str) -> bool {
    let kind = line.strip_prefix("stress-ng: ");
    kind.is_some_and(|kind| kind.starts_with("fail:") || kind.starts_with("error:"))
        || line.contains("unsuccessful run completed")
}

fn row(line: &str) -> Option<Row<'_>> {
    let (_, rest) = line.strip_prefix("stress-ng: ")?.split_once("] ")?;
    let mut words = rest.split_whitespace();
    let stressor = words.next()?;
    let columns: Vec<f64> = words
        .map(said::number)
        .take(COLUMNS)
        .collect::<Option<_>>()?;
    let [operations, _real, _user, _system, rate, _of_cpu] = columns[..] else {
        return None;
    };
    Some(Row {
        stressor,
        operations,
        rate,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of stress-ng 0.15.06.
    const SAID: &str = "\
stress-ng: info:  [21985] setting to a 1 second run per stressor
stress-ng: info:  [21985] dispatching hogs: 1 yield, 1 fault, 1 pipe
stress-ng: metrc: [21985] stressor       bogo ops real time  usr time  sys time   bogo ops/s     bogo ops/s CPU used per       RSS Max
stress-ng: metrc: [21985]                           (secs)    (secs)    (secs)   (real time) (usr+sys time) instance (%)          (KB)
stress-ng: metrc: [21985] yield            209476      1.00      0.02      0.18    208788.80     1054412.93        19.80          2552
stress-ng: metrc: [21985] fault              6523      1.00      0.01      0.48      6521.12       13478.86        48.38          2584
stress-ng: metrc: [21985] pipe             313067      1.00      0.07      0.45    312495.25      606475.70        51.53          2424
stress-ng: metrc: [21985] miscellaneous metrics:
stress-ng: metrc: [21985] yield              19034.59 ns duration per sched_yield call (geometic mean of 1 instances)
stress-ng: metrc: [21985] fault              32667.04 minor page faults per sec (geometic mean of 1 instances)
stress-ng: info:  [21985] successful run completed in 1.01s
";
    /// `--metrics-brief`
    const BRIEF: &str = "\
stress-ng: info:  [18428] dispatching hogs: 1 cpu, 1 fork
stress-ng: metrc: [18428] stressor       bogo ops real time  usr time  sys time   bogo ops/s     bogo ops/s
stress-ng: metrc: [18428]                           (secs)    (secs)    (secs)   (real time) (usr+sys time)
stress-ng: metrc: [18428] cpu                1930      1.00      0.88      0.01      1928.05        2174.93
stress-ng: metrc: [18428] fork               1807      1.00      0.38      0.39      1806.58        2365.99
stress-ng: info:  [18428] successful run completed in 1.00s
";

    fn rate(said: &str, stressor: Option<&str>) -> f64 {
        let done = read(said, stressor).unwrap();
        done.operations / done.seconds
    }

    #[test]
    fn rates_of_all_stressors_or_of_one() {
        assert!((rate(SAID, None) - 527_805.17).abs() < 0.01);
        assert!((rate(SAID, Some("fault")) - 6521.12).abs() < 1e-6);
        assert!((rate(BRIEF, None) - 3734.63).abs() < 1e-6);
        let old = BRIEF.replace("metrc: ", "info:  ");
        assert!((rate(&old, Some("cpu")) - 1928.05).abs() < 1e-6);
    }

    #[test]
    fn missing_failed_and_idle_stressors_are_errors() {
        let error = |said: &str, stressor| read(said, stressor).unwrap_err().to_string();
        assert!(error("", None).contains("--metrics"));
        assert_eq!(
            error(BRIEF, Some("vm")),
            "there is no stressor `vm`, but cpu, fork"
        );
        let idle = BRIEF.replace("1806.58", "   0.00");
        assert_eq!(error(&idle, None), "the stressor `fork` did nothing");
        let failed = format!("stress-ng: fail:  [18430] fork: out of memory\n{BRIEF}");
        assert!(error(&failed, None).contains("out of memory"));
        let failed = BRIEF.replace("successful run", "unsuccessful run");
        assert!(error(&failed, None).contains("unsuccessful"));
    }
}
