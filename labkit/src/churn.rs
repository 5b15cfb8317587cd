// SPDX-License-Identifier: GPL-2.0-only
//! Tasks that come and go: children that work for a moment and die, programs, threads.

use std::process::{Command, Stdio};
use std::time::Duration;
use std::{io, ptr, thread};

use super::{spin, sys};

/// What a child does before it dies: some 0.1 ms on the parallel clock.
const ROUNDS: u32 = 200;

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Made {
    /// Tasks that were made, all of which have ended.
    pub made: u64,
    /// Tasks that the kernel refused.
    pub failed: u64,
}

/// Children, so many at once, again and again for this time.
pub fn forks(at_once: usize, time: Duration) -> Made {
    again(time, || {
        let mut made = Made::default();
        let mut children = Vec::with_capacity(at_once);
        for _ in 0..at_once {
            match fork() {
                Ok(child) => children.push(child),
                Err(_) => made.failed += 1,
            }
        }
        made.made = children.len() as u64;
        // SAFETY: takes an integer and no place for a status.
        let reap = |child| unsafe { libc::waitpid(child, ptr::null_mut(), 0) };
        children.into_iter().for_each(|child| {
            reap(child);
        });
        made
    })
}

/// Programs that do nothing, so many at once, again and again for this time.
pub fn execs(program: &str, at_once: usize, time: Duration) -> Made {
    again(time, || {
        let mut made = Made::default();
        let mut children = Vec::with_capacity(at_once);
        for _ in 0..at_once {
            let started = Command::new(program).stdin(Stdio::null()).spawn();
            match started {
                Ok(child) => children.push(child),
                Err(_) => made.failed += 1,
            }
        }
        for mut child in children {
            made.made += u64::from(child.wait().is_ok());
        }
        made
    })
}

/// Threads, so many at once, again and again for this time.
pub fn threads(at_once: usize, time: Duration) -> Made {
    again(time, || {
        let mut made = Made::default();
        let mut threads = Vec::with_capacity(at_once);
        for _ in 0..at_once {
            match thread::Builder::new().spawn(|| spin::rounds(ROUNDS)) {
                Ok(thread) => threads.push(thread),
                Err(_) => made.failed += 1,
            }
        }
        for thread in threads {
            made.made += u64::from(thread.join().is_ok());
        }
        made
    })
}

fn again(time: Duration, mut once: impl FnMut() -> Made) -> Made {
    let end = sys::monotonic() + time;
    let mut sum = Made::default();
    while sys::monotonic() < end {
        let made = once();
        sum.made += made.made;
        sum.failed += made.failed;
    }
    sum
}

fn fork() -> io::Result<libc::pid_t> {
    // SAFETY: the child only works and exits: nothing that is unsafe in a copy of one thread.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            spin::rounds(ROUNDS);
            // SAFETY: ends the child without running our destructors.
            unsafe { libc::_exit(0) }
        }
        child => Ok(child),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At least once, and always so many.
    fn times_three(made: Made) {
        assert!(made.made >= 3 && made.made.is_multiple_of(3), "{made:?}");
        assert_eq!(made.failed, 0);
    }

    #[test]
    fn what_was_made_is_counted_and_gone() {
        let once = Duration::from_millis(1);
        times_three(forks(3, once));
        times_three(execs("true", 3, once));
        times_three(threads(3, once));
    }

    #[test]
    fn what_cannot_be_made_is_counted() {
        let made = execs("/no/such/program", 2, Duration::from_millis(1));
        assert!(made.made == 0 && made.failed >= 2, "{made:?}");
    }
}
