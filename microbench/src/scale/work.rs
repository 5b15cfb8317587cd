// SPDX-License-Identifier: GPL-2.0-only
//! Loads whose work can be counted at any moment: requests and answers between pairs of threads,
//! and busy threads that know how long they were kept waiting. Threads of this process, so that
//! they start at once, whoever is in charge.

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use labkit::sys;

/// Rounds of a small loop that a request costs, and its answer as well: on the order of what a
/// small server does between two system calls, and more than a switch of tasks costs.
const REQUEST_SPINS: u32 = 30_000;

/// Rounds between two looks at the clock: far below a tick.
const HOG_SPINS: u32 = 1_000;

/// A counter with a cache line of its own.
#[repr(align(64))]
#[derive(Default)]
struct Counter(AtomicU64);

/// Pairs of threads: one asks, the other answers, each after a bit of computing.
pub(crate) struct Requests {
    answered: Vec<Arc<Counter>>,
    sockets: Vec<UnixStream>,
    threads: Vec<JoinHandle<()>>,
}

impl Requests {
    pub(crate) fn start(pairs: usize) -> Result<Self> {
        let mut requests = Self {
            answered: Vec::new(),
            sockets: Vec::new(),
            threads: Vec::new(),
        };
        for _ in 0..pairs {
            let (asking, answering) = UnixStream::pair().context("cannot make a socket pair")?;
            let count = Arc::new(Counter::default());
            requests.answered.push(Arc::clone(&count));
            // Its end ends both threads.
            requests
                .sockets
                .push(asking.try_clone().context("cannot copy a socket")?);
            requests.spawn("asks", move || ask(asking, &count))?;
            requests.spawn("answers", move || answer(answering))?;
        }
        Ok(requests)
    }

    fn spawn(&mut self, name: &str, body: impl FnOnce() + Send + 'static) -> Result<()> {
        let thread = thread::Builder::new().name(name.into()).spawn(body);
        self.threads
            .push(thread.context("cannot start a thread of the load")?);
        Ok(())
    }

    pub(crate) fn answered(&self) -> u64 {
        let counts = self.answered.iter();
        counts.map(|count| count.0.load(Ordering::Relaxed)).sum()
    }
}

impl Drop for Requests {
    fn drop(&mut self) {
        for socket in &self.sockets {
            // Its other end may be gone already.
            let _ = socket.shutdown(Shutdown::Both);
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn ask(mut socket: UnixStream, answered: &Counter) {
    let mut byte = [0];
    loop {
        spin(REQUEST_SPINS);
        if socket.write_all(&byte).is_err() || socket.read_exact(&mut byte).is_err() {
            return;
        }
        answered.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn answer(mut socket: UnixStream) {
    let mut byte = [0];
    while socket.read_exact(&mut byte).is_ok() {
        spin(REQUEST_SPINS);
        if socket.write_all(&byte).is_err() {
            return;
        }
    }
}

fn spin(rounds: u32) {
    for round in 0..rounds {
        black_box(round);
    }
}

/// Threads that never sleep, and note how long they did not run.
pub(crate) struct Hogs {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    /// Waits count from here on.
    since_ns: AtomicU64,
    longest_ns: AtomicU64,
}

impl Hogs {
    pub(crate) fn start(tasks: usize) -> Result<Self> {
        let mut hogs = Self {
            shared: Arc::default(),
            threads: Vec::new(),
        };
        for _ in 0..tasks {
            let shared = Arc::clone(&hogs.shared);
            let thread = thread::Builder::new()
                .name("hog".into())
                .spawn(move || hog(&shared));
            hogs.threads
                .push(thread.context("cannot start a busy thread")?);
        }
        Ok(hogs)
    }

    /// Waits count from now on.
    pub(crate) fn forget(&self) {
        self.shared.since_ns.store(now_ns(), Ordering::Relaxed);
        self.shared.longest_ns.store(0, Ordering::Relaxed);
    }

    /// The longest time since then that one of them did not run, and then ran again.
    pub(crate) fn longest_wait(&self) -> Duration {
        Duration::from_nanos(self.shared.longest_ns.load(Ordering::Relaxed))
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn hog(shared: &Shared) {
    let mut ran = now_ns();
    while !shared.stop.load(Ordering::Relaxed) {
        spin(HOG_SPINS);
        let since = ran.max(shared.since_ns.load(Ordering::Relaxed));
        ran = now_ns();
        let gap = ran.saturating_sub(since);
        // Nearly always nothing to write.
        if gap > shared.longest_ns.load(Ordering::Relaxed) {
            shared.longest_ns.fetch_max(gap, Ordering::Relaxed);
        }
    }
}

fn now_ns() -> u64 {
    sys::monotonic().as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_answered_until_they_are_dropped() {
        let requests = Requests::start(2).unwrap();
        let before = requests.answered();
        let deadline = sys::monotonic() + Duration::from_secs(20);
        while requests.answered() < before + 10 {
            assert!(sys::monotonic() < deadline, "nobody answers");
            thread::sleep(Duration::from_millis(5));
        }
        drop(requests);
    }

    #[test]
    fn hogs_know_how_long_they_waited_and_forget() {
        let hogs = Hogs::start(1).unwrap();
        thread::sleep(Duration::from_millis(50));
        assert!(hogs.longest_wait() > Duration::ZERO);
        hogs.shared
            .longest_ns
            .store(u64::MAX / 2, Ordering::Relaxed);
        hogs.forget();
        thread::sleep(Duration::from_millis(50));
        let longest = hogs.longest_wait();
        assert!(longest > Duration::ZERO && longest < Duration::from_secs(20));
    }
}
