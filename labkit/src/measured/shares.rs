// SPDX-License-Identifier: GPL-2.0-only
//! Who gets how much of the CPUs: busy tasks of two nice levels, and busy tasks in a storm of others
//! that wake up all the time.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::task::{Hog, Task};
use crate::{spin, sys};

/// A second nice level.
const NICER: i32 = 10;

/// CPU time of some tasks within a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// Of all of them ÷ what the CPUs have.
    pub all: f64,
    /// Of the one with the least ÷ their mean.
    pub least: f64,
}

/// A storm.
#[derive(Clone, Copy, Debug)]
pub struct Storm {
    /// CPUs that it has.
    pub cpus: usize,
    /// Busy tasks.
    pub busy: usize,
    /// Tasks that wake up.
    pub wakers: usize,
    /// From one wake-up of a task to its next.
    pub every: Duration,
    /// Work after each, in rounds of [`spin`].
    pub rounds: u32,
    /// How long it is watched.
    pub window: Duration,
}

/// CPU time of busy tasks of nice 0 ÷ that of as many of nice 10, a task of each for each CPU.
pub fn nice(cpus: usize, settle: Duration, window: Duration) -> Result<f64> {
    let hogs = |nice| -> Result<Vec<Task>> {
        let hog = Hog { nice, cpu: None };
        (0..cpus).map(|_| Task::hog(hog)).collect()
    };
    let (first, second) = (hogs(0)?, hogs(NICER)?);
    thread::sleep(settle);
    let before = (used(&first)?, used(&second)?);
    thread::sleep(window);
    let after = (used(&first)?, used(&second)?);
    stop(&first);
    stop(&second);
    let sum = |after: &[u64], before: &[u64]| -> u64 {
        after.iter().zip(before).map(|(a, b)| a - b).sum()
    };
    // Nothing at all is a result, too: the ratio is then as large as it can be.
    let nicer = sum(&after.1, &before.1).max(1);
    Ok(sum(&after.0, &before.0) as f64 / nicer as f64)
}

/// What is left for the busy tasks.
pub fn storm(storm: Storm, settle: Duration) -> Result<Shares> {
    let busy = Task::hogs(storm.busy)?;
    let wakers: Vec<Task> = (0..storm.wakers)
        .map(|number| waker(&storm, number))
        .collect::<Result<_>>()?;
    thread::sleep(settle);
    let (before, begin) = (used(&busy)?, sys::monotonic());
    thread::sleep(storm.window);
    let (after, took) = (used(&busy)?, sys::monotonic() - begin);
    stop(&busy);
    stop(&wakers);
    let used: Vec<u64> = after.iter().zip(&before).map(|(a, b)| a - b).collect();
    shares(&used, storm.cpus, took)
}

/// Of CPU times within a window.
pub fn shares(used_ns: &[u64], cpus: usize, window: Duration) -> Result<Shares> {
    let least = used_ns.iter().min().context("no tasks")?;
    let all: u64 = used_ns.iter().sum();
    Ok(Shares {
        all: all as f64 / (window.as_nanos() as f64 * cpus as f64),
        least: *least as f64 * used_ns.len() as f64 / all.max(1) as f64,
    })
}

fn waker(storm: &Storm, number: usize) -> Result<Task> {
    let Storm { every, rounds, .. } = *storm;
    let phase = every.mul_f64(number as f64 / storm.wakers as f64);
    Task::start("waker", move |pulse| {
        sys::set_timer_slack(Duration::from_nanos(1))?;
        let mut due = sys::monotonic() + phase;
        while !pulse.stopped() {
            sys::sleep_until(due)?;
            spin::rounds(rounds);
            // Points that passed meanwhile are gone.
            due = (due + every).max(sys::monotonic());
        }
        Ok(())
    })
}

/// CPU time of each.
pub fn used(tasks: &[Task]) -> Result<Vec<u64>> {
    tasks.iter().map(Task::cpu_ns).collect()
}

/// All at once, or each would wait for its turn among those that still work.
fn stop(tasks: &[Task]) {
    tasks.iter().for_each(Task::stop);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_cpus_and_of_the_mean() {
        let second = Duration::from_secs(1);
        let halves = shares(&[500_000_000, 500_000_000], 2, second).unwrap();
        assert_eq!((halves.all, halves.least), (0.5, 1.0));
        let unequal = shares(&[900_000_000, 300_000_000], 1, second).unwrap();
        assert_eq!((unequal.all, unequal.least), (1.2, 0.5));
        let nothing = shares(&[0, 0], 1, second).unwrap();
        assert_eq!((nothing.all, nothing.least), (0.0, 0.0));
        assert!(shares(&[], 1, second).is_err());
    }

    #[test]
    fn a_storm_leaves_something_to_busy_tasks() {
        let load = Storm {
            cpus: 1,
            busy: 2,
            wakers: 2,
            every: Duration::from_millis(1),
            rounds: 10,
            window: Duration::from_millis(100),
        };
        let shares = storm(load, Duration::from_millis(10)).unwrap();
        assert!(shares.all > 0.0 && shares.least >= 0.0, "{shares:?}");
    }

    #[test]
    fn tasks_of_two_nice_levels_have_a_ratio() {
        // Nobody may lower a nice level here; raising it is everybody's right.
        let window = Duration::from_millis(200);
        assert!(nice(2, Duration::from_millis(20), window).unwrap() > 0.0);
    }
}
