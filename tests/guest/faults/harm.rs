// SPDX-License-Identifier: GPL-2.0-only
//! What a fault did to others: each row of the table has a [`Harm`], which watches tasks beside the
//! faults and makes sure of the same at every row's end.
//!
//! ```text
//! Harm::beside(scheduler, tasks) ── phase: faults are injected ── phase … ── end
//!                                   │ the program is in charge              │ nothing is left:
//!                                   │ every task has run once more          │ no process, cgroup, pin
//!                                   │ none waited longer than the bound     │ the kernel's log is clean
//! ```
//!
//! Then the scheduler's own guard looks (scheduler.rs): nothing was enabled since the test began, and
//! no task was lost or counted twice. A row that does not say its `end` fails.

use std::fmt::Display;
use std::thread;
use std::time::Duration;

use labkit::sys::RealTime;
use labkit::watch::Watch;

use super::traces::Traces;
use crate::bound::{FAIR_TURNS, SLICE_NS};
use crate::kmsg::Kmsg;
use crate::scheduler::Scheduler;

/// Before what a row counted; `cargo xtask test --faults` looks for it.
const SAID: &str = "faults: ";

/// New tasks find their places in this time.
const SETTLE: Duration = Duration::from_millis(100);

pub struct Harm {
    /// Goes first: when a test fails the kernel runs the tasks that are stuck. None once the fault has
    /// ended it.
    scheduler: Option<Scheduler>,
    watch: Option<Watch>,
    kmsg: Kmsg,
    before: Traces,
    injected: u64,
    /// So many tasks may wait longer than is allowed.
    spared: usize,
    longest: Duration,
    /// What was harmed, in the phases until now.
    found: Vec<String>,
}

/// The longest wait that is allowed when so many tasks want so many CPUs.
pub fn fair_wait(busy: usize, cpus: usize) -> Duration {
    Duration::from_nanos(FAIR_TURNS * SLICE_NS * busy as u64 / cpus as u64)
}

fn ms(time: Duration) -> u128 {
    time.as_millis()
}

impl Harm {
    /// Faults are about to be injected beside these tasks.
    pub fn beside(scheduler: Scheduler, watch: Watch) -> Self {
        Self::of(Some(scheduler), watch)
    }

    /// The same where loading one is the fault.
    pub fn without_scheduler(watch: Watch) -> Self {
        Self::of(None, watch)
    }

    fn of(scheduler: Option<Scheduler>, watch: Watch) -> Self {
        thread::sleep(SETTLE);
        Self {
            scheduler,
            watch: Some(watch),
            kmsg: Kmsg::since_now(),
            before: Traces::now(),
            injected: 0,
            spared: 0,
            longest: Duration::ZERO,
            found: Vec::new(),
        }
    }

    pub fn scheduler(&mut self) -> &mut Scheduler {
        self.scheduler.as_mut().expect("a scheduler in charge")
    }

    /// From now on so many tasks may wait longer than is allowed.
    pub fn spare(&mut self, tasks: usize) {
        self.spared = tasks;
    }

    /// The fault is the scheduler's end.
    pub fn lose_scheduler(&mut self) -> Scheduler {
        self.scheduler.take().expect("a scheduler in charge")
    }

    /// Another one is in charge.
    pub fn put(&mut self, scheduler: Scheduler) {
        self.scheduler = Some(scheduler);
    }

    fn watch(&self) -> &Watch {
        self.watch.as_ref().expect("a row that has not ended")
    }

    /// The threads that are watched.
    pub fn threads(&self) -> Vec<i32> {
        self.watch().threads()
    }

    /// Injects faults, which says how many they were, from a real-time thread. No watched task may
    /// wait longer than `bound` meanwhile, and each must run within that time afterwards. Returns the
    /// longest wait.
    pub fn phase(
        &mut self,
        what: impl Display,
        bound: Duration,
        inject: impl FnOnce(&mut Self) -> u64,
    ) -> Duration {
        self.watch().forget();
        {
            let _real_time = RealTime::enter().unwrap();
            let injected = inject(self);
            self.injected += injected;
        }
        let silent = self.watch().await_all(bound);
        let wait = self.watch().longest_wait();
        self.longest = self.longest.max(wait);
        let waited = format!("{what}: longest wait {} of {} ms", ms(wait), ms(bound));
        println!("{waited}");
        if let Err(error) = self.healthy() {
            panic!("{what}: {error:#}");
        }
        assert!(silent.is_empty(), "{what}: tasks do not run: {silent:?}");
        if self.watch().longest_wait_but(self.spared) > bound {
            let who = self.watch().who_waited();
            self.found.push(format!("{waited}: {who}"));
        }
        wait
    }

    /// Ends the load, and begins another.
    pub fn rest(&mut self, meanwhile: impl FnOnce(&mut Self) -> Watch) {
        self.watch = None;
        let watch = meanwhile(self);
        self.watch = Some(watch);
    }

    /// Something that no phase looks at.
    pub fn expect(&mut self, met: bool, otherwise: impl Display) {
        if !met {
            self.found.push(otherwise.to_string());
        }
    }

    fn healthy(&mut self) -> anyhow::Result<()> {
        self.watch.as_mut().map_or(Ok(()), Watch::check)?;
        self.scheduler.as_mut().map_or(Ok(()), Scheduler::check)
    }

    /// No task waits any more: what is left?
    pub fn end(mut self) {
        let tasks = self.watch.take().map_or(0, |watch| watch.tasks());
        println!(
            "{SAID}{} injected, {tasks} tasks checked, longest wait {} ms",
            self.injected,
            ms(self.longest)
        );
        let in_charge = self.scheduler.is_some();
        self.found.extend(self.before.differences(in_charge));
        self.found.extend(self.kmsg.troubles());
        let found = self.found.join("\n");
        assert!(found.is_empty(), "{found}");
        drop(self.scheduler.take());
    }
}

impl Drop for Harm {
    fn drop(&mut self) {
        let ended = self.watch.is_none();
        assert!(ended || thread::panicking(), "a row without its end");
    }
}
