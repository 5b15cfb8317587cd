// SPDX-License-Identifier: GPL-2.0-only
//! What the kernel said since a moment: about sched_ext, and of its own troubles.

use std::fmt::Display;
use std::fs;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;

/// Longer than any record of /dev/kmsg.
const RECORD_MAX: usize = 8192;

/// A kernel in trouble, whoever is to blame.
const TROUBLES: [&str; 7] = [
    "WARNING:",
    "BUG:",
    "Oops",
    "lockup",
    "blocked for more than",
    "detected stall",
    "general protection",
];

/// The kernel refuses what is longer than about a kilobyte.
const LINE_MAX: usize = 900;

/// Puts lines in the kernel's log, where they stand among what the kernel says. Who panics says it, too,
/// so this does not.
pub fn say(lines: impl Display) {
    for line in lines.to_string().lines() {
        let line: String = line.chars().take(LINE_MAX).collect();
        let _ = fs::write("/dev/kmsg", format!("scx_meta's tests: {line}"));
    }
}

pub struct Kmsg(File);

impl Kmsg {
    /// Listens from now on.
    pub fn since_now() -> Self {
        let mut file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/kmsg")
            .unwrap();
        file.seek(SeekFrom::End(0)).unwrap();
        Self(file)
    }

    fn records(&mut self) -> Vec<String> {
        let mut records = Vec::new();
        let mut record = [0; RECORD_MAX];
        loop {
            match self.0.read(&mut record) {
                Ok(0) => return records,
                Ok(len) => records.push(String::from_utf8_lossy(&record[..len]).into_owned()),
                // EPIPE: records were overwritten before we read them.
                Err(error) if error.raw_os_error() == Some(libc::EPIPE) => (),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return records,
                Err(error) => panic!("/dev/kmsg: {error}"),
            }
        }
    }

    /// Lines about sched_ext that tell of trouble: an ejection, a stall.
    pub fn complaints(&mut self) -> Vec<String> {
        self.records()
            .into_iter()
            .filter(|line| complains(line))
            .collect()
    }

    /// The same, and lines about warnings, lockups and stalls of the kernel itself.
    pub fn troubles(&mut self) -> Vec<String> {
        let troubled = |line: &str| TROUBLES.iter().any(|what| line.contains(what));
        self.records()
            .into_iter()
            .filter(|line| complains(line) || troubled(line))
            .collect()
    }
}

/// The kernel says once a load that a task had no slice, and gives it one: where a task is woken with
/// SCX_ENQ_PREEMPT, it takes the slice of the one that is on its CPU, which may wait in the local queue
/// again by then.
const NO_SLICE: &str = "has zero slice in pick_task_scx";

/// A test's own word.
const ASKED: &str = "sysrq";

fn complains(line: &str) -> bool {
    let harmless = [
        "\" enabled",
        "unregistered from user space",
        ASKED,
        NO_SLICE,
    ];
    line.contains("sched_ext") && !harmless.iter().any(|what| line.contains(what))
}
