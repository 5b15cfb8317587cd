// SPDX-License-Identifier: GPL-2.0-only
//! How often ordinary tasks of the whole machine were given a CPU, as the
//! kernel counts it (schedstat).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use labkit::sys::RealTime;

/// By nice level, over all tasks that go through a policy. Reading all of them
/// must not take turns with what is counted.
pub fn by_nice() -> BTreeMap<i32, u64> {
    let _real_time = RealTime::enter().unwrap();
    let mut sums = BTreeMap::new();
    for process in entries(Path::new("/proc")) {
        for task in entries(&process.join("task")) {
            if let Some((nice, picks)) = of_task(&task) {
                *sums.entry(nice).or_default() += picks;
            }
        }
    }
    sums
}

/// Those that are numbers: /proc/self is another name of one of them.
fn entries(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let names = entries.flatten().map(|entry| entry.file_name());
    let is_id = |name: &OsString| {
        name.to_str()
            .is_some_and(|name| name.parse::<u32>().is_ok())
    };
    names.filter(is_id).map(|name| dir.join(name)).collect()
}

/// None if it is gone, real-time, or a kernel thread bound to one CPU.
fn of_task(task: &Path) -> Option<(i32, u64)> {
    const PF_KTHREAD: u64 = 0x0020_0000;
    let stat = fs::read_to_string(task.join("stat")).ok()?;
    // From the state on: the name before it may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split_whitespace().collect();
    let (flags, nice, rt_priority) = (fields.get(6)?, fields.get(16)?, fields.get(37)?);
    if *rt_priority != "0" {
        return None;
    }
    if flags.parse::<u64>().ok()? & PF_KTHREAD != 0 {
        let status = fs::read_to_string(task.join("status")).ok()?;
        let cpus = status
            .lines()
            .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
        if !cpus.contains(['-', ',']) {
            return None;
        }
    }
    let schedstat = fs::read_to_string(task.join("schedstat")).ok()?;
    let picks = schedstat.split_whitespace().nth(2)?;
    Some((nice.parse().ok()?, picks.parse().ok()?))
}
