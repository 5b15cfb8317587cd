// SPDX-License-Identifier: GPL-2.0-only
//! Loads that measure themselves: what `bench policies` judges a scheduler by, each for a fraction of a
//! second, since a second of a guest with calibrated costs takes many of its host; and what
//! `scx_metabench load` runs. Whatever only takes time is [`spin`](super::spin), which costs the host next to nothing.
//!
//! Who calls them should be in the real-time class: it begins and ends windows. The tasks that are
//! measured are ordinary ones.

mod chain;
mod forks;
mod handoff;
mod hopping;
mod jobs;
mod messaging;
mod periodic;
mod requests;
mod shares;

use std::thread;
use std::time::Duration;

use anyhow::{anyhow, Context, Result};

use super::sys;

pub use self::chain::{chain, Chain, Passed};
pub use self::forks::{forks, nothing, Forks};
pub use self::handoff::{futex, pipe};
pub use self::hopping::{hopping, Hopped, Hopping};
pub use self::jobs::{jobs, Jobs};
pub use self::messaging::{messaging, Between};
pub use self::periodic::{periodic, Done, Periodic};
pub use self::requests::{requests, Requests, Served};
pub use self::shares::{nice, shares, storm, used, Shares, Storm};

/// Runs `body` in an ordinary thread: the caller may be in the real-time class, and what it starts
/// is not.
fn ordinary<T: Send>(body: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("measured".into());
        let thread = thread.spawn_scoped(scope, body);
        let thread = thread.context("cannot start a thread")?;
        thread
            .join()
            .map_err(|_| anyhow!("a measuring thread panicked"))?
    })
}

/// Rounds of [`spin`](super::spin) that take so long on a CPU of this machine, unless something
/// else runs there. The fastest of some tries.
pub fn rounds_in(time: Duration) -> Result<u32> {
    const ROUNDS: u32 = 2_000;
    const TRIES: u32 = 5;
    let once = || {
        let begin = sys::monotonic();
        super::spin::rounds(ROUNDS);
        sys::monotonic() - begin
    };
    let fastest = (0..TRIES).map(|_| once()).min();
    let ns = fastest.context("no tries")?.as_nanos().max(1);
    let rounds = time.as_nanos() * u128::from(ROUNDS) / ns;
    u32::try_from(rounds).context("too long a time")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_the_time_is_twice_the_rounds() {
        let once = rounds_in(Duration::from_millis(10)).unwrap();
        let twice = rounds_in(Duration::from_millis(20)).unwrap();
        assert!(once > 0);
        // Two measurements on a machine that others use, too.
        let ratio = f64::from(twice) / f64::from(once);
        assert!((0.5..8.0).contains(&ratio), "{ratio}");
    }

    #[test]
    fn an_ordinary_thread_hands_its_result_back() {
        assert_eq!(ordinary(|| Ok(7)).unwrap(), 7);
        let failed: Result<()> = ordinary(|| Err(anyhow!("no")));
        assert_eq!(failed.unwrap_err().to_string(), "no");
    }
}
