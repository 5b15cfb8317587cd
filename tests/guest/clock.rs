// SPDX-License-Identifier: GPL-2.0-only
//! Clocks: the one the BPF program stamps with, and CPU time by thread.

use std::thread;
use std::time::Duration;
use std::time::Instant;

pub const MS: u64 = 1_000_000;

fn read(clock: libc::clockid_t) -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` outlives the call.
    let ret = unsafe { libc::clock_gettime(clock, &mut now) };
    assert_eq!(ret, 0, "clock {clock}");
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// CLOCK_MONOTONIC in nanoseconds.
pub fn now_ns() -> u64 {
    read(libc::CLOCK_MONOTONIC)
}

/// CPU time that a thread of this process has used until now.
pub fn cpu_ns(tid: i32) -> u64 {
    // As the kernel's MAKE_THREAD_CPUCLOCK(tid, CPUCLOCK_SCHED).
    read((!tid << 3) | 4 | 2)
}

pub fn sleep_until_ns(at: u64) {
    let until = libc::timespec {
        tv_sec: (at / 1_000_000_000) as _,
        tv_nsec: (at % 1_000_000_000) as _,
    };
    loop {
        // SAFETY: `until` outlives the call; no remainder is asked for.
        let ret = unsafe {
            libc::clock_nanosleep(
                libc::CLOCK_MONOTONIC,
                libc::TIMER_ABSTIME,
                &until,
                std::ptr::null_mut(),
            )
        };
        match ret {
            0 => return,
            libc::EINTR => (),
            errno => panic!("clock_nanosleep: {errno}"),
        }
    }
}

/// Looks every `step` until `met` holds; false when `limit` passed without.
pub fn wait_for(limit: Duration, step: Duration, mut met: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if met() {
            return true;
        }
        if start.elapsed() >= limit {
            return false;
        }
        thread::sleep(step);
    }
}

pub fn ms(ns: u64) -> f64 {
    ns as f64 / MS as f64
}
