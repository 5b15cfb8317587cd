// SPDX-License-Identifier: GPL-2.0-only
//! The loads under which replacement and flip are compared: the same for both.

use std::io;
use std::mem;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use anyhow::Result;
use labkit::load;
use labkit::load::Part;
use labkit::sys;

use super::record::Load;

/// How often a bound sleeper wakes up: an idle CPU is in use at least this often.
const WAKE_EVERY: Duration = Duration::from_millis(1);

/// Four a CPU: with slices of 20 ms a task that has run waits 60 ms for its next turn.
const BUSY_PER_CPU: usize = 4;

/// Beside the busy half of a moderate load, tasks that come and go.
const SLEEPERS_PER_CPU: usize = 10;
const SLEEPERS_EVERY: Duration = Duration::from_millis(10);

/// A load that runs until it is dropped.
pub struct Running {
    load: load::Load,
    _bound: Vec<BoundSleeper>,
}

/// Starts a load for about `run`; from the main thread, as [`load::Load::start`] wants it.
pub fn start(load: Load, cpus: usize, run: Duration) -> Result<Running> {
    let parts = match load {
        Load::Idle => vec![],
        Load::Moderate => vec![
            Part::Busy {
                tasks: (cpus / 2).max(1),
            },
            Part::Sleepers {
                tasks: cpus * SLEEPERS_PER_CPU,
                every: SLEEPERS_EVERY,
            },
        ],
        Load::Saturated => vec![Part::Busy {
            tasks: cpus * BUSY_PER_CPU,
        }],
    };
    let bound = match load {
        Load::Idle => (0..cpus).map(BoundSleeper::start).collect::<Result<_>>()?,
        Load::Moderate | Load::Saturated => vec![],
    };
    Ok(Running {
        load: load::Load::start(&parts, run)?,
        _bound: bound,
    })
}

impl Running {
    /// Fails when a part has died.
    pub fn check(&mut self) -> Result<()> {
        self.load.check()
    }
}

/// A thread that one CPU must run every millisecond.
struct BoundSleeper {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl BoundSleeper {
    fn start(cpu: usize) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name(format!("bound-{cpu}"))
            .spawn(move || wake(cpu, &seen))
            .context("cannot start a bound sleeper")?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for BoundSleeper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn wake(cpu: usize, stop: &AtomicBool) {
    if let Err(error) = bind_to(cpu) {
        eprintln!("a sleeper is not bound to CPU {cpu}: {error}");
    }
    let mut due = sys::monotonic();
    while !stop.load(Ordering::Relaxed) {
        due = sys::monotonic().max(due) + WAKE_EVERY;
        if sys::sleep_until(due).is_err() {
            return;
        }
    }
}

/// The calling thread runs on this CPU only.
fn bind_to(cpu: usize) -> io::Result<()> {
    // SAFETY: a zeroed set is the empty one.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: CPU_SET checks the index against the set's size.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    // SAFETY: `set` lives across the call; 0 names the calling thread.
    match unsafe { libc::sched_setaffinity(0, mem::size_of_val(&set), &set) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_bound_sleeper_may_use_one_cpu_only() {
        let sleeper = BoundSleeper::start(0).unwrap();
        thread::sleep(WAKE_EVERY * 20);
        let mut bound = fs::read_dir("/proc/self/task")
            .unwrap()
            .flatten()
            .filter_map(|task| fs::read_to_string(task.path().join("status")).ok())
            .filter(|status| status.contains("Name:\tbound-0\n"));
        let status = bound.next().unwrap();
        assert!(status.contains("Cpus_allowed_list:\t0\n"), "{status}");
        drop(sleeper);
    }
}
