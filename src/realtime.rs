// SPDX-License-Identifier: GPL-2.0-only
//! Real-time tasks that could keep a CPU: before Linux 7.0 nothing reserves time
//! for the tasks of sched_ext beside them, so one that does not sleep for as long
//! as the kernel's watchdog waits has scx_meta ejected.

use std::time::{Duration, Instant};

use nix::libc;

use crate::machine::Machine;
use crate::threads::{Field, Stat, PF_KTHREAD};
use crate::{sched, threads};

const MAX_TASKS: usize = 50_000;
const MAX_TIME: Duration = Duration::from_secs(1);
const NAMED: usize = 3;

/// A task of SCHED_FIFO or SCHED_RR that is no thread of the kernel, nor of a loader.
#[derive(Debug, PartialEq, Eq)]
struct RealTime {
    tid: u32,
    comm: String,
    class: &'static str,
    priority: u32,
}

impl RealTime {
    fn of(stat: Stat) -> Option<Self> {
        let ours = sched::REAL_TIME_THREADS.contains(&stat.name.as_str());
        if ours || stat.number(Field::Flags)? & PF_KTHREAD != 0 {
            return None;
        }
        let class = match stat.class()? {
            libc::SCHED_FIFO => "FIFO",
            libc::SCHED_RR => "RR",
            _ => return None,
        };
        Some(Self {
            class,
            priority: stat.number(Field::Priority)? as u32,
            tid: stat.tid,
            comm: stat.name,
        })
    }
}

/// Those that exist now, for people; None if there are none.
pub(crate) fn describe(machine: &Machine) -> Option<String> {
    let end = Instant::now() + MAX_TIME;
    let tasks: Vec<RealTime> = threads::threads(&machine.path("/proc"))
        .take(MAX_TASKS)
        .take_while(|_| Instant::now() < end)
        .filter_map(|thread| RealTime::of(Stat::read(&thread)?))
        .collect();

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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::machine::fake;
    use crate::threads::tests::stat;

    #[test]
    fn a_task_of_our_own_is_read_as_the_kernel_writes_it() {
        let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
        let stat = Stat::parse(&stat).unwrap();
        let class = stat.field(Field::Class);
        assert_eq!(class, Some("0"), "a test is a task of SCHED_OTHER");
        assert_eq!(stat.field(Field::Priority), Some("0"));
        assert_eq!(RealTime::of(stat), None);
    }

    #[test]
    fn only_real_time_tasks_of_users_are_named() {
        let root = fake::Root::new();
        let [link, rescue] = sched::REAL_TIME_THREADS;
        for (tid, stat) in [
            (
                20,
                stat(20, "migration/0", 0x0420_8040, 99, libc::SCHED_FIFO),
            ),
            (21, stat(21, link, 0x40, 1, libc::SCHED_FIFO)),
            (22, stat(22, rescue, 0x40, 1, libc::SCHED_FIFO)),
            (30, stat(30, "bash", 0x0040_0000, 0, 0)),
            (40, stat(40, "a b) (c", 0x0040_0000, 20, libc::SCHED_RR)),
            (41, stat(41, "jackd", 0x0040_0000, 10, libc::SCHED_FIFO)),
        ] {
            root.write(&format!("/proc/{tid}/task/{tid}/stat"), &stat);
        }
        let found = describe(&root.machine()).unwrap();
        for task in ["a b) (c 40 (SCHED_RR 20)", "jackd 41 (SCHED_FIFO 10)"] {
            assert!(found.contains(task), "{found}");
        }
        assert_eq!(found.matches("SCHED_").count(), 2, "{found}");
    }
}
