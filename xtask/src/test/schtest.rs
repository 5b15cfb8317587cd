// SPDX-License-Identifier: GPL-2.0-only
//! sched-ext's own checks of a scheduler, schtest, with scx_meta as that scheduler. No registry has
//! the program: whoever has built it names it.

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{ensure, Context, Result};
use lab::programs::cargo;
use lab::vm::warm::{self, Place};
use lab::vm::{machines, Job};

use super::report::Row;

pub(crate) const LABEL: &str = "schtest";

const MACHINE: &str = "four";

const LIMIT: Duration = Duration::from_secs(3600);

/// Runs them all in a guest of their own.
pub(crate) fn run(program: &Path, keep: bool) -> Result<Vec<Row>> {
    ensure!(
        program.is_file(),
        "--schtest {}: no such file",
        program.display()
    );
    let scx_meta = cargo::scx_meta()?;
    let spec = machines::all()?
        .remove(MACHINE)
        .with_context(|| format!("{}: no machine `{MACHINE}`", machines::FILE))?;
    let place = Place::of(LABEL)?;
    let words: [OsString; 3] = [program.into(), "--".into(), scx_meta.into()];
    let mut job = Job::new(words);
    job.keep_output = true;
    let begin = Instant::now();
    warm::up(&place, &spec)?;
    let done = warm::exec(&place, &job, LIMIT);
    if !keep {
        warm::down(&place)?;
    }
    let done = done?;
    let said = String::from_utf8_lossy(&done.stdout);
    let mut row = row(&said);
    row.seconds = begin.elapsed().as_secs_f64();
    if row.tests() == 0 || (done.status != 0 && row.failed.is_empty()) {
        row.failed
            .push(format!("ended with status {}", done.status));
    }
    Ok(vec![row])
}

/// Reads what it prints, which is what libtest prints.
fn row(said: &str) -> Row {
    let mut row = Row {
        part: LABEL.to_string(),
        ..Row::default()
    };
    for line in said.lines() {
        let Some((name, verdict)) = line
            .strip_prefix("test ")
            .and_then(|line| line.split_once(" ... "))
        else {
            continue;
        };
        match verdict.trim() {
            "ok" => row.passed += 1,
            verdict if verdict.starts_with("ignored") => {}
            _ => row.failed.push(name.trim().to_string()),
        }
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_neither_ok_nor_ignored_failed() {
        let row = row("running 3 tests\ntest a ... ok\ntest b ... FAILED\n\
                       test c ... ignored, why\ntest result: FAILED. 1 passed\n");
        assert_eq!((row.passed, row.failed), (1, vec!["b".to_string()]));
    }
}
