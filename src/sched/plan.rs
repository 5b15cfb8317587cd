// SPDX-License-Identifier: GPL-2.0-only
//! What a run is made of: the options, resolved.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Error, Result};
use clap::Args;
use scx_utils::compat;

use super::retry::OnEjection;
use crate::auto::Auto;
use crate::bpf::abi;
use crate::live::Knobs;
use crate::policy::{join, Policy};
use crate::reward::Reward;
use crate::tunables::{Handover, Tunables};
use crate::weights;
use crate::weights::PolicyList;

/// How often `--stats-json` prints when `--stats` does not say.
pub(crate) const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);

/// How long a task may wait before the kernel ejects the program. As a text it is in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Watchdog(Duration);

impl Watchdog {
    /// In seconds. The kernel looks every half of it, and takes at most 30; a task of a busy machine
    /// waits a second now and then without a fault.
    const RANGE: RangeInclusive<f64> = 2.0..=30.0;

    /// As the kernel has it.
    pub(super) fn ms(self) -> u32 {
        self.0.as_millis() as u32
    }
}

impl FromStr for Watchdog {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        weights::seconds_within(text, &Self::RANGE).map(Self)
    }
}

impl fmt::Display for Watchdog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_secs_f64().fmt(f)
    }
}

/// How the program is loaded and looked after, whatever its policies.
#[derive(Args, Clone, Copy, Debug, PartialEq)]
pub(crate) struct RunOptions {
    /// Schedule only tasks that asked for the class SCHED_EXT
    #[arg(long)]
    pub(crate) partial: bool,

    /// The kernel ejects the scheduler when a task that could run waits longer, in
    /// seconds, from 2 to 30; 10 is too little where more than 500 busy tasks share a
    /// CPU, by slices of 20 ms
    #[arg(long, value_name = "SECS", allow_hyphen_values = true, default_value_t = DEFAULT.watchdog)]
    pub(crate) watchdog: Watchdog,

    /// What to do then, or after another fault: `retry` loads again after 1 s, then
    /// 2, 4, 8 and 16 s, up to 5 times within 10 minutes, with the weights, period
    /// and pin that were set; SysRq-S always ends it
    #[arg(long, value_name = "WHAT", allow_hyphen_values = true, value_enum, default_value_t = DEFAULT.on_ejection)]
    pub(crate) on_ejection: OnEjection,

    /// Print a table this often, in seconds, from 0.1 to 31536000
    #[arg(long, value_name = "SECS", allow_hyphen_values = true, value_parser = weights::parse_seconds)]
    pub(crate) stats: Option<Duration>,

    /// Print JSON objects in place of the table: one a line each second, or as
    /// often as --stats says, and one at the end; with --strategy what it comes
    /// to is the first
    #[arg(long)]
    pub(crate) stats_json: bool,

    /// Keep no counters: `status` shows zeros, and they cost nothing
    #[arg(long, conflicts_with_all = ["stats", "stats_json"])]
    pub(crate) no_stats: bool,

    /// Record the last 1024 turns for `scx_meta turns`: cost, hand-over, and who
    /// got the CPU time
    #[arg(long)]
    pub(crate) record_turns: bool,

    /// Count what turns came to in the maps `signals` and `waits`: sleeps, wake-ups and their
    /// waits, CPU time; --auto fills the first of them, too
    #[arg(long)]
    pub(crate) signals: bool,

    /// Stop by itself this many seconds after attaching, from 0.1 to 31536000
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = weights::parse_seconds)]
    pub(crate) seconds: Option<Duration>,
}

const DEFAULT: RunOptions = RunOptions {
    partial: false,
    watchdog: Watchdog(Duration::from_secs(10)),
    on_ejection: OnEjection::Retry,
    stats: None,
    stats_json: false,
    no_stats: false,
    record_turns: false,
    signals: false,
    seconds: None,
};

impl Default for RunOptions {
    fn default() -> Self {
        DEFAULT
    }
}

impl RunOptions {
    /// How often a report is printed, if any is.
    pub(crate) fn report_every(&self) -> Option<Duration> {
        let usual = self.stats_json.then_some(DEFAULT_INTERVAL);
        self.stats.or(usual)
    }
}

/// What a run is made of, options resolved.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The policies to load.
    pub(crate) policies: PolicyList,
    /// Weights, period and pin to start with.
    pub(crate) knobs: Knobs,
    /// Who is in charge when neither a weight nor the pin says so.
    pub(crate) auto: Option<Auto>,
    pub(crate) tunables: Tunables,
    pub(crate) run: RunOptions,
}

/// The kernel may have been built without cgroups for sched_ext.
fn tells_of_cgroups() -> bool {
    compat::struct_has_field("sched_ext_ops", "cgroup_init").unwrap_or(false)
}

impl Plan {
    /// Policies may want the tick; so does who acts or counts at each.
    pub(super) fn needs_tick(&self) -> bool {
        self.policies.needs() & abi::meta_needs_META_NEEDS_TICK != 0
            || self.tunables.handover == Handover::Adopt
            || self.signals()
            || self.run.record_turns
    }

    /// The policies that are in charge, or will be.
    pub(super) fn in_charge(&self, knobs: &Knobs) -> Vec<Policy> {
        match &self.auto {
            Some(auto) if knobs.policies().is_empty() => auto.arms.iter().collect(),
            _ => knobs.policies(),
        }
    }

    pub(super) fn reward(&self) -> Option<&Reward> {
        self.auto.as_ref()?.reward.as_ref()
    }

    /// What of it differs from another one's and is fixed at load, for people.
    pub(crate) fn fixed_differences(&self, other: &Self) -> Vec<&'static str> {
        let parts = [
            (self.policies == other.policies, "the policies (--policies)"),
            (self.auto == other.auto, "the options of --auto"),
            (
                self.tunables == other.tunables,
                "options of policies or of the hand-over",
            ),
            (self.run == other.run, "options of the run"),
        ];
        let differ = parts.into_iter().filter(|(same, _)| !same);
        differ.map(|(_, what)| what).collect()
    }

    /// Among what --auto chooses, for people.
    pub(super) fn choice(&self) -> String {
        let arms = self.auto.iter().flat_map(|auto| auto.arms.iter());
        format!("--auto chooses among {}", join(arms))
    }

    /// What turns came to is counted.
    pub(super) fn signals(&self) -> bool {
        self.auto.is_some() || self.run.signals
    }

    /// Some policy wants to know of cgroups.
    pub(super) fn needs_cgroup(&self) -> bool {
        let needs = abi::meta_needs_META_NEEDS_CGROUP | abi::meta_needs_META_NEEDS_WEIGHTS;
        self.policies.needs() & needs != 0 && tells_of_cgroups()
    }

    /// Some policy shares CPU time by the weights of cgroups.
    pub(super) fn honours_weights(&self) -> bool {
        self.policies.needs() & abi::meta_needs_META_NEEDS_WEIGHTS != 0 && tells_of_cgroups()
    }

    pub(super) fn uses_central_cpu(&self) -> bool {
        self.uses(abi::meta_policy_META_CENTRAL)
    }

    pub(super) fn uses(&self, id: u32) -> bool {
        self.policies.iter().any(|policy| policy.id() == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_is_within_what_the_kernel_takes() {
        for (text, ms) in [("2", 2000), ("2.5", 2500), ("30", 30_000)] {
            assert_eq!(text.parse::<Watchdog>().unwrap().ms(), ms);
        }
        for bad in ["1.9", "30.1", "nan", "-10", ""] {
            assert!(bad.parse::<Watchdog>().is_err(), "{bad}");
        }
        assert_eq!(DEFAULT.watchdog.to_string(), "10");
    }
}
