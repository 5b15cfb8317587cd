// SPDX-License-Identifier: GPL-2.0-only
//! Very many busy threads that may use one CPU only: they wait for it nearly all of the time.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Barrier};
use std::thread::{self, JoinHandle};

use labkit::{spin, sys};

/// Little is called, and the guest is small.
const STACK_BYTES: usize = 64 * 1024;

/// Work between two looks at whether to end: some 10 µs, emulated.
const ROUNDS: u32 = 20;

/// They end when this is dropped.
pub struct Crowd {
    stop: Arc<AtomicBool>,
    ran: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<()>>,
}

impl Crowd {
    /// They become runnable together, or they would be in the way of those that are still to start.
    pub fn start(count: usize, cpu: usize) -> Self {
        let (stop, ran) = (Arc::default(), Arc::default());
        let ready = Arc::new(Barrier::new(count + 1));
        let mut crowd = Self {
            stop,
            ran,
            threads: Vec::with_capacity(count),
        };
        for _ in 0..count {
            let (stop, ran) = (Arc::clone(&crowd.stop), Arc::clone(&crowd.ran));
            let ready = Arc::clone(&ready);
            let work = move || {
                sys::bind_to(&[cpu]).unwrap();
                ready.wait();
                ran.fetch_add(1, Relaxed);
                while !stop.load(Relaxed) {
                    spin::rounds(ROUNDS);
                }
            };
            let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn(work);
            crowd.threads.push(thread.unwrap());
        }
        ready.wait();
        crowd
    }

    /// How many of them have had the CPU yet.
    pub fn ran(&self) -> usize {
        self.ran.load(Relaxed)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
