// SPDX-License-Identifier: GPL-2.0-only
//! Processes that begin and end, one after the other: fork, exec, exit, and the wait for it.

use std::ffi::CStr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::ordinary;
use crate::calibrate::calls;
use crate::sys;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Forks<'a> {
    /// A program and its argument.
    pub words: [&'a CStr; 2],
    /// How often it is started …
    pub count: u32,
    /// … but no more once so much time has passed.
    pub limit: Duration,
}

/// Starts a program again and again; what each took. `done` is called after each.
pub fn forks(load: Forks, done: fn()) -> Result<Vec<Duration>> {
    let Forks {
        words,
        count,
        limit,
    } = load;
    ordinary(|| {
        let begin = sys::monotonic();
        let mut took = Vec::new();
        while took.len() < count as usize {
            let start = sys::monotonic();
            // SAFETY: the child calls exec and ends.
            let child = unsafe { calls::fork(|| calls::exec(words[0], words)) };
            let child = child.context("cannot fork")?;
            child.wait().context("a child failed")?;
            let now = sys::monotonic();
            took.push(now - start);
            done();
            if now - begin >= limit {
                break;
            }
        }
        Ok(took)
    })
}

/// A program that ends at once; the lab's guests have the first, which is linked statically.
pub fn nothing() -> [&'static CStr; 2] {
    match Path::new("/bin/busybox").is_file() {
        true => [c"/bin/busybox", c"true"],
        false => [c"/bin/true", c"true"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_run_to_their_end_and_a_failure_is_told() {
        let of = |words| {
            let load = Forks {
                words,
                count: 3,
                limit: Duration::from_secs(20),
            };
            forks(load, || ())
        };
        assert_eq!(of([c"/bin/sh", c"/dev/null"]).unwrap().len(), 3);
        assert!(of([c"/no/such/program", c"x"]).is_err());
    }
}
