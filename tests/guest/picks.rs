// SPDX-License-Identifier: GPL-2.0-only
//! How often ordinary tasks of the whole machine were given a CPU, as the
//! kernel counts it (schedstat).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use labkit::sys::RealTime;

/// A task, by its directory in /proc and the time at which it began: a number may be given again.
type Key = (PathBuf, u64);

/// Each task that goes through a policy, with its nice level and its picks so far.
pub struct Picks(BTreeMap<Key, (i32, u64)>);

impl Picks {
    /// Reading all of them must not take turns with what is counted.
    pub fn read() -> Self {
        let _real_time = RealTime::enter().unwrap();
        let processes = entries(Path::new("/proc")).into_iter();
        let tasks = processes.flat_map(|process| entries(&process.join("task")));
        Self(tasks.filter_map(of_task).collect())
    }

    /// The picks since `earlier`, by nice level. A task that ended meanwhile counts as none: what it
    /// did in its life until `earlier` must not be taken from what the others did since.
    pub fn since(&self, earlier: &Self) -> BTreeMap<i32, u64> {
        let mut sums = BTreeMap::new();
        for (key, (nice, picks)) in &self.0 {
            let before = earlier.0.get(key).map_or(0, |(_, picks)| *picks);
            *sums.entry(*nice).or_default() += picks - before;
        }
        sums
    }
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
fn of_task(task: PathBuf) -> Option<(Key, (i32, u64))> {
    const PF_KTHREAD: u64 = 0x0020_0000;
    let stat = fs::read_to_string(task.join("stat")).ok()?;
    // From the state on: the name before it may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split_whitespace().collect();
    let (flags, nice, rt_priority) = (fields.get(6)?, fields.get(16)?, fields.get(37)?);
    let began = fields.get(19)?.parse().ok()?;
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
    let (nice, picks) = (nice.parse().ok()?, picks.parse().ok()?);
    Some(((task, began), (nice, picks)))
}

#[test]
fn who_ends_takes_no_picks_along() {
    let picks = |tasks: &[(&str, u64, u64)]| {
        let tasks = tasks.iter();
        Picks(
            tasks
                .map(|(task, began, picks)| ((task.into(), *began), (0, *picks)))
                .collect(),
        )
    };
    let start = picks(&[("1", 0, 10), ("2", 0, 1000), ("3", 0, 500)]);
    // 2 has ended, and 3 is another one now.
    let end = picks(&[("1", 0, 14), ("3", 9, 3)]);
    assert_eq!(end.since(&start)[&0], 4 + 3);
}
