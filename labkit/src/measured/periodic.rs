// SPDX-License-Identifier: GPL-2.0-only
//! Work that is due at fixed times, as frames and audio buffers are: a task wakes up, works, and
//! should be done before the next point.

use std::time::Duration;

use anyhow::{ensure, Context, Result};

use super::ordinary;
use crate::{spin, sys};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Periodic {
    /// From one point to the next.
    pub every: Duration,
    /// Work at each, in rounds of [`spin`].
    pub rounds: u32,
    /// How long it goes on.
    pub window: Duration,
}

/// From each point until its work was done. Points that passed while it still worked are missed, and
/// have none.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    /// In order.
    pub took: Vec<Duration>,
    /// How many points had no work done before the next one.
    pub late: usize,
    /// Points within the window.
    pub points: usize,
}

/// Does the work; `done` is called after each that was done in time.
pub fn periodic(load: Periodic, done: fn()) -> Result<Done> {
    ensure!(!load.every.is_zero(), "work that is always due");
    ordinary(|| {
        sys::set_timer_slack(Duration::from_nanos(1)).context("PR_SET_TIMERSLACK")?;
        let begin = sys::monotonic();
        let points = (load.window.as_nanos() / load.every.as_nanos()).max(1) as u32;
        let mut took = Vec::new();
        let mut point = 0;
        while point < points {
            let due = begin + load.every * point;
            sys::sleep_until(due).context("clock_nanosleep")?;
            spin::rounds(load.rounds);
            let now = sys::monotonic();
            took.push(now - due);
            if now - due <= load.every {
                done();
            }
            let passed = ((now - begin).as_nanos() / load.every.as_nanos()) as u32;
            point = passed.max(point) + 1;
        }
        let in_time = took.iter().filter(|took| **took <= load.every).count();
        Ok(Done {
            took,
            late: points as usize - in_time,
            points: points as usize,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_kept_or_missed_and_all_are_counted() {
        let load = |every_us, rounds| Periodic {
            every: Duration::from_micros(every_us),
            rounds,
            window: Duration::from_millis(50),
        };
        let easy = periodic(load(10_000, 1), || ()).unwrap();
        assert_eq!(easy.points, 5);
        assert!(easy.took.len() + easy.late >= 5, "{easy:?}");
        // Each takes longer than until the next point.
        let hard = periodic(load(10, 10_000), || ()).unwrap();
        assert_eq!((hard.points, hard.late), (5000, 5000));
        assert!(hard.took.len() < 5000);
    }
}
