// SPDX-License-Identifier: GPL-2.0-only
//! Tasks that are mostly asleep, in any number: threads of this process that wake up once in a
//! while, do nothing and sleep again. Threads, because ten thousand processes take a minute to
//! start in an emulated guest; to the scheduler a thread is a task like any other.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{ensure, Context, Result};

use super::sys;

/// They call nothing deep, and 10,000 of them must fit a small guest.
const STACK_BYTES: usize = 32 * 1024;

/// Sleeping threads. They end when this is dropped.
pub struct Sleepers {
    /// Its end is what wakes them for the last time.
    alive: Option<UnixStream>,
    threads: Vec<JoinHandle<()>>,
}

impl Sleepers {
    /// Starts `tasks` threads, each of which wakes up once in `every`; their wake-ups are spread
    /// evenly over that time.
    pub fn start(tasks: usize, every: Duration) -> Result<Self> {
        ensure!(!every.is_zero(), "sleepers that do not sleep");
        let (alive, seen) = UnixStream::pair().context("cannot make a socket pair")?;
        let seen = Arc::new(seen);
        let mut sleepers = Self {
            alive: Some(alive),
            threads: Vec::with_capacity(tasks),
        };
        let start = sys::monotonic();
        for i in 0..tasks {
            let seen = Arc::clone(&seen);
            let phase = every.mul_f64(i as f64 / tasks as f64);
            let thread = thread::Builder::new()
                .name("sleeper".into())
                .stack_size(STACK_BYTES)
                .spawn(move || sleep(&seen, start + every + phase, every))
                .with_context(|| format!("cannot start sleeper {} of {tasks}", i + 1))?;
            sleepers.threads.push(thread);
        }
        Ok(sleepers)
    }
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        self.alive.take();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn sleep(alive: &UnixStream, mut due: Duration, every: Duration) {
    loop {
        let now = sys::monotonic();
        // An error, too, is a reason to end: nobody could end us any more.
        if !matches!(
            sys::wait_readable(alive.as_fd(), due.saturating_sub(now)),
            Ok(false)
        ) {
            return;
        }
        // Never catch up: the points that passed are gone.
        let missed = sys::monotonic().saturating_sub(due).as_nanos() / every.as_nanos();
        due += every * (missed as u32 + 1);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// (voluntary context switches, threads) of this process's sleepers.
    fn sleepers() -> (u64, usize) {
        let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
        let mut sum = (0, 0);
        for task in tasks {
            let Ok(status) = fs::read_to_string(task.path().join("status")) else {
                continue;
            };
            if !status.starts_with("Name:\tsleeper\n") {
                continue;
            }
            let switches = status.lines().find_map(|line| {
                let count = line.strip_prefix("voluntary_ctxt_switches:")?;
                count.trim().parse::<u64>().ok()
            });
            sum.0 += switches.unwrap();
            sum.1 += 1;
        }
        sum
    }

    /// A thread takes its name after its start, and is gone shortly after its end.
    fn await_tasks(tasks: usize) -> u64 {
        for _ in 0..500 {
            let (switches, there) = sleepers();
            if there == tasks {
                return switches;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("not {tasks} sleepers but {}", sleepers().1);
    }

    #[test]
    fn they_wake_up_as_often_as_asked_and_end_at_once() {
        let group = Sleepers::start(50, Duration::from_millis(500)).unwrap();
        let before = await_tasks(50);
        thread::sleep(Duration::from_secs(2));
        let (after, _) = sleepers();
        // 50 tasks, twice a second, for 2 s, is 200. A busy host only makes it fewer.
        assert!((100..=300).contains(&(after - before)), "{before} {after}");
        drop(group);
        await_tasks(0);
    }
}
