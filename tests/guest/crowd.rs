// SPDX-License-Identifier: GPL-2.0-only
//! Very many busy threads that may use one CPU only: they wait for it nearly all of the time.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use labkit::{spin, sys};

/// Little is called, and the guest is small.
const STACK_BYTES: usize = 64 * 1024;

/// Work between two looks at whether to end: some 10 µs, emulated.
const ROUNDS: u32 = 20;

/// How often it is asked whether all are there.
const POLL: Duration = Duration::from_millis(1);

/// They end when this is dropped.
pub struct Crowd {
    stop: Arc<AtomicBool>,
    ran: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<()>>,
}

impl Crowd {
    /// They become runnable at nearly the same time, or they would be in the way of those that are
    /// still to start. Each is woken by itself: what they took a lock for, as with a barrier, they
    /// would hand to each other, one in each round of the queue.
    pub fn start(count: usize, cpu: usize) -> Self {
        let begin = Arc::new(AtomicBool::new(false));
        let ready = Arc::new(AtomicUsize::new(0));
        let mut crowd = Self {
            stop: Arc::default(),
            ran: Arc::default(),
            threads: Vec::with_capacity(count),
        };
        for _ in 0..count {
            let (stop, ran) = (Arc::clone(&crowd.stop), Arc::clone(&crowd.ran));
            let (begin, ready) = (Arc::clone(&begin), Arc::clone(&ready));
            let work = move || {
                sys::bind_to(&[cpu]).unwrap();
                ready.fetch_add(1, Relaxed);
                while !begin.load(Relaxed) && !stop.load(Relaxed) {
                    thread::park();
                }
                ran.fetch_add(1, Relaxed);
                while !stop.load(Relaxed) {
                    spin::rounds(ROUNDS);
                }
            };
            let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn(work);
            crowd.threads.push(thread.unwrap());
        }
        while ready.load(Relaxed) < count {
            thread::sleep(POLL);
        }
        begin.store(true, Relaxed);
        crowd.wake();
        crowd
    }

    fn wake(&self) {
        for thread in &self.threads {
            thread.thread().unpark();
        }
    }

    /// How many of them have had the CPU yet.
    pub fn ran(&self) -> usize {
        self.ran.load(Relaxed)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        self.wake();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
