// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask test`: nextest runs the tests, those that need root and sched_ext in guests. Ends
//! with a table and one line of counts.

mod faults;
mod nightly;
mod part;
mod report;
mod schtest;
mod sources;

use std::time::Instant;

use anyhow::{bail, Context, Result};
use lab::kernel;
use lab::packages::{self, Use};
use labkit::sys;

use self::part::Part;
use self::report::Row;
use crate::cli::{self, Tier};

/// The kernels that count on every change: all tests on the first, on the second those of what
/// kernels do differently.
pub(crate) const KERNELS: [&str; 2] = [kernel::DEFAULT, "7.3"];

/// In .config/nextest.toml: what the second kernel gets.
const OTHER_KERNEL: &str = "other-kernel";

/// Runs what the options ask for; whether all of it passed.
pub(crate) fn run(args: &cli::Test, yes: bool) -> Result<bool> {
    let needs = if args.host_only { Use::Build } else { Use::Vm };
    packages::ensure(needs, yes)?;
    // nextest ends its tests; then we end our guests.
    sys::catch_interrupts().context("cannot catch interrupts")?;
    let begin = Instant::now();
    let whole = args.filter.is_empty() && !args.host_only && !args.faults;
    let rows = if args.tier == Tier::Nightly && whole {
        nightly::run(args)?
    } else {
        each(&parts(args), args.keep)?
    };
    let tests: usize = rows.iter().map(Row::tests).sum();
    if tests == 0 {
        bail!("no test has this name");
    }
    let took = begin.elapsed().as_secs();
    println!("\n{}", report::table(&rows, took));
    Ok(rows.iter().all(|row| row.failed.is_empty()))
}

fn each(parts: &[Part], keep: bool) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for part in parts {
        rows.extend(part.run(keep)?);
        if sys::interrupted() {
            bail!("interrupted");
        }
    }
    Ok(rows)
}

/// What a tier consists of, but for the nightly one.
fn parts(args: &cli::Test) -> Vec<Part> {
    let named = !args.filter.is_empty() || args.machine.is_some();
    let some = named || args.host_only || args.faults;
    let kernels: Vec<&str> = match args.kernel.as_slice() {
        [] if some || args.tier == Tier::Quick => vec![KERNELS[0]],
        [] => KERNELS.to_vec(),
        given => given.iter().map(String::as_str).collect(),
    };
    let part = |(number, kernel): (usize, &str)| {
        let mut part = Part::new(args.tier, kernel);
        part.filter.clone_from(&args.filter);
        part.host_only = args.host_only;
        part.machine.clone_from(&args.machine);
        part.guests_only = number > 0;
        if args.faults {
            part.faults = true;
            part.profile = args.tier.faults_profile().to_string();
        }
        if number > 0 && args.kernel.is_empty() {
            part.profile = OTHER_KERNEL.to_string();
        }
        part
    };
    kernels.into_iter().enumerate().map(part).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn parts_of(words: &[&str]) -> Vec<Part> {
        let words = ["xtask", "test"].iter().chain(words);
        let cli::Command::Test(args) = cli::Cli::parse_from(words).command else {
            panic!("test");
        };
        parts(&args)
    }

    #[test]
    fn a_change_is_tested_on_both_kernels_and_on_the_second_less() {
        let parts = parts_of(&[]);
        let seen: Vec<_> = parts
            .iter()
            .map(|part| {
                (
                    part.kernel.as_str(),
                    part.profile.as_str(),
                    part.guests_only,
                )
            })
            .collect();
        assert_eq!(seen, [("6.18", "pr", false), ("7.3", "other-kernel", true)]);
    }

    #[test]
    fn a_named_test_runs_on_one_kernel_unless_more_are_asked_for() {
        assert_eq!(parts_of(&["identity"]).len(), 1);
        let parts = parts_of(&["identity", "--kernel", "6.16", "--kernel", "7.3"]);
        let profiles: Vec<_> = parts.iter().map(|part| part.profile.as_str()).collect();
        assert_eq!(profiles, ["pr", "pr"]);
        assert_eq!(parts_of(&["--host-only"]).len(), 1);
        assert_eq!(parts_of(&["--tier", "quick"])[0].profile, "quick");
    }

    #[test]
    fn faults_have_a_profile_in_each_tier() {
        let parts = parts_of(&["--faults"]);
        assert_eq!((parts.len(), parts[0].profile.as_str()), (1, "faults"));
        let parts = parts_of(&["--faults", "--tier", "nightly"]);
        assert_eq!(parts[0].profile, "faults-nightly");
    }
}
