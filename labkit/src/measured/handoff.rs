// SPDX-License-Identifier: GPL-2.0-only
//! Two tasks that wake each other by turns: through a pipe, and through a futex.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use super::ordinary;
use crate::calibrate::calls;
use crate::{spin, sys};

/// A byte there and back between two processes, so many times, as `perf bench sched pipe`; what a
/// round trip took.
pub fn pipe(round_trips: u32) -> Result<Duration> {
    ordinary(|| {
        let (there, back) = (calls::Pipe::new()?, calls::Pipe::new()?);
        let echo = || {
            let turn = || there.read_byte().and_then(|()| back.write_byte());
            i32::from((0..round_trips).any(|_| turn().is_err()))
        };
        // SAFETY: the child makes plain system calls on descriptors, and ends.
        let child = unsafe { calls::fork(echo) }.context("cannot fork")?;
        let begin = sys::monotonic();
        for _ in 0..round_trips {
            there.write_byte().context("a pipe")?;
            back.read_byte().context("a pipe")?;
        }
        let took = sys::monotonic() - begin;
        child.wait().context("the other end of the pipe failed")?;
        Ok(took / round_trips.max(1))
    })
}

/// How many turns a pair has had; by its lowest bit, whose turn it is.
#[derive(Default)]
#[repr(align(64))]
struct Turns(AtomicU32);

/// So many pairs of threads hand a turn over through a futex, each after `rounds` of work, for this
/// time; hand-overs a second, of all.
pub fn futex(pairs: usize, rounds: u32, window: Duration) -> Result<f64> {
    let stop = AtomicBool::new(false);
    let pairs: Vec<Turns> = (0..pairs).map(|_| Turns::default()).collect();
    let all = || -> u32 {
        let turns = pairs.iter().map(|turns| turns.0.load(Ordering::Relaxed));
        turns.fold(0, u32::wrapping_add)
    };
    thread::scope(|scope| {
        for turns in &pairs {
            for own in 0..2 {
                let stop = &stop;
                let thread = thread::Builder::new().name("handover".into());
                let body = move || take_turns(turns, own, rounds, stop);
                let started = thread.spawn_scoped(scope, body);
                if let Err(error) = started {
                    end(stop, &pairs);
                    return Err(error).context("cannot start a thread");
                }
            }
        }
        let (before, begin) = (all(), sys::monotonic());
        thread::sleep(window);
        let (after, took) = (all(), sys::monotonic() - begin);
        end(&stop, &pairs);
        Ok(f64::from(after.wrapping_sub(before)) / took.as_secs_f64())
    })
}

fn end(stop: &AtomicBool, pairs: &[Turns]) {
    stop.store(true, Ordering::SeqCst);
    for turns in pairs {
        // Whoever was about to wait for the old value does not.
        turns.0.fetch_add(2, Ordering::SeqCst);
        sys::futex_wake(&turns.0, i32::MAX);
    }
}

fn take_turns(turns: &Turns, own: u32, rounds: u32, stop: &AtomicBool) {
    loop {
        let now = turns.0.load(Ordering::SeqCst);
        if stop.load(Ordering::SeqCst) {
            return;
        }
        if now % 2 != own {
            sys::futex_wait(&turns.0, now);
            continue;
        }
        spin::rounds(rounds);
        turns.0.fetch_add(1, Ordering::SeqCst);
        sys::futex_wake(&turns.0, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_handed_over_until_the_window_ends() {
        let a_second = futex(2, 1, Duration::from_millis(100)).unwrap();
        assert!(a_second > 0.0);
    }

    #[test]
    fn a_byte_goes_there_and_back() {
        assert!(pipe(50).unwrap() > Duration::ZERO);
    }
}
