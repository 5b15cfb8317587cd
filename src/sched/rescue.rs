// SPDX-License-Identifier: GPL-2.0-only
//! Tasks for which an unload waits, helped to a CPU.
//!
//! While the kernel unloads a scheduler, whoever begins belongs to its own, which goes before sched_ext.
//! Where such tasks are busy on every CPU, a task of sched_ext that was taken off its CPU while it read
//! under RCU gets none; the grace period waits for it, and the unload for the grace period, for as
//! long as they are busy. But a task whose class somebody changes then goes to the kernel's own
//! scheduler, too, and shares the CPUs with them. So a thread of the real-time class changes that of
//! every task that waits, and changes it back at once: only the way there matters.
//!
//! From Linux 7.0 on a server gives sched_ext a part of each CPU, and the thread only saves time.

use std::sync::mpsc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{io, thread};

use nix::libc;

use super::grace;
use crate::machine::Machine;
use crate::threads;
use crate::threads::Stat;

/// Of the thread. `doctor` does not name it, since it nearly always sleeps.
pub(super) const NAME: &str = "scx_meta-rescue";

/// How often it looks for an unload that nobody told it of: an ejection.
const PATROL: Duration = Duration::from_secs(1);

/// … and while there is one. Most take less.
const STEP: Duration = Duration::from_millis(50);

/// Reads a file of /proc at a time.
const STACK: usize = 256 << 10;

/// The thread; it ends when this is dropped.
pub(super) struct Rescue {
    unloads: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Rescue {
    /// It is there from now on. Where that is refused an unload is as the kernel has it.
    pub(super) fn ensure(machine: &Machine) -> Self {
        let (unloads, told) = mpsc::channel();
        let machine = machine.clone();
        let begin = move || {
            if let Err(error) = grace::raise_this_thread() {
                log::debug!("no task is helped that an unload waits for: {error}");
                return;
            }
            patrol(&machine, &told);
        };
        let thread = thread::Builder::new()
            .name(NAME.into())
            .stack_size(STACK)
            .spawn(begin);
        if let Err(error) = &thread {
            log::debug!("no task is helped that an unload waits for: {error}");
        }
        Self {
            unloads: Some(unloads),
            thread: thread.ok(),
        }
    }

    /// The caller is about to unload.
    pub(super) fn expect_unload(&self) {
        if let Some(unloads) = &self.unloads {
            // A thread that has ended hears nothing.
            let _ = unloads.send(());
        }
    }
}

impl Drop for Rescue {
    fn drop(&mut self) {
        drop(self.unloads.take());
        if let Some(thread) = self.thread.take() {
            // A panic of it has been told.
            drop(thread.join());
        }
    }
}

fn patrol(machine: &Machine, told: &Receiver<()>) {
    let mut pause = PATROL;
    loop {
        match told.recv_timeout(pause) {
            Ok(()) => pause = STEP,
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                let unloads = machine
                    .sched_ext_state()
                    .is_ok_and(|state| state == "disabling");
                if unloads {
                    pause = STEP;
                    waiting(machine).for_each(help);
                }
            }
        }
    }
}

/// Threads that have a CPU or want one, of the classes that sched_ext takes.
fn waiting(machine: &Machine) -> impl Iterator<Item = libc::pid_t> {
    threads::threads(&machine.path("/proc")).filter_map(|thread| {
        let stat = Stat::read(&thread)?;
        let waits = stat.is_ready() && !threads::is_higher(stat.class()?);
        waits.then_some(stat.tid as libc::pid_t)
    })
}

fn help(tid: libc::pid_t) {
    if let Err(error) = change_class_and_back(tid) {
        log::debug!("thread {tid} is not helped: {error}");
    }
}

/// Nothing of it is different afterwards, its nice level and what its children inherit included.
fn change_class_and_back(tid: libc::pid_t) -> io::Result<()> {
    // SAFETY: takes an integer only.
    let policy = unsafe { libc::sched_getscheduler(tid) };
    if policy < 0 {
        return Err(io::Error::last_os_error());
    }
    let class = policy & !libc::SCHED_RESET_ON_FORK;
    let reset = policy & libc::SCHED_RESET_ON_FORK;
    let other = match class {
        libc::SCHED_BATCH => libc::SCHED_OTHER,
        _ => libc::SCHED_BATCH,
    };
    grace::set_class(tid, other | reset, 0)?;
    grace::set_class(tid, policy, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fake;
    use crate::threads::tests::stat;

    #[test]
    fn who_waits_for_a_cpu_is_found() {
        let root = fake::Root::new();
        for (tid, state, class) in [
            (11, "R", libc::SCHED_OTHER),
            (12, "S", libc::SCHED_OTHER),
            (13, "R", libc::SCHED_IDLE),
            (14, "R", libc::SCHED_RR),
            (15, "R", 7),
        ] {
            let stat = stat(tid, "task", 0x40, 0, class).replace(") S ", &format!(") {state} "));
            root.write(&format!("/proc/{tid}/task/{tid}/stat"), &stat);
        }
        let mut found: Vec<_> = waiting(&root.machine()).collect();
        found.sort_unstable();
        assert_eq!(found, [11, 13, 15]);
    }

    #[test]
    fn a_task_that_was_helped_is_what_it_was() {
        let this = || {
            // SAFETY: these take integers only.
            unsafe {
                (
                    libc::sched_getscheduler(0),
                    libc::getpriority(libc::PRIO_PROCESS, 0),
                )
            }
        };
        let helped = thread::spawn(move || {
            // SAFETY: takes integers only; this thread's nice level alone changes.
            assert_eq!(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 3) }, 0);
            for class in [
                libc::SCHED_OTHER,
                libc::SCHED_BATCH,
                libc::SCHED_BATCH | libc::SCHED_RESET_ON_FORK,
            ] {
                grace::set_class(0, class, 0).unwrap();
                change_class_and_back(0).unwrap();
                assert_eq!(this(), (class, 3));
            }
        });
        helped.join().unwrap();
    }
}
