// SPDX-License-Identifier: GPL-2.0-only
//! Times as the BPF program stamps them, in nanoseconds, and for people in milliseconds.

use std::time::Duration;

use labkit::sys;

pub use labkit::task::now_ns;

pub const MS: u64 = 1_000_000;

pub fn sleep_until_ns(at: u64) {
    sys::sleep_until(Duration::from_nanos(at)).unwrap();
}

pub fn ms(ns: u64) -> f64 {
    ns as f64 / MS as f64
}
