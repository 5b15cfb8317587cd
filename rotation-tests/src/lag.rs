// SPDX-License-Identifier: GPL-2.0-only
//! bpf/lag.h, behind safe functions.

/// `struct lag_clock`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// The average of the virtual runtimes of all who compete, by weight.
    pub now: u64,
    zero: u64,
    sum: i64,
    /// Of all who compete.
    pub weight: u64,
}

extern "C" {
    static host_size_of_lag_clock: u64;
    fn host_lag_scale(ns: u64, weight: u32) -> u64;
    fn host_lag_of(clock: &Clock, vruntime: u64) -> i64;
    fn host_lag_place(clock: &Clock, lag: i64, weight: u32) -> u64;
    fn host_lag_reweigh(lag: i64, from: u32, to: u32) -> i64;
    fn host_lag_count(clock: &mut Clock, vruntime: u64, weight: u32);
    fn host_lag_move(clock: &mut Clock, from: u64, to: u64, weight: u32);
    fn host_lag_leave(clock: &mut Clock, vruntime: u64, weight: u32);
}

/// From CPU time to virtual time.
pub fn scale(ns: u64, weight: u32) -> u64 {
    // SAFETY: a pure function of numbers.
    unsafe { host_lag_scale(ns, weight) }
}

/// What is owed at another weight.
pub fn reweigh(lag: i64, from: u32, to: u32) -> i64 {
    // SAFETY: a pure function of numbers.
    unsafe { host_lag_reweigh(lag, from, to) }
}

impl Clock {
    /// One for which nobody competes, and that stands there.
    pub fn at(now: u64) -> Self {
        // SAFETY: a constant that C defines with this type.
        assert_eq!(size_of::<Self>() as u64, unsafe { host_size_of_lag_clock });
        Self {
            now,
            zero: now,
            ..Self::default()
        }
    }

    /// What someone at `vruntime` is owed.
    pub fn lag(&self, vruntime: u64) -> i64 {
        // SAFETY: reads the clock.
        unsafe { host_lag_of(self, vruntime) }
    }

    /// Where someone joins who is owed `lag`.
    pub fn place(&self, lag: i64, weight: u32) -> u64 {
        // SAFETY: reads the clock.
        unsafe { host_lag_place(self, lag, weight) }
    }

    /// Someone joins.
    pub fn count(&mut self, vruntime: u64, weight: u32) {
        // SAFETY: writes the clock.
        unsafe { host_lag_count(self, vruntime, weight) }
    }

    /// Someone used the CPU.
    pub fn run(&mut self, from: u64, to: u64, weight: u32) {
        // SAFETY: writes the clock.
        unsafe { host_lag_move(self, from, to, weight) }
    }

    /// Someone goes.
    pub fn leave(&mut self, vruntime: u64, weight: u32) {
        // SAFETY: writes the clock.
        unsafe { host_lag_leave(self, vruntime, weight) }
    }
}
