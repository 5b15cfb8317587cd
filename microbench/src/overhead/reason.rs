// SPDX-License-Identifier: GPL-2.0-only
//! Why a callback takes longer than that of the stock scheduler: what ours does beside. True to
//! bpf/main.bpf.c, account.bpf.h, dsq.bpf.h and the policies; to be changed with them.

/// Above this ratio to the stock scheduler, the reason is printed.
pub(crate) const EXPLAINED_ABOVE: f64 = 1.2;

/// Ours does this, and the stock scheduler does not.
pub(crate) fn of(policy: &str, callback: &str) -> &'static str {
    match (policy, callback) {
        ("central", "select_cpu") => {
            "stock returns a constant; ours finds the policy in charge first"
        }
        (_, "select_cpu") => {
            "the same idle search; before it ours finds the policy in charge, and where a CPU was \
             idle it looks up the task's context, writes custody and counts (stock counts one \
             event)"
        }
        ("central", "enqueue") => {
            "stock pushes a pid into a BPF queue; ours inserts the task into a kernel queue, so \
             that it is never only in a map (custody), and looks up its context and counts"
        }
        (_, "enqueue") => {
            "the same insert; before it ours looks up the task's context, writes custody and counts"
        }
        ("vtime", "dispatch") => {
            "ours compares the task whose slice is over with the first in the queue (stock lets \
             two tasks alternate whatever their weights), tests for tasks left behind, counts, and \
             closes and opens the account of a task that runs on"
        }
        ("central", "dispatch") => {
            "ours walks a kernel queue in place of popping pids, serves idle CPUs before others, \
             gives a preempted task the rest of its slice, and arms its timer once a turn"
        }
        (_, "dispatch") => {
            "the same pull; ours tests for tasks left behind, counts, and closes and opens the \
             account of a task that runs on"
        }
        (_, "running") => {
            "stock has nothing to do here (fifo), moves a clock (vtime) or stamps a CPU's start \
             (central); ours looks up the task's context, clears its queued mark, counts it as run \
             (conservation), and stamps its start and whose CPU this is"
        }
        (_, "stopping") => {
            "stock has nothing to do here (fifo), charges what is gone of the slice (vtime) or \
             clears a stamp (central); ours looks up the task's context, reads the clock and \
             charges CPU time to the task's owner from its own time stamps"
        }
        _ => "this callback keeps our accounts; stock keeps none",
    }
}

#[cfg(test)]
mod tests {
    use super::super::callback::CALLBACKS;
    use super::*;

    #[test]
    fn every_callback_has_a_reason() {
        for callback in CALLBACKS {
            for policy in ["fifo", "vtime", "central"] {
                assert!(of(policy, callback).len() > 20, "{policy}/{callback}");
            }
        }
        assert_ne!(of("vtime", "dispatch"), of("fifo", "dispatch"));
    }
}
