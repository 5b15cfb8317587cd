// SPDX-License-Identifier: GPL-2.0-only
//! What a run is made of: the options, resolved. What of it is fixed when the program is loaded
//! stands in program.rs.

use std::time::Duration;

use clap::ValueEnum;
use scx_utils::compat;

use super::retry::OnEjection;
use crate::bpf::abi;
use crate::live::Knobs;
use crate::weights::PolicyList;

/// What a run is made of, options resolved.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The policies to load.
    pub policies: PolicyList,
    /// Weights, period and pin to start with.
    pub knobs: Knobs,
    /// Length of a time slice.
    pub slice_us: u32,
    /// What becomes of waiting tasks at a switch.
    pub handover: Handover,
    /// The CPU that decides under central.
    pub central_cpu: u32,
    /// Schedule only tasks of class SCHED_EXT.
    pub partial: bool,
    /// A task that waits longer has the kernel eject the program.
    pub watchdog: Duration,
    /// What to do then.
    pub on_ejection: OnEjection,
    /// Stop by itself this long after attaching.
    pub seconds: Option<Duration>,
    /// What to print, and how often.
    pub report: Option<Report>,
    /// Keep the counters of the map `stats`.
    pub counting: bool,
    /// Keep the map `turns`.
    pub record_turns: bool,
    /// From how far a CPU may steal under rusty.
    pub rusty_steal: Steal,
    /// Length of a request under eevdf; the kernel's, if there is none.
    pub eevdf_base_slice: Option<Duration>,
    /// The knobs of bpfland.
    pub bpfland: Bpfland,
    /// Length of a time slice under cosmos.
    pub cosmos_slice_us: u32,
    /// Below this use a CPU has room under cosmos.
    pub cosmos_busy_percent: u32,
}

/// The knobs of bpfland.
#[derive(Clone, Copy, Debug)]
pub struct Bpfland {
    /// Its time slice, for a task of weight 100 that nobody waits behind.
    pub slice_us: u32,
    /// The part of a deadline that stands for busyness, and the credit of a rare sleeper.
    pub lag_us: u32,
    /// Tasks that run briefly stay on their CPU.
    pub sticky: bool,
}

/// From how far a CPU without work takes tasks of other caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Steal {
    /// From its own NUMA node
    Node,
    /// From anywhere
    Machine,
}

/// What becomes of the tasks that wait when their policy leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Handover {
    /// They stay in its queues; each CPU takes by turns one of them and one of
    /// the new policy's
    Drain,
    /// The new policy takes them over, and running tasks are cut at the next
    /// tick
    Adopt,
}

impl Handover {
    pub(super) fn rodata(self) -> u32 {
        match self {
            Self::Drain => abi::meta_handover_META_HANDOVER_DRAIN,
            Self::Adopt => abi::meta_handover_META_HANDOVER_ADOPT,
        }
    }
}

/// What `--stats` and `--stats-json` ask for.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// Time between two.
    pub interval: Duration,
    /// A JSON object a line in place of the table.
    pub json: bool,
}

/// The kernel may have been built without cgroups for sched_ext.
fn tells_of_cgroups() -> bool {
    compat::struct_has_field("sched_ext_ops", "cgroup_init").unwrap_or(false)
}

impl Plan {
    /// Policies may want the tick; so does who acts or counts at each.
    pub(super) fn needs_tick(&self) -> bool {
        self.policies.needs() & abi::meta_needs_META_NEEDS_TICK != 0
            || self.handover == Handover::Adopt
            || self.record_turns
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

    /// The parser holds it below the kernel's maximum.
    pub(super) fn watchdog_ms(&self) -> u32 {
        u32::try_from(self.watchdog.as_millis()).unwrap_or(u32::MAX)
    }
}
