// SPDX-License-Identifier: GPL-2.0-only
//! One test in a guest: what .config/nextest.toml puts before the test's own command line.
//!
//! The test's group names its machine. That is brought up by the first test that wants it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context, Result};

use crate::programs::cargo::SCX_META;
use crate::vm::warm::{self, Place};
use crate::vm::{machines, Job};
use crate::{kernel, paths};

/// The kernel, where it is not the machine's own.
pub const KERNEL: &str = "LAB_KERNEL";
/// Where to say what ran on which machine, and what was brought up.
pub const RECORDS: &str = "LAB_RECORDS";

/// What a test may want to know of our environment; the guest gets the programs that it names.
const PASSED_ON: [&str; 3] = ["SCX_META_", "RUST_", "NEXTEST_BIN_EXE_"];

/// nextest knows better how long which test may take.
const LIMIT: Duration = Duration::from_secs(24 * 3600);

/// Runs the test; its exit status.
pub fn run(argv: &[OsString]) -> Result<i32> {
    let group = env::var("NEXTEST_TEST_GROUP").unwrap_or_default();
    let slot = env::var("NEXTEST_TEST_GROUP_SLOT").unwrap_or_default();
    let mut spec = machines::all()?
        .remove(&group)
        .with_context(|| format!("{}: no machine `{group}`", machines::FILE))?;
    if let Ok(kernel) = env::var(KERNEL) {
        spec.kernel = kernel;
    }
    let place = Place::of(&name(&group, &slot, &spec.kernel))?;
    let records = env::var_os(RECORDS).map(PathBuf::from);
    note(records.as_deref(), "ran", &test_name(argv), &group)?;
    if warm::up(&place, &spec)? {
        note(records.as_deref(), "up", &place.name, "")?;
    }
    let mut job = Job::new(argv);
    job.env.insert("RUST_BACKTRACE".to_string(), "1".into());
    let binary = paths::target().join("debug/scx_meta");
    job.env.insert(SCX_META.to_string(), binary.into());
    for (name, value) in env::vars_os() {
        let name = name.to_string_lossy();
        if PASSED_ON.iter().any(|start| name.starts_with(start)) {
            job.env.insert(name.into_owned(), value);
        }
    }
    let before = place.cpu_seconds();
    let done = warm::exec(&place, &job, LIMIT);
    if let (Some(before), Some(after)) = (before, place.cpu_seconds()) {
        // A test that is ended for taking too long leaves none.
        let cpu = format!("{:.1}", after - before);
        note(records.as_deref(), "cpu", &test_name(argv), &cpu)?;
    }
    Ok(done?.status)
}

/// The guest of a machine: `two`, `two-1` beside it, `two-7.3` with another kernel.
fn name(group: &str, slot: &str, kernel: &str) -> String {
    let mut name = group.to_string();
    if !matches!(slot, "" | "0" | "none") {
        name.push_str(&format!("-{slot}"));
    }
    if kernel != kernel::DEFAULT {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '.';
        let kernel = kernel.replace(|c| !plain(c), "_");
        name.push_str(&format!("-{kernel}"));
    }
    name
}

/// As a report of nextest has it: what follows `--exact`.
fn test_name(argv: &[OsString]) -> String {
    let mut words = argv.iter().skip_while(|word| *word != "--exact").skip(1);
    let name = words.next().cloned().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Keeps a fact: a file of that name in a folder of that kind.
fn note(records: Option<&Path>, kind: &str, name: &str, text: &str) -> Result<()> {
    let Some(records) = records else {
        return Ok(());
    };
    let folder = records.join(kind);
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(folder.join(name), text))
        .with_context(|| format!("cannot write to {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_is_named_after_what_it_is() {
        assert_eq!(name("two", "0", kernel::DEFAULT), "two");
        assert_eq!(name("two", "1", kernel::DEFAULT), "two-1");
        assert_eq!(name("two", "", "7.3"), "two-7.3");
        assert_eq!(name("two", "1", "/boot/vm linuz"), "two-1-_boot_vm_linuz");
    }
}
