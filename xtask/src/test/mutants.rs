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
const PAIRS: [(&str, &str); 4] = [
    ("fifo", "vtime"),
    ("vtime", "fifo"),
    ("central", "fifo"),
    ("nest", "fifo"),
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
                ["identity_", "cpus4_identity_", "det_identity_"].contains(&head)
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
            "SCX_META_BIN={} {}; echo; echo \"mutant {} status $?\"\n",
            quote(mutant.binary.as_os_str()),
            words.join(" "),
            mutant.row
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
    for Mutant {
        row, hooks, test, ..
    } in mutants
    {
        let noticed = said.contains(&format!("\nmutant {row} status {TEST_FAILED}\n"));
        let verdict = if noticed {
            "fails, as it must"
        } else {
            "DOES NOT NOTICE"
        };
        println!("lab: {row} with the hooks of {hooks}: {test} {verdict}");
        sum += Tally::one(noticed);
    }
    sum
}
