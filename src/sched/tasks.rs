// SPDX-License-Identifier: GPL-2.0-only
//! What /proc says about a task at this moment: its class, its CPU, the CPUs it may use, and which
//! task of a higher class runs there.

use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{fmt, fs};

use nix::libc;
use nix::unistd::{sysconf, SysconfVar};

use crate::threads::{Field, Stat};
use crate::{cpus, threads};

/// A machine may have a hundred thousand tasks: the search for one ends after this time.
const SEARCH_LIMIT: Duration = Duration::from_secs(1);

/// A task of a class that goes before sched_ext's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Higher {
    name: String,
    pid: u32,
    class: libc::c_int,
    priority: u32,
    pub(super) cpu: u32,
    runs: bool,
    ticks: u64,
}

impl fmt::Display for Higher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, pid, .. } = self;
        match self.class {
            libc::SCHED_DEADLINE => write!(f, "the SCHED_DEADLINE task {name}[{pid}]"),
            libc::SCHED_RR => write!(
                f,
                "the SCHED_RR task {name}[{pid}] (priority {})",
                self.priority
            ),
            _ => write!(
                f,
                "the SCHED_FIFO task {name}[{pid}] (priority {})",
                self.priority
            ),
        }
    }
}

impl Higher {
    /// CPU time that it has used since it began.
    pub(super) fn used(&self) -> Option<Duration> {
        let hertz = sysconf(SysconfVar::CLK_TCK).ok().flatten()?;
        let hertz = u32::try_from(hertz).ok().filter(|hertz| *hertz > 0)?;
        Some(Duration::from_secs(self.ticks) / hertz)
    }

    fn of(stat: Stat) -> Option<Self> {
        let class = stat.class().filter(|class| threads::is_higher(*class))?;
        Some(Self {
            class,
            priority: stat.number(Field::Priority)? as u32,
            cpu: stat.number(Field::Cpu)? as u32,
            runs: stat.is_ready(),
            ticks: stat.number(Field::UserTicks)? + stat.number(Field::KernelTicks)?,
            pid: stat.tid,
            name: stat.name,
        })
    }
}

/// The tasks below a /proc, which tests replace.
pub(super) struct Tasks(PathBuf);

impl Default for Tasks {
    fn default() -> Self {
        Self("/proc".into())
    }
}

impl Tasks {
    /// CPUs that a task may use, as the kernel writes lists; None when it has ended.
    pub(super) fn allowed(&self, pid: u32) -> Option<String> {
        let status = fs::read_to_string(self.0.join(format!("{pid}/status"))).ok()?;
        let mut lines = status.lines();
        let list = lines.find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
        Some(list.trim().to_owned())
    }

    /// Of the tasks of higher classes that run, or would, on one of these CPUs: the one that has
    /// used most CPU time.
    pub(super) fn higher_on(&self, list: &str) -> Option<Higher> {
        let cpus = cpus::parse_list(list).ok()?;
        let deadline = Instant::now() + SEARCH_LIMIT;
        threads::threads(&self.0)
            .take_while(|_| Instant::now() < deadline)
            .filter_map(|thread| Higher::of(Stat::read(&thread)?))
            .filter(|task| task.runs && cpus.contains(&task.cpu))
            .max_by_key(|task| task.ticks)
    }

    #[cfg(test)]
    fn at(root: &std::path::Path) -> Self {
        Self(root.into())
    }
}

#[cfg(test)]
pub(super) mod fake {
    use super::*;

    /// A /proc with some tasks.
    pub(in crate::sched) struct Proc(tempfile::TempDir);

    impl Proc {
        pub(in crate::sched) fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        pub(in crate::sched) fn tasks(&self) -> Tasks {
            Tasks::at(self.0.path())
        }

        /// A process with one thread: its state, class, CPU and ticks, and the CPUs that it may use.
        pub(in crate::sched) fn task(
            &self,
            pid: u32,
            name: &str,
            now: (char, libc::c_int, u32, u64),
            allowed: &str,
        ) -> &Self {
            let (state, class, cpu, ticks) = now;
            let mut fields = vec!["0".to_owned(); 50];
            fields[Field::State as usize] = state.to_string();
            fields[Field::UserTicks as usize] = ticks.to_string();
            fields[Field::Cpu as usize] = cpu.to_string();
            fields[Field::Priority as usize] = "50".into();
            fields[Field::Class as usize] = class.to_string();
            let stat = format!("{pid} ({name}) {}\n", fields.join(" "));
            let process = self.0.path().join(pid.to_string());
            let thread = process.join("task").join(pid.to_string());
            fs::create_dir_all(&thread).unwrap();
            fs::write(thread.join("stat"), &stat).unwrap();
            let status = format!("Name:\t{name}\nCpus_allowed_list:\t{allowed}\n");
            fs::write(process.join("status"), status).unwrap();
            self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_running_task_of_a_higher_class_is_found() {
        let proc = fake::Proc::new();
        proc.task(5, "hog", ('R', 7, 1, 9000), "1")
            .task(6, "fair hog", ('R', libc::SCHED_OTHER, 1, 9000), "1")
            .task(7, "asleep", ('S', libc::SCHED_FIFO, 1, 8000), "1")
            .task(8, "elsewhere", ('R', libc::SCHED_FIFO, 0, 8000), "0")
            .task(9, "short", ('R', libc::SCHED_RR, 1, 3), "0-1")
            .task(10, "spin) R (x", ('R', libc::SCHED_FIFO, 1, 1230), "0-1");
        let found = proc.tasks().higher_on("1").unwrap();
        assert_eq!(
            found.to_string(),
            "the SCHED_FIFO task spin) R (x[10] (priority 50)"
        );
        assert!(found.used().unwrap() > Duration::from_secs(1));
        assert_eq!(proc.tasks().higher_on("2-3"), None);
        assert_eq!(proc.tasks().allowed(10).unwrap(), "0-1");
        assert_eq!(proc.tasks().allowed(99), None);
    }

    #[test]
    fn our_own_thread_is_of_no_higher_class() {
        let tasks = Tasks::default();
        let us = std::process::id();
        let allowed = tasks.allowed(us).unwrap();
        assert!(!cpus::parse_list(&allowed).unwrap().is_empty(), "{allowed}");
        let found = tasks.higher_on(&allowed);
        assert!(found.is_none_or(|task| task.pid != us));
    }
}
