// SPDX-License-Identifier: GPL-2.0-only
//! Tasks that are watched while something is done to their machine: the longest time that any of
//! them was without a CPU it wanted.

use std::cmp::Reverse;
use std::time::Duration;

use anyhow::Result;

use super::process;
use super::task::{now_ns, Task};

/// How long a sleeper sleeps: shorter than any wait that matters, and no divisor of a slice.
const NAP: Duration = Duration::from_millis(9);

const POLL: Duration = Duration::from_millis(5);

/// Of those who waited, so many are named.
const TOLD: usize = 3;

/// Busy tasks and sleepers. They end when this is dropped.
pub struct Watch {
    busy: Vec<Task>,
    asleep: Vec<Task>,
}

impl Watch {
    /// So many of each, which may use every CPU.
    pub fn start(busy: usize, asleep: usize) -> Result<Self> {
        let sleepers = (0..asleep).map(|_| Task::sleeper(NAP));
        Ok(Self {
            busy: Task::hogs(busy)?,
            asleep: sleepers.collect::<Result<_>>()?,
        })
    }

    /// Watches these busy tasks, too.
    pub fn add(&mut self, busy: impl IntoIterator<Item = Task>) {
        self.busy.extend(busy);
    }

    fn all(&self) -> impl Iterator<Item = &Task> {
        self.busy.iter().chain(&self.asleep)
    }

    /// How many are watched.
    pub fn tasks(&self) -> usize {
        self.all().count()
    }

    /// Their threads.
    pub fn threads(&self) -> Vec<i32> {
        self.all().map(Task::id).collect()
    }

    /// Fails when one of them has ended.
    pub fn check(&mut self) -> Result<()> {
        let mut all = self.busy.iter_mut().chain(&mut self.asleep);
        all.try_for_each(Task::check)
    }

    /// Forgets past waits.
    pub fn forget(&self) {
        self.all().for_each(Task::reset_gap);
    }

    /// The longest wait since then, those under way included.
    pub fn longest_wait(&self) -> Duration {
        self.longest_wait_but(0)
    }

    /// The same without the `spared` tasks that waited longest.
    pub fn longest_wait_but(&self, spared: usize) -> Duration {
        self.waits()
            .get(spared)
            .map_or(Duration::ZERO, |(wait, _)| *wait)
    }

    /// Who waited longest, for people.
    pub fn who_waited(&self) -> String {
        let waits = self.waits();
        let longest = waits.iter().take(TOLD).map(|(wait, task)| {
            let cpu = task
                .last_cpu()
                .map_or("?".to_string(), |cpu| cpu.to_string());
            format!(
                "{} {} (CPU {cpu}) {} ms",
                task.name(),
                task.id(),
                wait.as_millis()
            )
        });
        longest.collect::<Vec<_>>().join(", ")
    }

    /// How long each waited, the longest first.
    fn waits(&self) -> Vec<(Duration, &Task)> {
        let gap = |task: &Task| Duration::from_nanos(task.longest_gap_ns());
        let busy = self.busy.iter().map(|task| (gap(task), task));
        let asleep = self
            .asleep
            .iter()
            .map(|task| (gap(task).saturating_sub(NAP), task));
        let mut waits: Vec<_> = busy.chain(asleep).collect();
        waits.sort_unstable_by_key(|(wait, _)| Reverse(*wait));
        waits
    }

    /// Waits until each of them has run once more; the threads that have not within `limit`.
    pub fn await_all(&self, limit: Duration) -> Vec<i32> {
        let now = now_ns();
        let silent = || -> Vec<i32> {
            let late = self.all().filter(|task| task.last_beat_ns() <= now);
            late.map(Task::id).collect()
        };
        process::await_that(limit, POLL, || silent().is_empty());
        silent()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // All at once, or each would wait for its turn among those that still work.
        self.all().for_each(Task::stop);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_of_any_task_is_seen_until_it_is_forgotten() {
        let mut watch = Watch::start(1, 2).unwrap();
        assert_eq!(watch.tasks(), 3);
        assert_eq!(watch.threads().len(), 3);
        let limit = Duration::from_secs(20);
        assert!(watch.await_all(limit).is_empty());
        watch.check().unwrap();
        watch.forget();
        let begin = now_ns();
        assert!(watch.await_all(limit).is_empty());
        let passed = Duration::from_nanos(now_ns() - begin);
        assert!(watch.longest_wait() <= passed + NAP);
    }

    #[test]
    fn a_task_that_does_not_run_is_told() {
        let mut watch = Watch::start(0, 0).unwrap();
        let stuck = Task::start("stuck", |pulse| {
            while !pulse.stopped() {
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        });
        watch.add([stuck.unwrap()]);
        let silent = watch.await_all(Duration::from_millis(30));
        assert_eq!(silent, watch.threads());
        assert!(watch.longest_wait() >= Duration::from_millis(30));
        let who = format!("stuck {} (CPU ", watch.threads()[0]);
        assert!(
            watch.who_waited().starts_with(&who),
            "{}",
            watch.who_waited()
        );
    }
}
