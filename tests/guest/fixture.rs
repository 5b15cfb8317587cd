// SPDX-License-Identifier: GPL-2.0-only
//! How the scx_meta that the tests share is started (labkit::shared keeps it).

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs};

use labkit::process;

const LOOK: Duration = Duration::from_millis(20);

/// What becomes of the tasks that wait when their policy leaves: fixed at load, so that the tests of
/// each have a program of their own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Handover {
    Adopt,
    Drain,
}

impl Handover {
    pub fn name(self) -> &'static str {
        match self {
            Self::Adopt => "adopt",
            Self::Drain => "drain",
        }
    }

    /// All policies, and whatever a test may want to see. --stats makes the program measure waits; it
    /// prints one table, when it ends. An ejection is the end of it, which no test overlooks.
    pub fn options(self) -> Vec<String> {
        let seen = [
            "--rotate",
            "all",
            "--record-turns",
            "--stats",
            "86400",
            "--on-ejection",
            "exit",
        ];
        let options = ["--handover", self.name()].into_iter().chain(seen);
        options.map(String::from).collect()
    }
}

/// The loader under test: SCX_META_BIN, or the one that cargo built beside the test.
pub fn binary() -> PathBuf {
    let named = env::var_os("SCX_META_BIN").map(PathBuf::from);
    named.unwrap_or_else(|| env!("CARGO_BIN_EXE_scx_meta").into())
}

/// The loader with these options, which reads nothing and says everything to the file `log`.
pub fn command(args: &[&str], log: &Path) -> Command {
    let out = File::create(log).unwrap();
    let mut command = Command::new(binary());
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(out.try_clone().unwrap())
        .stderr(out);
    command
}

/// What a loader has said to its log.
pub fn said(log: &Path) -> String {
    fs::read_to_string(log).unwrap_or_default()
}

/// Waits until it has said this, as often as that.
pub fn await_said(log: &Path, what: &str, times: usize, limit: Duration) {
    let heard = || said(log).matches(what).count() >= times;
    let heard = process::await_that(limit, LOOK, heard);
    assert!(heard, "`{what}` was not said:\n{}", said(log));
}
