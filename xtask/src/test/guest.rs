// SPDX-License-Identifier: GPL-2.0-only
//! The tests that need root and sched_ext. A test's name says which machine
//! it wants: `cpus4_…` four vCPUs, `llc2_…` four with two last-level caches,
//! `det_…` four in deterministic mode, any other two.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use labkit::clock::Clock;

use super::tally::Tally;
use crate::command;
use crate::kernel::Kernel;
use crate::topology::Topology;
use crate::vm;
use crate::vm::Hardware;
use crate::vm::Job;
use crate::vm::Vm;

/// Longest time of one test, emulated on a slow machine.
const TEST_LIMIT: Duration = Duration::from_secs(240);

/// Tests that share a boot.
#[derive(Clone, Copy, PartialEq)]
pub enum Group {
    /// Two vCPUs.
    Two,
    /// Four vCPUs.
    Four,
    /// Four vCPUs in two sockets.
    TwoCaches,
    /// Four vCPUs on one virtual clock.
    Deterministic,
}

/// All groups, in the order they run.
pub const GROUPS: [Group; 4] = [
    Group::Two,
    Group::Four,
    Group::TwoCaches,
    Group::Deterministic,
];

impl Group {
    /// Where a test belongs, by the last part of its name.
    fn of(test: &str) -> Self {
        let name = short(test);
        if name.starts_with("cpus4_") {
            Self::Four
        } else if name.starts_with("llc2_") {
            Self::TwoCaches
        } else if name.starts_with("det_") {
            Self::Deterministic
        } else {
            Self::Two
        }
    }

    /// The machine for the group.
    pub fn vm(self, kernel: &Kernel, tests: usize) -> Vm {
        Vm {
            kernel: kernel.clone(),
            hardware: match self {
                Self::Two => Hardware::of_cpus(2),
                Self::TwoCaches => Hardware {
                    topology: Topology {
                        sockets: 2,
                        ..Topology::flat(2)
                    },
                    ..Hardware::default()
                },
                _ => Hardware::of_cpus(4),
            },
            clock: match self {
                Self::Deterministic => Clock::Serial,
                _ => Clock::Host,
            },
            timeout: TEST_LIMIT * u32::try_from(tests).unwrap_or(u32::MAX),
            console: None,
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Two => "2 CPUs",
            Self::Four => "4 CPUs",
            Self::TwoCaches => "4 CPUs, 2 last-level caches",
            Self::Deterministic => "4 CPUs, deterministic",
        })
    }
}

/// A test's name without its modules.
pub fn short(test: &str) -> &str {
    test.rsplit("::").next().unwrap_or(test)
}

/// The test binary and the names of the tests that were asked for.
pub struct Suite {
    binary: PathBuf,
    tests: Vec<String>,
}

impl Suite {
    /// Asks the binary for its tests.
    pub fn load(binary: &Path, filter: Option<&str>) -> Result<Self> {
        let mut list = Command::new(binary);
        list.args(["--list", "--format", "terse"]).args(filter);
        let tests = command::read(&mut list)?
            .lines()
            .filter_map(|line| line.strip_suffix(": test"))
            .map(str::to_string)
            .collect();
        Ok(Self {
            binary: binary.to_path_buf(),
            tests,
        })
    }

    /// The tests of a group.
    pub fn of(&self, group: Group) -> Vec<&str> {
        let tests = self.tests.iter().map(String::as_str);
        tests.filter(|test| Group::of(test) == group).collect()
    }

    /// The command that runs some of the tests.
    pub fn command(&self, tests: &[&str]) -> Vec<OsString> {
        let mut argv: Vec<OsString> = vec![self.binary.clone().into()];
        argv.extend(["--test-threads=1", "--show-output", "--exact"].map(OsString::from));
        argv.extend(tests.iter().map(OsString::from));
        argv
    }

    /// Runs one group in one boot; None if it is empty. Without a result of
    /// the tests, all of them failed.
    pub fn run(&self, group: Group, kernel: &Kernel, scx_meta: &Path) -> Result<Option<Tally>> {
        let tests = self.of(group);
        if tests.is_empty() {
            return Ok(None);
        }
        let mut job = Job::new(self.command(&tests));
        job.env.insert("SCX_META_BIN".to_string(), scx_meta.into());
        job.env.insert("RUST_BACKTRACE".to_string(), "1".into());
        job.keep_output = true;
        let lost = Tally {
            failed: u32::try_from(tests.len()).unwrap_or(u32::MAX),
            ..Tally::default()
        };
        Ok(Some(match vm::run(&group.vm(kernel, tests.len()), &job) {
            Ok(done) => {
                let said = String::from_utf8_lossy(&done.stdout);
                let tally = Tally::of(&said).unwrap_or(lost);
                if done.status == 0 || tally.failed > 0 {
                    tally
                } else {
                    eprintln!("lab: the tests ended with status {}", done.status);
                    lost
                }
            }
            Err(error) => {
                eprintln!("lab: {error:#}");
                lost
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_chooses_the_machine() {
        assert!(Group::of("identity_fifo") == Group::Two);
        assert!(Group::of("nest::cpus4_identity_nest") == Group::Four);
        assert!(Group::of("llc2_identity_rusty") == Group::TwoCaches);
        assert!(Group::of("det_identity_nest") == Group::Deterministic);
        assert!(Group::of("switch::not_det_at_all") == Group::Two);
    }
}
