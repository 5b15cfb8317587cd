// SPDX-License-Identifier: GPL-2.0-only
//! Jobs that all begin at once, one of them much longer than the others: the time until all are done
//! is shortest for who does not leave the long one to the end.

use std::thread;
use std::time::Duration;

use anyhow::{anyhow, Context, Result};

use super::ordinary;
use crate::{spin, sys};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Jobs {
    /// Short ones.
    pub short: usize,
    /// Work of a short one, in rounds of [`spin`].
    pub rounds: u32,
    /// Work of the long one, in short ones.
    pub long: u32,
}

/// Does them all; how long that took.
pub fn jobs(load: Jobs) -> Result<Duration> {
    ordinary(|| {
        let begin = sys::monotonic();
        let works = (0..load.short).map(|_| load.rounds);
        let works = works.chain([load.rounds.saturating_mul(load.long)]);
        thread::scope(|scope| {
            let start = |rounds| {
                let thread = thread::Builder::new().name("job".into());
                thread.spawn_scoped(scope, move || spin::rounds(rounds))
            };
            let started: Vec<_> = works.map(start).collect();
            for thread in started {
                let thread = thread.context("cannot start a job")?;
                thread.join().map_err(|_| anyhow!("a job panicked"))?;
            }
            Ok(())
        })
        .map(|()| sys::monotonic() - begin)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_jobs_are_done() {
        let short = Jobs {
            short: 3,
            rounds: 100,
            long: 1,
        };
        assert!(jobs(short).unwrap() > Duration::ZERO);
    }
}
