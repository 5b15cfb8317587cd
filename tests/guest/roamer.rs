// SPDX-License-Identifier: GPL-2.0-only
//! A busy task on a machine with two last-level caches, which notes in which of them it runs: CPUs 0
//! and 1 share one, CPUs 2 and 3 the other.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::Arc;
use std::time::Duration;

use labkit::sys;
use labkit::task::Task;

pub const CACHES: [[usize; 2]; 2] = [[0, 1], [2, 3]];
const ALL: [usize; 4] = [0, 1, 2, 3];

/// The balancer looks this often.
pub const BALANCE_PERIOD: Duration = Duration::from_secs(2);

#[derive(Default)]
struct Seen {
    free: AtomicBool,
    /// Beats in each cache.
    beats: [AtomicU64; 2],
    /// From one cache to the other.
    crossings: AtomicUsize,
}

/// A busy thread that is bound to one cache until it is set free.
pub struct Roamer {
    seen: Arc<Seen>,
    task: Task,
}

fn cache_now() -> usize {
    usize::from(CACHES[1].contains(&sys::current_cpu()))
}

impl Roamer {
    pub fn start_in(cache: usize) -> Self {
        let seen = Arc::new(Seen::default());
        let mine = Arc::clone(&seen);
        let task = Task::start("roamer", move |pulse| {
            sys::bind_to(&CACHES[cache])?;
            let (mut bound, mut last) = (true, cache);
            while !pulse.stopped() {
                if bound && mine.free.load(Relaxed) {
                    sys::bind_to(&ALL)?;
                    bound = false;
                }
                pulse.work();
                let now = cache_now();
                mine.beats[now].fetch_add(1, Relaxed);
                mine.crossings.fetch_add(usize::from(now != last), Relaxed);
                last = now;
            }
            Ok(())
        });
        Self {
            seen,
            task: task.unwrap(),
        }
    }

    /// It may use every CPU from now on.
    pub fn set_free(&self) {
        self.seen.free.store(true, Relaxed);
    }

    /// It must not have ended.
    pub fn check(&mut self) {
        self.task.check().unwrap();
    }

    pub fn forget(&self) {
        self.seen.beats.iter().for_each(|n| n.store(0, Relaxed));
        self.seen.crossings.store(0, Relaxed);
    }

    pub fn beats(&self) -> [u64; 2] {
        [0, 1].map(|cache| self.seen.beats[cache].load(Relaxed))
    }

    pub fn crossings(&self) -> usize {
        self.seen.crossings.load(Relaxed)
    }
}
