// SPDX-License-Identifier: GPL-2.0-only
//! Tasks with data in their CPU's private cache, which sleep a little and come back: what a move to
//! another CPU costs them is in the time of a pass over the data.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{anyhow, Context, Result};
use fastrand::Rng;

use crate::sys;

const LINE_BYTES: usize = 64;

/// What hops.
#[derive(Clone, Copy, Debug)]
pub struct Hopping {
    /// Tasks.
    pub tasks: usize,
    /// Data of each.
    pub bytes: usize,
    /// Passes over it between two sleeps.
    pub passes: u32,
    /// A sleep.
    pub nap: Duration,
    /// How long all of it runs.
    pub window: Duration,
}

/// What hopping tasks did.
#[derive(Clone, Copy, Debug)]
pub struct Hopped {
    /// CPU time that a pass over the data took, on average, the sleep's own included.
    pub pass: Duration,
    /// Passes a second, of all tasks together.
    pub passes_per_s: f64,
}

/// Of one task.
struct Hops {
    used: Duration,
    took: Duration,
    passes: u32,
}

/// A line of a cache, which says where the next one is.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line(usize);

/// Runs such tasks.
pub fn hopping(load: Hopping, seed: u64) -> Result<Hopped> {
    let stop = AtomicBool::new(false);
    let tasks: Vec<Result<Hops>> = thread::scope(|scope| {
        let task = |number: usize| {
            let ring = ring(load.bytes / LINE_BYTES, seed + number as u64);
            let stop = &stop;
            let thread = thread::Builder::new().name("hopper".into());
            thread.spawn_scoped(scope, move || hop(&ring, load, stop))
        };
        let threads: Vec<_> = (0..load.tasks).map(task).collect();
        thread::sleep(load.window);
        stop.store(true, Ordering::Relaxed);
        let end = |thread: std::io::Result<thread::ScopedJoinHandle<_>>| {
            let thread = thread.context("cannot start a thread")?;
            thread.join().map_err(|_| anyhow!("a hopper panicked"))?
        };
        threads.into_iter().map(end).collect()
    });
    let tasks: Vec<_> = tasks.into_iter().collect::<Result<_>>()?;
    let used: Duration = tasks.iter().map(|task| task.used).sum();
    let passes: u32 = tasks.iter().map(|task| task.passes).sum();
    let rate = |task: &Hops| f64::from(task.passes) / task.took.as_secs_f64();
    Ok(Hopped {
        pass: used / passes.max(1),
        passes_per_s: tasks.iter().map(rate).sum(),
    })
}

fn hop(ring: &[Line], load: Hopping, stop: &AtomicBool) -> Result<Hops> {
    let used = || sys::cpu_time_of(sys::thread_id()).context("a hopper's CPU time");
    sys::set_timer_slack(Duration::from_nanos(1)).context("PR_SET_TIMERSLACK")?;
    // The first pass finds nothing in any cache.
    pass(ring);
    let (begin, since) = (used()?, sys::monotonic());
    let mut passes = 0;
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..load.passes {
            pass(ring);
        }
        passes += load.passes;
        thread::sleep(load.nap);
    }
    Ok(Hops {
        used: used()? - begin,
        took: sys::monotonic() - since,
        passes,
    })
}

#[inline(never)]
fn pass(ring: &[Line]) {
    let mut at = 0;
    for _ in 0..ring.len() {
        at = ring[at].0;
    }
    black_box(at);
}

/// Lines in one circle that visits all of them in no order that a prefetcher knows.
fn ring(lines: usize, seed: u64) -> Vec<Line> {
    let mut order: Vec<usize> = (0..lines).collect();
    Rng::with_seed(seed).shuffle(&mut order);
    let mut ring = vec![Line(0); lines];
    for (i, &line) in order.iter().enumerate() {
        ring[line] = Line(order[(i + 1) % lines]);
    }
    ring
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_visits_every_line_once() {
        let ring = ring(100, 7);
        let (mut at, mut seen) = (0, vec![false; ring.len()]);
        for _ in 0..ring.len() {
            assert!(!seen[at]);
            seen[at] = true;
            at = ring[at].0;
        }
        assert_eq!(at, 0);
        assert_eq!(std::mem::size_of::<Line>(), LINE_BYTES);
    }

    #[test]
    fn a_pass_takes_time() {
        let load = Hopping {
            tasks: 2,
            bytes: 16 * 1024,
            passes: 4,
            nap: Duration::from_micros(100),
            window: Duration::from_millis(50),
        };
        assert!(hopping(load, 1).unwrap().pass > Duration::ZERO);
    }
}
