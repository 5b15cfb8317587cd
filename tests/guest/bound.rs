// SPDX-License-Identifier: GPL-2.0-only
//! How long a task may wait: 20 times its fair turn.

use std::time::Duration;
use std::{fs, thread};

use crate::clock::ms;

pub const SLICE_NS: u64 = 20_000_000;

/// How many times its fair turn a task may wait.
pub const FAIR_TURNS: u64 = 20;

pub fn cpus() -> usize {
    thread::available_parallelism().unwrap().get()
}

/// 20 x (busy tasks / CPUs x slice).
pub fn longest_wait_ns(busy: usize) -> u64 {
    let bound = FAIR_TURNS * busy as u64 * SLICE_NS / cpus() as u64;
    println!("{busy} busy tasks: bound {:.0} ms", ms(bound));
    bound
}

/// Tasks that want a CPU now.
fn runnable() -> usize {
    let stat = fs::read_to_string("/proc/stat").unwrap();
    let count = stat
        .lines()
        .find_map(|line| line.strip_prefix("procs_running "));
    count.unwrap().trim().parse().unwrap()
}

/// Lets `time` pass; how many tasks wanted a CPU meanwhile, on average.
pub fn mean_runnable(time: Duration) -> usize {
    const LOOKS: u32 = 20;
    let sum: usize = (0..LOOKS)
        .map(|_| {
            thread::sleep(time / LOOKS);
            runnable()
        })
        .sum();
    sum.div_ceil(LOOKS as usize)
}
