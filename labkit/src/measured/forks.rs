// SPDX-License-Identifier: GPL-2.0-only
//! Processes that begin and end, one after the other: fork, exec, exit, and the wait for it.

use std::ffi::CStr;
use std::time::Duration;

use anyhow::{Context, Result};

use super::ordinary;
use crate::calibrate::calls;
use crate::sys;

/// Starts `words` as a program, so many times, but no more once `limit` has passed; what one took.
pub fn forks(words: [&CStr; 2], count: u32, limit: Duration) -> Result<Duration> {
    ordinary(|| {
        let begin = sys::monotonic();
        let mut done = 0;
        while done < count {
            // SAFETY: the child calls exec and ends.
            let child = unsafe { calls::fork(|| calls::exec(words[0], words)) };
            let child = child.context("cannot fork")?;
            child.wait().context("a child failed")?;
            done += 1;
            if sys::monotonic() - begin >= limit {
                break;
            }
        }
        Ok((sys::monotonic() - begin) / done.max(1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_run_to_their_end_and_a_failure_is_told() {
        let took = forks([c"/bin/sh", c"/dev/null"], 3, Duration::from_secs(20)).unwrap();
        assert!(took > Duration::ZERO);
        let missing = forks([c"/no/such/program", c"x"], 3, Duration::from_secs(20));
        assert!(missing.is_err());
    }
}
