// SPDX-License-Identifier: GPL-2.0-only
//! How long the tests measure: short where each change must pass them, long at night.
//!
//! SCX_META_TEST_TIER names the tier: `pr` (the default) or `nightly`. On a virtual clock a short run
//! has the same figures each time, so what the long one adds is the search for rare starvation.

use std::time::Duration;
use std::{env, fmt};

#[derive(Clone, Copy, PartialEq)]
enum Tier {
    Pr,
    Nightly,
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pr => "pr",
            Self::Nightly => "nightly",
        })
    }
}

fn tier() -> Tier {
    match env::var("SCX_META_TEST_TIER").as_deref() {
        Err(_) | Ok("pr") => Tier::Pr,
        Ok("nightly") => Tier::Nightly,
        Ok(other) => panic!("SCX_META_TEST_TIER={other}: neither pr nor nightly"),
    }
}

/// Is there time for what only the night has?
pub fn is_nightly() -> bool {
    tier() == Tier::Nightly
}

/// The time that a test measures, by tier; printed as its budget.
pub fn seconds(pr: f64, nightly: f64) -> Duration {
    let seconds = match tier() {
        Tier::Pr => pr,
        Tier::Nightly => nightly,
    };
    println!("budget: {seconds} s (tier {})", tier());
    Duration::from_secs_f64(seconds)
}

/// How often a test does what it does, by tier; printed as its budget.
pub fn times(pr: usize, nightly: usize) -> usize {
    let times = match tier() {
        Tier::Pr => pr,
        Tier::Nightly => nightly,
    };
    println!("budget: {times} times (tier {})", tier());
    times
}
