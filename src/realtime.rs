// SPDX-License-Identifier: GPL-2.0-only
//! Real-time tasks that could keep a CPU: before Linux 7.0 nothing reserves time
//! for the tasks of sched_ext beside them, so one that does not sleep for as long
//! as the kernel's watchdog waits has scx_meta ejected.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use crate::preflight::Machine;

/// The kernel's, in /proc/PID/stat.
const SCHED_FIFO: u32 = 1;
const SCHED_RR: u32 = 2;
const PF_KTHREAD: u32 = 0x0020_0000;

/// Places in /proc/PID/stat behind the name, which may contain blanks.
const FLAGS: usize = 6;
const RT_PRIORITY: usize = 37;
const POLICY: usize = 38;

const MAX_TASKS: usize = 50_000;
const MAX_TIME: Duration = Duration::from_secs(1);
const NAMED: usize = 3;

/// A task of SCHED_FIFO or SCHED_RR that is no thread of the kernel.
#[derive(Debug, PartialEq, Eq)]
struct RealTime {
    tid: u32,
    comm: String,
    class: &'static str,
    priority: u32,
}

impl RealTime {
    fn parse(stat: &str) -> Option<Self> {
        let (head, tail) = stat.rsplit_once(") ")?;
        let (tid, comm) = head.split_once(" (")?;
        let fields: Vec<&str> = tail.split_whitespace().collect();
        let number = |place: usize| fields.get(place)?.parse::<u32>().ok();
        if number(FLAGS)? & PF_KTHREAD != 0 {
            return None;
        }
        let class = match number(POLICY)? {
            SCHED_FIFO => "FIFO",
            SCHED_RR => "RR",
            _ => return None,
        };
        Some(Self {
            tid: tid.parse().ok()?,
            comm: comm.to_owned(),
            class,
            priority: number(RT_PRIORITY)?,
        })
    }
}

/// Those that exist now, for people; None if there are none.
pub(crate) fn describe(machine: &Machine) -> Option<String> {
    let end = Instant::now() + MAX_TIME;
    let threads = entries(&machine.path("/proc"))
        .flat_map(|process| entries(&process.join("task")))
        .take(MAX_TASKS)
        .take_while(|_| Instant::now() < end);
    let stats = threads.filter_map(|thread| fs::read_to_string(thread.join("stat")).ok());
    let tasks: Vec<RealTime> = stats.filter_map(|stat| RealTime::parse(&stat)).collect();

    let named: Vec<String> = tasks
        .iter()
        .take(NAMED)
        .map(|task| {
            let RealTime {
                tid,
                comm,
                class,
                priority,
            } = task;
            format!("{comm} {tid} (SCHED_{class} {priority})")
        })
        .collect();
    match tasks.len() {
        0 => None,
        count if count > NAMED => Some(format!("{} and {} more", named.join(", "), count - NAMED)),
        _ => Some(named.join(", ")),
    }
}

/// The numbered entries: processes below /proc, threads below `task`.
fn entries(dir: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter(|entry| {
            let name = entry.file_name();
            name.to_str()
                .is_some_and(|name| name.parse::<u32>().is_ok())
        })
        .map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Linux 6.18 writes it.
    fn stat(tid: u32, comm: &str, flags: u32, priority: u32, policy: u32) -> String {
        format!(
            "{tid} ({comm}) S 1 {tid} {tid} 0 -1 {flags} 117 0 0 0 0 0 0 0 20 0 1 0 55 3194880 224 \
             18446744073709551615 1 1 0 0 0 0 0 4096 0 0 0 0 17 0 {priority} {policy} 0 0 0 0 0 0 \
             0 0 0 0 0 0 0\n"
        )
    }

    #[test]
    fn a_task_of_our_own_is_read_as_the_kernel_writes_it() {
        let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let fields: Vec<&str> = fields.split_whitespace().collect();
        assert_eq!(fields[POLICY], "0", "a test is a task of SCHED_OTHER");
        assert_eq!(fields[RT_PRIORITY], "0");
        assert_eq!(RealTime::parse(&stat), None);
    }

    #[test]
    fn only_real_time_tasks_of_users_are_named() {
        let root = tempfile::tempdir().unwrap();
        for (tid, stat) in [
            (20, stat(20, "migration/0", 0x0420_8040, 99, SCHED_FIFO)),
            (30, stat(30, "bash", 0x0040_0000, 0, 0)),
            (40, stat(40, "a b) (c", 0x0040_0000, 20, SCHED_RR)),
            (41, stat(41, "jackd", 0x0040_0000, 10, SCHED_FIFO)),
        ] {
            let dir = root.path().join(format!("proc/{tid}/task/{tid}"));
            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join("stat"), stat).unwrap();
        }
        let found = describe(&Machine::at(root.path())).unwrap();
        for task in ["a b) (c 40 (SCHED_RR 20)", "jackd 41 (SCHED_FIFO 10)"] {
            assert!(found.contains(task), "{found}");
        }
        assert_eq!(found.matches("SCHED_").count(), 2, "{found}");
    }
}
