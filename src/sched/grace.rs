// SPDX-License-Identifier: GPL-2.0-only
//! RCU's threads in the real-time class, for as long as a program of ours is in charge.
//!
//! The kernel waits for a grace period while it unloads a scheduler, and tasks that begin meanwhile
//! belong to its own: they go before all of ours, RCU's threads among them. Where they are busy on every
//! CPU no grace period ends, so the unload does not, and nobody else runs, for as long as they are
//! busy (Linux 6.18; from 7.0 on a server gives sched_ext a part of each CPU, and it takes a
//! second or two). The thread that unloads is of that class for the same reason (holder.rs); tasks
//! of ours that the grace period waits for are another's work (rescue.rs).

use std::io;

use nix::libc;

use crate::machine::Machine;
use crate::threads;
use crate::threads::{Field, Stat, PF_KTHREAD};

/// As the kernel's own `rcutree.kthread_prio=1`.
const PRIORITY: libc::c_int = 1;

/// rcu_preempt, rcu_exp_gp_kthread_worker, rcuog/0, …
const NAME: &str = "rcu";

/// Threads that were raised; they are ordinary ones again when this is dropped.
pub(super) struct GracePeriods(Vec<libc::pid_t>);

impl GracePeriods {
    /// From now on they go before ordinary tasks. Where that is refused all is as it was before.
    pub(super) fn ensure(machine: &Machine) -> Self {
        let mut raised = Self(Vec::new());
        ordinary_threads(machine)
            .into_iter()
            .for_each(|tid| raised.raise(tid));
        raised
    }

    fn raise(&mut self, tid: libc::pid_t) {
        match set_class(tid, libc::SCHED_FIFO, PRIORITY) {
            Ok(()) => self.0.push(tid),
            Err(error) => log::debug!("thread {tid} stays an ordinary one: {error}"),
        }
    }
}

impl Drop for GracePeriods {
    fn drop(&mut self) {
        for &tid in &self.0 {
            if let Err(error) = set_class(tid, libc::SCHED_OTHER, 0) {
                log::debug!("thread {tid} stays in the real-time class: {error}");
            }
        }
    }
}

/// RCU's threads that are of no higher class.
fn ordinary_threads(machine: &Machine) -> Vec<libc::pid_t> {
    threads::processes(&machine.path("/proc"))
        .filter_map(|thread| {
            let stat = Stat::read(&thread)?;
            let is_rcu = stat.name.starts_with(NAME)
                && stat.number(Field::Flags)? & PF_KTHREAD != 0
                && stat.class()? == libc::SCHED_OTHER;
            is_rcu.then_some(stat.tid as libc::pid_t)
        })
        .collect()
}

/// The same for this thread, until it ends.
pub(super) fn raise_this_thread() -> io::Result<()> {
    set_class(0, libc::SCHED_FIFO, PRIORITY)
}

pub(super) fn set_class(
    tid: libc::pid_t,
    class: libc::c_int,
    priority: libc::c_int,
) -> io::Result<()> {
    let param = libc::sched_param {
        sched_priority: priority,
    };
    // SAFETY: `param` lives across the call.
    match unsafe { libc::sched_setscheduler(tid, class, &param) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fake;

    #[test]
    fn only_ordinary_threads_of_the_kernel_are_raised() {
        let root = fake::Root::new();
        let kernel = PF_KTHREAD;
        for (tid, name, flags, class) in [
            (15, "rcu_preempt", kernel, libc::SCHED_OTHER),
            (16, "rcub/0", kernel, libc::SCHED_FIFO),
            (17, "rcuog/0", kernel | 0x40, libc::SCHED_OTHER),
            (18, "kworker/0:1", kernel, libc::SCHED_OTHER),
            (19, "rcu_game", 0x40, libc::SCHED_OTHER),
        ] {
            let stat = threads::tests::stat(tid, name, flags, 0, class);
            root.write(&format!("/proc/{tid}/stat"), &stat);
        }
        let mut found = ordinary_threads(&root.machine());
        found.sort_unstable();
        assert_eq!(found, [15, 17]);
    }
}
