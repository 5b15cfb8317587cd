// SPDX-License-Identifier: GPL-2.0-only
//! A measuring instrument must not wait in the queues it measures: while the
//! guard lives, the calling thread is of the real-time class. Threads and
//! processes it starts are ordinary ones.

pub struct RealTime;

fn set(policy: i32, priority: i32) {
    let param = libc::sched_param {
        sched_priority: priority,
    };
    // SAFETY: `param` outlives the call; 0 is the calling thread.
    let ret = unsafe { libc::sched_setscheduler(0, policy, &param) };
    assert_eq!(ret, 0, "sched_setscheduler {policy}");
}

impl RealTime {
    pub fn enter() -> Self {
        set(libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, 1);
        Self
    }
}

impl Drop for RealTime {
    fn drop(&mut self) {
        set(libc::SCHED_OTHER, 0);
    }
}
