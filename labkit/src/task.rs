// SPDX-License-Identifier: GPL-2.0-only
//! Threads that show by themselves that they are not forgotten: each has a heartbeat and notes the
//! longest time between two of its beats.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use std::{fs, io, thread};

use anyhow::{bail, ensure, Context, Result};

use super::{process, spin, sys};

/// A new thread runs within this time on the busiest machine.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Work between two beats of a busy thread: some 10 µs, emulated.
const ROUNDS_A_BEAT: u32 = 20;

/// What a thread tells about itself.
#[derive(Default)]
struct Beat {
    thread: AtomicI32,
    stop: AtomicBool,
    last_ns: AtomicU64,
    longest_gap_ns: AtomicU64,
}

/// A thread with a heartbeat. It ends when dropped.
pub struct Task {
    beat: Arc<Beat>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// How a busy thread differs from an ordinary one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hog {
    /// Its nice level.
    pub nice: i32,
    /// The only CPU that it may use.
    pub cpu: Option<usize>,
}

/// What a thread's work sees of its handle.
pub struct Pulse(Arc<Beat>);

impl Pulse {
    /// Has the handle been dropped?
    pub fn stopped(&self) -> bool {
        self.0.stop.load(Relaxed)
    }

    /// Works for a moment, and beats.
    pub fn work(&self) {
        spin::rounds(ROUNDS_A_BEAT);
        self.0.beat();
    }
}

impl Beat {
    fn beat(&self) {
        let now = now_ns();
        let last = self.last_ns.swap(now, Relaxed);
        let gap = now.saturating_sub(last);
        self.longest_gap_ns.fetch_max(gap, Relaxed);
    }
}

/// CLOCK_MONOTONIC, which the program in the kernel stamps with.
pub fn now_ns() -> u64 {
    sys::monotonic().as_nanos() as u64
}

impl Task {
    /// A thread that works until its handle is dropped; returns once it runs.
    pub fn start(
        name: &str,
        work: impl FnOnce(&Pulse) -> io::Result<()> + Send + 'static,
    ) -> Result<Self> {
        let beat = Arc::new(Beat::default());
        let pulse = Pulse(Arc::clone(&beat));
        let thread = thread::Builder::new().name(name.into()).spawn(move || {
            pulse.0.last_ns.store(now_ns(), Relaxed);
            pulse.0.thread.store(sys::thread_id(), Relaxed);
            work(&pulse)
        });
        let task = Self {
            beat,
            thread: Some(thread.with_context(|| format!("cannot start a {name}"))?),
        };
        let runs = process::await_that(START_LIMIT, Duration::from_millis(1), || task.id() != 0);
        ensure!(runs, "a new {name} did not run within {START_LIMIT:?}");
        Ok(task)
    }

    /// Busy all the time.
    pub fn hog(hog: Hog) -> Result<Self> {
        Self::start("hog", move |pulse| {
            if hog.nice != 0 {
                sys::set_nice(hog.nice)?;
            }
            if let Some(cpu) = hog.cpu {
                sys::bind_to(&[cpu])?;
            }
            while !pulse.stopped() {
                pulse.work();
            }
            Ok(())
        })
    }

    /// `count` ordinary busy threads.
    pub fn hogs(count: usize) -> Result<Vec<Self>> {
        (0..count).map(|_| Self::hog(Hog::default())).collect()
    }

    /// Sleeps, works a little, and so on. The gap between two beats is the nap and the time for
    /// which it waited for a CPU.
    pub fn sleeper(nap: Duration) -> Result<Self> {
        Self::sleeper_on(None, nap)
    }

    /// A sleeper that may run on one CPU only.
    pub fn sleeper_on(cpu: Option<usize>, nap: Duration) -> Result<Self> {
        Self::start("sleeper", move |pulse| {
            if let Some(cpu) = cpu {
                sys::bind_to(&[cpu])?;
            }
            while !pulse.stopped() {
                thread::sleep(nap);
                pulse.work();
            }
            Ok(())
        })
    }

    /// What it is.
    pub fn name(&self) -> &str {
        let thread = self.thread.as_ref();
        thread
            .and_then(|thread| thread.thread().name())
            .unwrap_or_default()
    }

    /// Its thread.
    pub fn id(&self) -> i32 {
        self.beat.thread.load(Relaxed)
    }

    /// When it showed for the last time that it ran.
    pub fn last_beat_ns(&self) -> u64 {
        self.beat.last_ns.load(Relaxed)
    }

    /// Asks it to end, and does not wait for that.
    pub fn stop(&self) {
        self.beat.stop.store(true, Relaxed);
    }

    /// Fails when its work has ended though nobody asked it to.
    pub fn check(&mut self) -> Result<()> {
        let Some(thread) = self.thread.take_if(|thread| thread.is_finished()) else {
            return Ok(());
        };
        match thread.join() {
            Ok(Ok(())) => bail!("a task ended by itself"),
            Ok(Err(error)) => Err(error).context("a task failed"),
            Err(_) => bail!("a task panicked"),
        }
    }

    /// CPU time that it has used until now.
    pub fn cpu_ns(&self) -> Result<u64> {
        let time = sys::cpu_time_of(self.id()).context("a task's CPU time")?;
        Ok(time.as_nanos() as u64)
    }

    /// The CPU it is on, or was last.
    pub fn last_cpu(&self) -> Result<usize> {
        let path = format!("/proc/self/task/{}/stat", self.id());
        let stat = fs::read_to_string(&path).with_context(|| path.clone())?;
        let cpu = stat.rsplit_once(')').and_then(|(_, fields)| {
            let cpu = fields.split_whitespace().nth(36)?;
            cpu.parse().ok()
        });
        cpu.with_context(|| format!("{path} names no CPU: {stat}"))
    }

    /// The longest time without a beat since the last reset, up to now.
    pub fn longest_gap_ns(&self) -> u64 {
        let waiting = now_ns().saturating_sub(self.beat.last_ns.load(Relaxed));
        self.beat.longest_gap_ns.load(Relaxed).max(waiting)
    }

    /// Forgets past gaps; one under way counts from now on.
    pub fn reset_gap(&self) {
        self.beat.last_ns.store(now_ns(), Relaxed);
        self.beat.longest_gap_ns.store(0, Relaxed);
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.stop();
        let Some(thread) = self.thread.take() else {
            return;
        };
        match thread.join() {
            Ok(Ok(())) => (),
            Ok(Err(error)) => eprintln!("a task failed: {error}"),
            Err(_) => eprintln!("a task panicked"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hog_uses_cpu_time_and_its_gaps_can_be_forgotten() {
        let mut hog = Task::hog(Hog::default()).unwrap();
        thread::sleep(Duration::from_millis(50));
        hog.check().unwrap();
        assert!(hog.cpu_ns().unwrap() > 0);
        hog.beat.longest_gap_ns.store(u64::MAX / 2, Relaxed);
        hog.reset_gap();
        thread::sleep(Duration::from_millis(50));
        let gap = hog.longest_gap_ns();
        assert!(gap > 0 && gap < Duration::from_secs(20).as_nanos() as u64);
    }

    #[test]
    fn a_bound_task_stays_where_it_is_bound() {
        let sleeper = Task::sleeper_on(Some(0), Duration::from_millis(1)).unwrap();
        thread::sleep(Duration::from_millis(20));
        let status = fs::read_to_string(format!("/proc/self/task/{}/status", sleeper.id()));
        let status = status.unwrap();
        assert!(status.contains("Cpus_allowed_list:\t0\n"), "{status}");
        assert_eq!(sleeper.last_cpu().unwrap(), 0);
    }

    #[test]
    fn a_task_that_fails_is_noticed() {
        let mut task = Task::start("failure", |_| Err(io::ErrorKind::NotFound.into())).unwrap();
        process::await_that(Duration::from_secs(20), Duration::from_millis(1), || {
            task.thread
                .as_ref()
                .is_none_or(|thread| thread.is_finished())
        });
        let error = format!("{:#}", task.check().unwrap_err());
        assert!(error.contains("a task failed"), "{error}");
    }
}
