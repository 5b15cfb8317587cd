// SPDX-License-Identifier: GPL-2.0-only
//! Scheduling classes, CPUs and nice levels of any thread, by its id: what somebody else changes of
//! a task while it runs or waits. 0 names the calling thread.

use std::time::Duration;
use std::{io, mem};

/// Not in libc yet.
const SCHED_EXT: libc::c_int = 7;

/// A scheduling class, with what it wants to know.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Class {
    /// What tasks are by default.
    Other,
    /// … that run for long and wake up seldom.
    Batch,
    /// … that run when nobody else wants to.
    Idle,
    /// Tasks of sched_ext, also where the others are not.
    Ext,
    /// Real time, of this priority, until it sleeps.
    Fifo(u32),
    /// Real time, of this priority, in turns with its like.
    RoundRobin(u32),
    /// Real time, so long in each period.
    Deadline {
        /// CPU time of a period.
        runtime: Duration,
        /// The period.
        period: Duration,
    },
}

impl Class {
    fn policy(self) -> libc::c_int {
        match self {
            Self::Other => libc::SCHED_OTHER,
            Self::Batch => libc::SCHED_BATCH,
            Self::Idle => libc::SCHED_IDLE,
            Self::Ext => SCHED_EXT,
            Self::Fifo(_) => libc::SCHED_FIFO,
            Self::RoundRobin(_) => libc::SCHED_RR,
            Self::Deadline { .. } => libc::SCHED_DEADLINE,
        }
    }
}

/// Puts a thread into a class; its nice level becomes 0.
pub fn set(thread: i32, class: Class) -> io::Result<()> {
    // SAFETY: a zeroed sched_attr is a valid one, of SCHED_OTHER.
    let mut attr: libc::sched_attr = unsafe { mem::zeroed() };
    attr.size = mem::size_of_val(&attr) as u32;
    attr.sched_policy = class.policy() as u32;
    match class {
        Class::Fifo(priority) | Class::RoundRobin(priority) => attr.sched_priority = priority,
        Class::Deadline { runtime, period } => {
            attr.sched_runtime = runtime.as_nanos() as u64;
            attr.sched_deadline = period.as_nanos() as u64;
            attr.sched_period = attr.sched_deadline;
        }
        _ => (),
    }
    // SAFETY: `attr` lives across the call and says how long it is.
    let done = unsafe { libc::syscall(libc::SYS_sched_setattr, thread, &attr, 0) };
    check(done as libc::c_int)
}

/// A thread runs on these CPUs only, from now on.
pub fn set_cpus(thread: i32, cpus: &[usize]) -> io::Result<()> {
    // SAFETY: a zeroed set is the empty one.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    for &cpu in cpus {
        // SAFETY: CPU_SET checks the index against the set's size.
        unsafe { libc::CPU_SET(cpu, &mut set) };
    }
    // SAFETY: `set` lives across the call.
    check(unsafe { libc::sched_setaffinity(thread, mem::size_of_val(&set), &set) })
}

/// The nice level of a thread, from now on.
pub fn set_nice(thread: i32, nice: i32) -> io::Result<()> {
    // SAFETY: setpriority takes integers only.
    check(unsafe { libc::setpriority(libc::PRIO_PROCESS, thread as libc::id_t, nice) })
}

fn check(result: libc::c_int) -> io::Result<()> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Field 41 of /proc/PID/stat.
    fn policy() -> i32 {
        let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        fields.split(' ').nth(38).unwrap().parse().unwrap()
    }

    #[test]
    fn a_class_is_what_the_kernel_says() {
        std::thread::spawn(|| {
            set(0, Class::Batch).unwrap();
            assert_eq!(policy(), libc::SCHED_BATCH);
            set(0, Class::Other).unwrap();
            assert_eq!(policy(), libc::SCHED_OTHER);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn a_thread_that_is_not_there_is_an_error() {
        let error = set_cpus(i32::MAX, &[0]).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ESRCH));
    }
}
