// SPDX-License-Identifier: GPL-2.0-only
//! What scx_meta's own signals (`--signals`) came to.

use anyhow::Result;
use scx_meta::live::Live;
use scx_meta::policy::Policy;
use serde::{Deserialize, Serialize};

/// Of the measured parts of turns: sums, as in the map `signals` (`include/abi.h`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signals {
    /// Length of those parts.
    pub ns: u64,
    /// Tasks that went to sleep.
    pub bursts: u64,
    /// Tasks that woke up and got a CPU …
    pub wakes: u64,
    /// … and how long they waited for it.
    pub wait_ns: u64,
    /// CPU time …
    pub cpu_ns: u64,
    /// … and that of it which no sleep followed.
    pub hog_ns: u64,
    /// Tasks that were found in queues …
    pub queued: u64,
    /// … in so many looks …
    pub looks: u64,
    /// … of which so many found an idle CPU beside them.
    pub missed: u64,
}

impl Signals {
    /// A policy's, since load.
    pub(super) fn of(live: &Live, policy: Policy) -> Result<Self> {
        let sums = live.signals(policy.id())?;
        Ok(Self {
            ns: sums.ns,
            bursts: sums.bursts,
            wakes: sums.wakes,
            wait_ns: sums.wait_ns,
            cpu_ns: sums.cpu_ns,
            hog_ns: sums.hog_ns,
            queued: sums.queued,
            looks: sums.looks,
            missed: sums.missed,
        })
    }

    /// What was added since.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            ns: self.ns.saturating_sub(earlier.ns),
            bursts: self.bursts.saturating_sub(earlier.bursts),
            wakes: self.wakes.saturating_sub(earlier.wakes),
            wait_ns: self.wait_ns.saturating_sub(earlier.wait_ns),
            cpu_ns: self.cpu_ns.saturating_sub(earlier.cpu_ns),
            hog_ns: self.hog_ns.saturating_sub(earlier.hog_ns),
            queued: self.queued.saturating_sub(earlier.queued),
            looks: self.looks.saturating_sub(earlier.looks),
            missed: self.missed.saturating_sub(earlier.missed),
        }
    }
}
