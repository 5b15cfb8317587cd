// SPDX-License-Identifier: GPL-2.0-only
//! What a test could leave on a machine: processes, cgroups and pins.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use labkit::process;

/// What was told to end is gone within this time.
const LIMIT: Duration = Duration::from_secs(5);

/// Of a kernel thread, in field 9 of /proc/PID/stat.
const PF_KTHREAD: u32 = 0x0020_0000;

const PIN: &str = "pin ";

/// All of it, at a moment, a line each.
pub struct Traces(BTreeSet<String>);

impl Traces {
    pub fn now() -> Self {
        let mut traces = BTreeSet::new();
        folders(Path::new("/sys/fs/cgroup"), &mut traces);
        files(Path::new("/sys/fs/bpf"), &mut traces);
        traces.extend(processes());
        Self(traces)
    }

    /// What came and stays; and what is gone of the pins, while a loader has them.
    pub fn differences(&self, pins_stay: bool) -> Vec<String> {
        let mut different = Vec::new();
        process::await_that(LIMIT, Duration::from_millis(20), || {
            let now = Self::now();
            let came = now.0.difference(&self.0).map(|it| format!("left: {it}"));
            let gone = self.0.difference(&now.0);
            let gone = gone.filter(|it| pins_stay && it.starts_with(PIN));
            different = came.chain(gone.map(|it| format!("gone: {it}"))).collect();
            different.is_empty()
        });
        different
    }
}

fn folders(path: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.insert(format!("cgroup {}", entry.path().display()));
            folders(&entry.path(), found);
        }
    }
}

fn files(path: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        found.insert(format!("{PIN}{}", entry.path().display()));
        files(&entry.path(), found);
    }
}

fn processes() -> impl Iterator<Item = String> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        // It may have ended meanwhile.
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let (name, fields) = stat.rsplit_once(") ")?;
        let flags: u32 = fields.split(' ').nth(6)?.parse().ok()?;
        (flags & PF_KTHREAD == 0).then(|| format!("process {name})"))
    })
}
