// SPDX-License-Identifier: GPL-2.0-only
//! What the running kernel can do, where the rows expect more of newer ones.

use std::fs;

/// `major.minor` of the running kernel.
fn version() -> (u32, u32) {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut next = || numbers.next().unwrap().parse().unwrap();
    (next(), next())
}

/// A task that was put on an idle CPU may find that a real-time task was faster, and then waits there:
/// from 7.1 on the kernel has it queued again (SCX_ENQ_IMMED), before that nobody can. So many of a
/// few tasks may be caught like that.
pub fn caught_behind_realtime() -> usize {
    usize::from(version() < (7, 1))
}

/// From 7.0 on the kernel gives sched_ext a part of a CPU that real-time tasks hold.
pub fn serves_ext_beside_realtime() -> bool {
    version() >= (7, 0)
}
