// SPDX-License-Identifier: GPL-2.0-only
//! Where do wake-ups go? Threads that sleep and work a little note the CPU on
//! which they wake.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::Arc;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use labkit::{spin, sys};

/// Arrays have a Default up to this size.
const MAX_CPUS: usize = 32;

/// A part of no other waker's time, so that any two meet at all phases within a burst.
const OUT_OF_STEP: Duration = Duration::from_micros(17);

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    by_cpu: [AtomicU64; MAX_CPUS],
}

pub struct Wakers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Wakers {
    /// Each naps a little longer than the one before: wakers in step would need a CPU each, under
    /// whatever policy, for as long as the clock keeps them there.
    pub fn start(count: usize, nap: Duration, busy: Duration) -> Self {
        let shared = Arc::new(Shared::default());
        let threads = (0..count as u32)
            .map(|number| {
                let shared = Arc::clone(&shared);
                let nap = nap + number * OUT_OF_STEP;
                thread::spawn(move || {
                    while !shared.stop.load(Relaxed) {
                        thread::sleep(nap);
                        shared.by_cpu[sys::current_cpu()].fetch_add(1, Relaxed);
                        spin::until(sys::monotonic() + busy);
                    }
                })
            })
            .collect();
        Self { shared, threads }
    }

    /// Wake-ups by CPU until now.
    pub fn by_cpu(&self) -> Vec<u64> {
        let counts = self.shared.by_cpu.iter();
        counts.map(|count| count.load(Relaxed)).collect()
    }
}

impl Drop for Wakers {
    fn drop(&mut self) {
        self.shared.stop.store(true, Relaxed);
        for waker in self.threads.drain(..) {
            let _ = waker.join();
        }
    }
}

/// Over how many CPUs these wake-ups spread: as many as would make it as likely that two of them hit
/// the same CPU.
pub fn spread(by_cpu: &[u64]) -> f64 {
    let total: u64 = by_cpu.iter().sum();
    assert!(total > 0, "nobody woke up");
    let shares = by_cpu.iter().map(|n| *n as f64 / total as f64);
    1.0 / shares.map(|share| share * share).sum::<f64>()
}

/// Children that work for a moment and die, all at once.
pub fn fork_burst(children: usize, busy: Duration) {
    let pids: Vec<i32> = (0..children)
        .map(|_| {
            // SAFETY: the child only reads a clock and exits.
            let pid = unsafe { libc::fork() };
            assert!(pid >= 0, "fork");
            if pid == 0 {
                spin::until(sys::monotonic() + busy);
                // SAFETY: ends the child without running our destructors.
                unsafe { libc::_exit(0) };
            }
            pid
        })
        .collect();
    for pid in pids {
        // SAFETY: a child of ours; its status is not wanted.
        unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
    }
}
