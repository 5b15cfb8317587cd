// SPDX-License-Identifier: GPL-2.0-only
//! `perf bench`: `sched messaging` says how long its work took, and not how much it was;
//! `sched pipe` says both, and `--format simple` of either the time alone.

use anyhow::{ensure, Context, Result};

use super::{said, Done};

/// `operations` is what one run does, if the workload says.
pub fn read(said: &str, operations: Option<u64>) -> Result<Done> {
    let executed = executed(said);
    if let (Some(told), Some(executed)) = (operations, executed) {
        ensure!(
            told == executed,
            "perf executed {executed} operations, and not {told}"
        );
    }
    let operations = operations
        .or(executed)
        .context("perf does not say how many operations it made: reader.operations is missing")?;
    Ok(Done {
        operations: operations as f64,
        seconds: seconds(said, operations)?,
        latency: None,
    })
}

/// `# Executed 6000 pipe operations between two processes`
fn executed(said: &str) -> Option<u64> {
    let mut lines = said.lines();
    lines.find_map(|line| {
        line.strip_prefix("# Executed ")?
            .split(' ')
            .next()?
            .parse()
            .ok()
    })
}

/// Of the whole run, as fine as perf says it.
fn seconds(said: &str, operations: u64) -> Result<f64> {
    // `      43.691500 usecs/op`
    let each = said
        .lines()
        .find_map(|line| line.trim().strip_suffix(" usecs/op"));
    if let Some(us) = each {
        let us = said::number(us).with_context(|| format!("not a number: `{us}`"))?;
        return Ok(operations as f64 * us / 1e6);
    }
    if said.contains("Total time:") {
        return too_short(said::number_after(said, "Total time:")?);
    }
    // `--format simple`: the number stands alone in its line.
    let mut alone = said.lines().filter_map(|line| said::number(line.trim()));
    let seconds = alone.next().context("there is no `Total time:`")?;
    ensure!(
        alone.next().is_none(),
        "there is more than one number that could be the time"
    );
    too_short(seconds)
}

/// perf's clock shows milliseconds.
fn too_short(seconds: f64) -> Result<f64> {
    ensure!(
        seconds > 0.0,
        "the run was too short for perf's clock: give it more to do"
    );
    Ok(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All of perf 6.1.
    const MESSAGING: &str = "# Running 'sched/messaging' benchmark:
# 20 sender and receiver processes per group
# 1 groups == 40 processes run

     Total time: 0.056 [sec]
";
    const PIPE: &str = "# Running 'sched/pipe' benchmark:
# Executed 6000 pipe operations between two processes

     Total time: 0.262 [sec]

      43.691500 usecs/op
          22887 ops/sec
";

    #[test]
    fn messaging_is_operations_of_the_workload_by_perfs_time() {
        let done = read(MESSAGING, Some(24_000)).unwrap();
        assert_eq!((done.operations, done.seconds), (24_000.0, 0.056));
        assert!(read(MESSAGING, None).is_err());
    }

    #[test]
    fn pipe_says_everything_itself() {
        let done = read(PIPE, None).unwrap();
        assert_eq!(done.operations, 6000.0);
        assert!(
            (done.operations / done.seconds - 22887.75).abs() < 0.01,
            "{done:?}"
        );
        assert_eq!(read(PIPE, Some(6000)).unwrap(), done);
        let error = read(PIPE, Some(7000)).unwrap_err().to_string();
        assert_eq!(error, "perf executed 6000 operations, and not 7000");
    }

    #[test]
    fn the_simple_format_is_a_number_alone() {
        let done = read("0.050\nlatency_us 3 4\n", Some(24_000)).unwrap();
        assert_eq!((done.operations, done.seconds), (24_000.0, 0.05));
    }

    #[test]
    fn what_is_no_time_is_an_error() {
        for said in [
            "",
            "Usage: perf bench",
            "0.000\n",
            "0.1\n0.2\n",
            "Total time: x [sec]",
        ] {
            assert!(read(said, Some(1)).is_err(), "{said}");
        }
        let zero = MESSAGING.replace("0.056", "0.000");
        let error = read(&zero, Some(1)).unwrap_err().to_string();
        assert!(error.contains("too short"), "{error}");
    }
}
