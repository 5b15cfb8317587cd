// SPDX-License-Identifier: GPL-2.0-only
//! Waits until a counter stands still.

use std::thread;
use std::time::Duration;

use anyhow::{ensure, Result};

use crate::sys;

/// Nobody counted for so long: it stands still. A task that waits gets a CPU within a slice, and
/// behind others within a few.
const STILL: Duration = Duration::from_millis(200);

/// How often the counter is read.
const POLL: Duration = Duration::from_millis(50);

/// A queue that is not empty by then never will be.
const LIMIT: Duration = Duration::from_secs(10);

/// Waits at least so long, and until the counter stands still; returns how long it was.
pub fn settle(least: Duration, counter: impl FnMut() -> Result<u64>) -> Result<Duration> {
    within(LIMIT.max(least * 2), least, counter)
}

fn within(
    limit: Duration,
    least: Duration,
    mut counter: impl FnMut() -> Result<u64>,
) -> Result<Duration> {
    let start = sys::monotonic();
    let mut since = start;
    let mut known = counter()?;
    loop {
        let now = sys::monotonic();
        let count = counter()?;
        if count != known {
            (known, since) = (count, now);
        }
        if now - start >= least && now - since >= STILL.min(least) {
            return Ok(now - start);
        }
        ensure!(!sys::interrupted(), "interrupted");
        ensure!(
            now - start < limit,
            "after {limit:?} tasks still come out of the queues of policies that are not in \
             charge any more ({known} so far)"
        );
        thread::sleep(POLL.min(least));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: Duration = Duration::from_millis(300);

    #[test]
    fn what_stands_still_settles_in_the_least_time() {
        let took = settle(LEAST, || Ok(7)).unwrap();
        assert!(took >= LEAST && took < LIMIT, "{took:?}");
    }

    #[test]
    fn it_waits_for_the_last_change() {
        let start = sys::monotonic();
        let last = Duration::from_millis(600);
        let count = || Ok((sys::monotonic() - start).min(last).as_millis() as u64);
        let took = settle(LEAST, count).unwrap();
        assert!(took >= last + STILL - POLL, "{took:?}");
    }

    #[test]
    fn what_never_stands_still_is_an_error() {
        let mut count = 0;
        let limit = Duration::from_secs(1);
        let error = within(limit, LEAST, || {
            count += 1;
            Ok(count)
        });
        let error = error.unwrap_err().to_string();
        assert!(error.contains("after 1s tasks still come"), "{error}");
    }
}
