// SPDX-License-Identifier: GPL-2.0-only
//! Shows that the identity tests can fail: in each mutant one policy's row
//! points to another's hooks, and that policy's identity test must notice.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use super::guest::short;
use super::guest::Group;
use super::guest::Suite;
use super::guest::GROUPS;
use super::tally::Tally;
use crate::build;
use crate::command::quote;
use crate::kernel::Kernel;
use crate::paths;
use crate::vm;
use crate::vm::Job;

/// Policy, and whose hooks it gets.
const PAIRS: [(&str, &str); 8] = [
    ("fifo", "vtime"),
    ("vtime", "fifo"),
    ("central", "fifo"),
    ("nest", "fifo"),
    ("qmap", "fifo"),
    ("pair", "fifo"),
    ("rusty", "fifo"),
    ("rustland", "fifo"),
];

/// What libtest returns when a test failed: it ran, and said no.
const TEST_FAILED: i32 = 101;

struct Mutant<'a> {
    row: &'a str,
    hooks: &'a str,
    test: &'a str,
    binary: PathBuf,
}

/// Runs each identity test that was asked for against its mutant. A pass is
/// a test that fails. None if no identity test was asked for.
pub fn check(suite: &Suite, kernel: &Kernel) -> Result<Option<Tally>> {
    let mut sum = None;
    for group in GROUPS {
        let mutants = build_group(suite, group)?;
        if !mutants.is_empty() {
            *sum.get_or_insert_default() += run_group(suite, group, kernel, &mutants);
        }
    }
    if sum.is_some() {
        build::undo_mutants()?;
    }
    Ok(sum)
}

fn build_group<'a>(suite: &'a Suite, group: Group) -> Result<Vec<Mutant<'a>>> {
    let mut mutants = Vec::new();
    for test in suite.of(group) {
        let pair = PAIRS.into_iter().find(|(row, _)| {
            let name = short(test);
            name.strip_suffix(row).is_some_and(|head| {
                head.strip_suffix("identity_")
                    .is_some_and(|group| ["", "cpus4_", "llc2_", "det_"].contains(&group))
            })
        });
        let Some((row, hooks)) = pair else {
            continue;
        };
        eprintln!("lab: building {row} with the hooks of {hooks}");
        let dir = paths::lab_dir(&format!("mutants/{row}"))?;
        let binary = dir.join("scx_meta");
        if binary.exists() {
            fs::remove_file(&binary)?;
        }
        build::mutant(row, hooks, &binary)?;
        mutants.push(Mutant {
            row,
            hooks,
            test,
            binary,
        });
    }
    Ok(mutants)
}

fn run_group(suite: &Suite, group: Group, kernel: &Kernel, mutants: &[Mutant]) -> Tally {
    let mut script = String::new();
    for mutant in mutants {
        let command = suite.command(&[mutant.test]);
        let words: Vec<String> = command.iter().map(|word| quote(word)).collect();
        script.push_str(&format!(
            "echo; echo 'mutant {row} begins'\n\
             SCX_META_BIN={} {}\n\
             status=$?; echo; echo \"mutant {row} status $status\"\n",
            quote(mutant.binary.as_os_str()),
            words.join(" "),
            row = mutant.row,
        ));
    }
    let mut job = Job::new(["sh", "-c", &script]);
    job.keep_output = true;
    job.files = suite
        .command(&[])
        .first()
        .map(PathBuf::from)
        .into_iter()
        .collect();
    job.files
        .extend(mutants.iter().map(|mutant| mutant.binary.clone()));
    let said = match vm::run(&group.vm(kernel, mutants.len()), &job) {
        Ok(done) => String::from_utf8_lossy(&done.stdout).into_owned(),
        Err(error) => {
            eprintln!("lab: {error:#}");
            String::new()
        }
    };
    let mut sum = Tally::default();
    for mutant in mutants {
        let Mutant {
            row, hooks, test, ..
        } = mutant;
        let verdict = verdict(&said, row);
        let text = match verdict {
            Verdict::Noticed => "fails, as it must",
            Verdict::Passed => "DOES NOT NOTICE",
            Verdict::NotLoaded => "PROVES NOTHING: the mutant did not load",
            Verdict::Lost => "HAS NO RESULT",
        };
        println!("lab: {row} with the hooks of {hooks}: {test} {text}");
        sum += Tally::one(verdict == Verdict::Noticed);
    }
    sum
}

/// What a test said about its mutant.
#[derive(Debug, PartialEq)]
enum Verdict {
    Noticed,
    Passed,
    NotLoaded,
    Lost,
}

fn verdict(said: &str, row: &str) -> Verdict {
    let Some((_, rest)) = said.split_once(&format!("\nmutant {row} begins\n")) else {
        return Verdict::Lost;
    };
    let Some((log, rest)) = rest.split_once(&format!("\nmutant {row} status ")) else {
        return Verdict::Lost;
    };
    let status = rest.lines().next().and_then(|word| word.parse().ok());
    match status {
        Some(0) => Verdict::Passed,
        // In the words of tests/guest/scheduler.rs.
        Some(TEST_FAILED) if log.contains(" did not start") => Verdict::NotLoaded,
        Some(TEST_FAILED) => Verdict::Noticed,
        _ => Verdict::Lost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_failure_of_a_loaded_mutant_counts() {
        let said =
            |log, status| format!("\nmutant nest begins\n{log}\nmutant nest status {status}\n");
        assert_eq!(verdict(&said("ratio 1", 101), "nest"), Verdict::Noticed);
        assert_eq!(verdict(&said("ok", 0), "nest"), Verdict::Passed);
        let log = "scx_meta [] did not start (exit status: 1)";
        assert_eq!(verdict(&said(log, 101), "nest"), Verdict::NotLoaded);
        assert_eq!(verdict(&said("", 127), "nest"), Verdict::Lost);
        assert_eq!(verdict(&said("", 101), "fifo"), Verdict::Lost);
    }
}
