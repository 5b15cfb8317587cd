// SPDX-License-Identifier: GPL-2.0-only
//! One run of nextest: the tests of a profile, those in guests on one kernel.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{bail, Context, Result};
use lab::nextest::{self, guest};
use lab::programs::cargo::{self, SCX_META};
use lab::vm::warm::{self, Place};
use lab::{kernel, paths};

use super::report::Row;
use super::{faults, report, sources};
use crate::cli::Tier;

/// Of nextest: a test failed.
const TESTS_FAILED: i32 = 100;
/// … and: no test has this name.
const NO_TESTS: i32 = 4;

/// What a test may look at to find its durations.
const TIER: &str = "SCX_META_TEST_TIER";

/// Tests that need a guest.
const GUESTS: &str = "binary(guest)";

/// Tests that boot machines of their own.
const MACHINES: &str = "binary(parallel_clock)";

/// Which tests run, and how.
#[derive(Clone, Debug, Default)]
pub(crate) struct Part {
    /// Before each machine in the table.
    pub(crate) label: String,
    pub(crate) kernel: String,
    /// Of .config/nextest.toml.
    pub(crate) profile: String,
    pub(crate) tier: Tier,
    /// Only tests whose names contain one of these.
    pub(crate) filter: Vec<String>,
    pub(crate) host_only: bool,
    pub(crate) guests_only: bool,
    pub(crate) faults: bool,
    pub(crate) machine: Option<String>,
    /// Only one of so many slices: its number, from 1, and how many there are.
    pub(crate) slice: Option<(u32, u32)>,
    /// Another scx_meta than the one that is built with the tests.
    pub(crate) binary: Option<PathBuf>,
}

impl Part {
    pub(crate) fn new(tier: Tier, kernel: &str) -> Self {
        Self {
            label: kernel.to_string(),
            kernel: kernel.to_string(),
            profile: tier.profile().to_string(),
            tier,
            ..Self::default()
        }
    }

    /// Builds and runs them; a row for each machine.
    pub(crate) fn run(&self, keep: bool) -> Result<Vec<Row>> {
        if !self.host_only {
            // Before a test waits for it.
            kernel::find(&self.kernel)?;
        }
        let records = paths::lab_dir("records")?.join(&self.label);
        if records.exists() {
            fs::remove_dir_all(&records).context("cannot remove old records")?;
        }
        fs::create_dir_all(&records).context("cannot make a folder of records")?;
        let junit = self.junit();
        if junit.exists() {
            fs::remove_file(&junit).context("cannot remove the last report")?;
        }
        let begin = Instant::now();
        let status = self.nextest(&records);
        let rows = match status? {
            0 | TESTS_FAILED => report::rows(&junit, &format!("{} ", self.label), |thing, test| {
                fs::read_to_string(records.join(thing).join(test)).ok()
            }),
            NO_TESTS => Ok(Vec::new()),
            other => bail!("nextest ended with status {other}"),
        };
        eprintln!("lab: {}: {} s", self.label, begin.elapsed().as_secs());
        if self.faults && junit.exists() {
            let machine = |test: &str| fs::read_to_string(records.join("ran").join(test)).ok();
            println!("\n{}", faults::table(&junit, &self.label, machine)?);
        }
        if !keep {
            end_guests(&records)?;
        }
        rows
    }

    fn junit(&self) -> PathBuf {
        let folder = paths::repo().join("target/nextest");
        folder.join(&self.profile).join("junit.xml")
    }

    fn nextest(&self, records: &Path) -> Result<i32> {
        let mut cargo = cargo::cargo()?;
        cargo.env("PATH", nextest::path()?);
        cargo.args(["nextest", "run", "--no-fail-fast", "--no-tests", "fail"]);
        cargo.args(["--profile", &self.profile]);
        let packages = match self.faults {
            true => sources::of_faults()?,
            false => sources::packages_with(&self.filter)?,
        };
        cargo.args(packages);
        if let Some(expression) = self.expression() {
            cargo.args(["-E", &expression]);
        }
        if let Some((number, all)) = self.slice {
            cargo.args(["--partition", &format!("slice:{number}/{all}")]);
        }
        if !self.filter.is_empty() {
            // Who names a test wants it, whatever the tier leaves out.
            cargo.arg("--ignore-default-filter").args(&self.filter);
        }
        cargo.env(TIER, self.tier.durations());
        cargo.env(guest::RECORDS, records);
        cargo.env(guest::KERNEL, &self.kernel);
        if let Some(binary) = &self.binary {
            cargo.env(SCX_META, binary);
        }
        let status = cargo
            .stdin(std::process::Stdio::null())
            .status()
            .context("cannot start cargo nextest")?;
        Ok(status.code().unwrap_or(TESTS_FAILED))
    }

    fn expression(&self) -> Option<String> {
        let mut terms: Vec<String> = Vec::new();
        if self.host_only {
            terms.push(format!("not ({GUESTS} | {MACHINES})"));
        }
        if self.guests_only {
            terms.push(GUESTS.to_string());
        }
        if let Some(machine) = &self.machine {
            terms.push(format!("{GUESTS} & group({machine})"));
        }
        let joined = terms.join(" & ");
        (!joined.is_empty()).then_some(joined)
    }
}

/// Ends the guests that this run brought up.
fn end_guests(records: &Path) -> Result<()> {
    let Ok(names) = fs::read_dir(records.join("up")) else {
        return Ok(());
    };
    for name in names {
        let name: OsString = name.context("cannot read the records")?.file_name();
        warm::down(&Place::of(&name.to_string_lossy())?)?;
    }
    Ok(())
}
