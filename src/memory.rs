// SPDX-License-Identifier: GPL-2.0-only
//! What the tasks of the machine cost in memory, and who pays.
//!
//! The program keeps a context for every task. The kernel makes it when a task is
//! created, wherever that is, and charges it to the cgroup in which the loader
//! was when it loaded. If that cgroup has a limit and reaches it, forks fail on
//! the whole machine, and the loader is what the kernel kills to make room.

use std::fs;
use std::path::Path;

use crate::machine::Machine;

/// Of one task: its context and what the kernel finds it by. 750 bytes were
/// measured on 6.18 (`kernel` in memory.stat, 800 tasks); this leaves some room.
const TASK_BYTES: u64 = 1024;

/// Of the program, its maps and the loader, while it loads: 53 MiB at most were
/// measured on 6.18, nearly all of it the verifier's.
const LOADER_BYTES: u64 = 64 << 20;

const LIMITS: [&str; 2] = ["memory.max", "memory.high"];

/// The tightest limit that a cgroup is under.
#[derive(Debug, PartialEq, Eq)]
struct Limit {
    /// `memory.max of /system.slice`
    what: String,
    left: u64,
}

/// Whether there is room for the tasks that the machine may have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// How much, for people.
    Enough(String),
    /// What is missing, for people.
    Tight(String),
}

/// Of `cgroup`, as in /proc/PID/cgroup; None if the machine does not say. What is
/// loaded has paid for the tasks that exist.
pub(crate) fn room(machine: &Machine, cgroup: &str, loaded: bool) -> Option<Room> {
    let Some(Limit { what, left }) = tightest(machine, cgroup) else {
        return Some(Room::Enough(format!("cgroup {cgroup} has no limit")));
    };
    let now = tasks(machine)?;
    let most = most_tasks(machine)?.max(now);
    let (paid, first) = match loaded {
        true => (now, 0),
        false => (0, LOADER_BYTES),
    };
    let (present, worst) = (
        first + (now - paid) * TASK_BYTES,
        first + (most - paid) * TASK_BYTES,
    );
    let leaves = format!("{what} leaves {}", mib(left));
    let needs = match loaded {
        true => format!(
            "the {most} tasks that may exist would cost {} more",
            mib(worst)
        ),
        false => format!(
            "scx_meta with the {now} tasks of now costs {}, with the {most} that may exist {}",
            mib(present),
            mib(worst)
        ),
    };
    Some(match left < worst {
        true => Room::Tight(format!("{leaves}; {needs}")),
        false => Room::Enough(leaves),
    })
}

fn tightest(machine: &Machine, cgroup: &str) -> Option<Limit> {
    let root = machine.cgroups()?;
    Path::new(cgroup)
        .ancestors()
        .filter_map(|part| {
            let dir = root.join(part.strip_prefix("/").unwrap_or(part));
            let current = number(&dir.join("memory.current"))?;
            let limits = LIMITS.into_iter().filter_map(move |file| {
                let left = number(&dir.join(file))?.saturating_sub(current);
                let what = format!("{file} of cgroup {}", part.display());
                Some(Limit { what, left })
            });
            limits.min_by_key(|limit| limit.left)
        })
        .min_by_key(|limit| limit.left)
}

/// A limit that is not set reads `max`.
fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// All threads: the second number of `1/234` in /proc/loadavg.
fn tasks(machine: &Machine) -> Option<u64> {
    let text = machine.read("/proc/loadavg").ok()?;
    let running_of_all = text.split(' ').nth(3)?;
    running_of_all.split_once('/')?.1.parse().ok()
}

fn most_tasks(machine: &Machine) -> Option<u64> {
    let limits = ["pid_max", "threads-max"].map(|name| format!("/proc/sys/kernel/{name}"));
    let limits = limits.iter().map(|path| number(&machine.path(path)));
    limits.collect::<Option<Vec<u64>>>()?.into_iter().min()
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fake;

    struct Fake(fake::Root);

    impl Fake {
        /// 2000 tasks, of at most 10,000.
        fn new() -> Self {
            let fake = Self(fake::Root::with_cgroups());
            fake.0
                .write("/proc/loadavg", "0.10 0.20 0.30 3/2000 4711\n");
            fake.0.write("/proc/sys/kernel/pid_max", "4194304\n");
            fake.0.write("/proc/sys/kernel/threads-max", "10000\n");
            fake.limit("a", "max", 10);
            fake.limit("a/b", "max", 10);
            fake
        }

        fn limit(&self, cgroup: &str, max: &str, current_mib: u64) {
            let at = |file| format!("/sys/fs/cgroup/{cgroup}/{file}");
            self.0.write(&at("memory.max"), max);
            self.0.write(&at("memory.high"), "max\n");
            self.0
                .write(&at("memory.current"), &(current_mib << 20).to_string());
        }

        fn room(&self, loaded: bool) -> Room {
            room(&self.0.machine(), "/a/b", loaded).unwrap()
        }
    }

    #[test]
    fn no_limit_is_room_enough() {
        let fake = Fake::new();
        assert!(matches!(fake.room(false), Room::Enough(_)));
    }

    #[test]
    fn the_limit_of_a_parent_counts() {
        let fake = Fake::new();
        fake.limit("a", &(80u64 << 20).to_string(), 10);
        // 70 MiB are left; 64 for the loader, 9.8 for 10,000 tasks.
        assert_eq!(
            fake.room(false),
            Room::Tight(
                "memory.max of cgroup /a leaves 70.0 MiB; scx_meta with the 2000 tasks of now \
                 costs 66.0 MiB, with the 10000 that may exist 73.8 MiB"
                    .into()
            )
        );
        fake.limit("a", &(84u64 << 20).to_string(), 10);
        assert!(matches!(fake.room(false), Room::Enough(_)));
    }

    #[test]
    fn what_is_loaded_needs_room_for_more_tasks_only() {
        let fake = Fake::new();
        // 8000 more tasks: 7.8 MiB.
        fake.limit("a/b", &(18u64 << 20).to_string(), 10);
        assert!(matches!(fake.room(true), Room::Enough(_)));
        fake.limit("a/b", &(17u64 << 20).to_string(), 10);
        assert_eq!(
            fake.room(true),
            Room::Tight(
                "memory.max of cgroup /a/b leaves 7.0 MiB; \
                 the 10000 tasks that may exist would cost 7.8 MiB more"
                    .into()
            )
        );
    }

    #[test]
    fn a_machine_that_does_not_say_is_no_finding() {
        let fake = Fake::new();
        fake.limit("a", "1000", 10);
        fs::remove_file(fake.0.machine().path("/proc/loadavg")).unwrap();
        assert_eq!(room(&fake.0.machine(), "/a/b", false), None);
    }
}
