// SPDX-License-Identifier: GPL-2.0-only
//! Real-time tasks that take CPUs away from everybody else: a hog that does not sleep, and storms
//! that come and go. Each ends by itself after its time, since who should end it may not run.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Result};

use super::class::Class;
use super::task::{Pulse, Task};
use super::{class, process, sys};

/// Longest time that a task of a storm runs, and sleeps, in milliseconds: half of a CPU on average.
const BURST_MS: u64 = 20;

/// Beside tasks that wait, it comes to its CPU within this time.
const START_LIMIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(1);

/// So long others run where a task is about to hold the CPU.
const NAP: Duration = Duration::from_millis(5);

/// A task of this class that is busy on one CPU for this time. It takes the CPU from who runs there;
/// this returns when it holds it.
pub fn hog(cpu: usize, class: Class, time: Duration) -> Result<Task> {
    let holds = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&holds);
    let hog = Task::start("rt-hog", move |pulse| {
        sys::bind_to(&[cpu])?;
        class::set(0, class)?;
        // A task that becomes a real-time one while it runs takes a CPU from nobody.
        thread::sleep(NAP);
        told.store(true, Relaxed);
        work(pulse, sys::monotonic() + time);
        Ok(())
    })?;
    let begun = process::await_that(START_LIMIT, POLL, || holds.load(Relaxed));
    ensure!(begun, "no CPU {cpu} for a task of {class:?}");
    Ok(hog)
}

/// A task in the deadline class, which may not be bound to a CPU, that takes so much of each period.
pub fn deadline(runtime: Duration, period: Duration, time: Duration) -> Result<Task> {
    Task::start("dl-hog", move |pulse| {
        class::set(0, Class::Deadline { runtime, period })?;
        work(pulse, sys::monotonic() + time);
        Ok(())
    })
}

/// A task on each of these CPUs that runs and sleeps for random times, each time with another
/// priority and in the other real-time class.
pub fn storm(cpus: &[usize], time: Duration, seed: u64) -> Result<Vec<Task>> {
    let one = |(number, &cpu): (usize, &usize)| {
        let mut random = fastrand::Rng::with_seed(seed + number as u64);
        Task::start("rt-storm", move |pulse| {
            sys::bind_to(&[cpu])?;
            let end = sys::monotonic() + time;
            while !pulse.stopped() && sys::monotonic() < end {
                let priority = random.u32(1..90);
                class::set(
                    0,
                    match random.bool() {
                        true => Class::Fifo(priority),
                        false => Class::RoundRobin(priority),
                    },
                )?;
                let burst = Duration::from_millis(random.u64(0..=BURST_MS));
                work(pulse, sys::monotonic() + burst);
                thread::sleep(Duration::from_millis(random.u64(0..=BURST_MS)));
            }
            Ok(())
        })
    };
    cpus.iter().enumerate().map(one).collect()
}

fn work(pulse: &Pulse, end: Duration) {
    while !pulse.stopped() && sys::monotonic() < end {
        pulse.work();
    }
}
