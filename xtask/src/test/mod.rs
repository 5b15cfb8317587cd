// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask test`: host tests, tests in the guest, and the proof that the
//! policies' identity tests can fail. Ends with one line of counts.

mod guest;
mod mutants;
mod tally;

use std::path::Path;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::bail;
use anyhow::Result;

use self::guest::Group;
use self::guest::Suite;
use self::tally::Tally;
use crate::build;
use crate::cli;
use crate::command;
use crate::kernel;
use crate::packages;
use crate::packages::Use;
use crate::paths;

/// The kernels that count, where none is asked for.
pub const KERNELS: [&str; 2] = ["6.18", "7.3"];

/// Runs what the options ask for; whether all of it passed.
pub fn run(args: &cli::Test, yes: bool) -> Result<bool> {
    let needs = if args.host_only { Use::Build } else { Use::Vm };
    packages::ensure(needs, yes)?;
    let mut sum = Tally::default();
    let mut notes = Vec::new();
    let mut begin = Instant::now();
    let mut note = |what: &str, tally: Tally| {
        let seconds = begin.elapsed().as_secs();
        notes.push(format!("{what}: {tally} in {seconds} s"));
        begin = Instant::now();
        sum += tally;
    };
    let filter = args.filter.as_deref();
    note("host", host(filter)?);
    if !args.host_only {
        let names: Vec<&str> = match args.kernel.as_slice() {
            [] => KERNELS.to_vec(),
            given => given.iter().map(String::as_str).collect(),
        };
        let mut kernels = Vec::new();
        for name in names {
            kernels.push(kernel::find(name)?);
        }
        let built = build::guest_tests()?;
        let suite = Suite::load(&built.tests, filter)?;
        let scx_meta = keep(&built.scx_meta)?;
        for kernel in &kernels {
            for group in guest::GROUPS {
                if let Some(tally) = suite.run(group, kernel, &scx_meta)? {
                    let what = format!("kernel {}, {group}", kernel.release);
                    note(&what, tally);
                }
            }
        }
        if let Some(first) = kernels.first() {
            let bench = Suite::load(&built.bench_tests, filter)?;
            if let Some(tally) = bench.run(Group::Two, first, &scx_meta)? {
                note(&format!("scx_metabench, kernel {}", first.release), tally);
            }
            if let Some(tally) = mutants::check(&suite, first)? {
                note("identity tests that notice another policy", tally);
            }
        }
    }
    println!();
    for line in notes {
        println!("{line}");
    }
    println!("{sum}");
    if sum.passed + sum.failed == 0 {
        bail!("no test has this name");
    }
    Ok(sum.failed == 0)
}

fn host(filter: Option<&str>) -> Result<Tally> {
    let mut cargo = build::cargo()?;
    cargo.args(["test", "--workspace", "--no-fail-fast"]);
    if let Some(filter) = filter {
        cargo.args(["--", filter]);
    }
    let (status, said) = command::tee(&mut cargo)?;
    let Some(mut tally) = Tally::of(&said) else {
        bail!("failed ({status}): {}", command::line(&cargo));
    };
    // A test binary that crashed prints no result.
    if !status.success() && tally.failed == 0 {
        tally.failed = 1;
    }
    Ok(tally)
}

/// The binary under test, out of the way of builds that happen meanwhile.
fn keep(built: &Path) -> Result<PathBuf> {
    let kept = paths::lab_dir("bin")?.join("scx_meta");
    build::replace(built, &kept)?;
    Ok(kept)
}
