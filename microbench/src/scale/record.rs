// SPDX-License-Identifier: GPL-2.0-only
//! The raw data of `bench scale`.

use serde::{Deserialize, Serialize};

use super::irq::Sums;

// One at a time is made and written, or read and summed up.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Record {
    Flips { setting: Setting, flips: Vec<Flip> },
    Interrupts(Interrupts),
    Programs(Programs),
    Work(Work),
    Owner(Owner),
    Busy(Busy),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Interrupts {
    pub(crate) load: String,
    pub(crate) handover: String,
    /// The policy that was pinned; none: turns.
    pub(crate) pinned: Option<String>,
    /// How long it was, by the clock on the wall.
    pub(crate) wall_ns: u64,
    /// How much of it lay within a while after a flip.
    pub(crate) after_wall_ns: u64,
    pub(crate) flips: u64,
    /// Within a while after a flip.
    pub(crate) after: Sums,
    /// In the rest of the time.
    pub(crate) rest: Sums,
    pub(crate) missing: Vec<String>,
    /// The wake-up probe: lateness of those due within a while after a flip.
    pub(crate) probe_after_ns: Vec<u64>,
    pub(crate) probe_rest_ns: Vec<u64>,
}

/// Time in BPF programs during a while of a load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Programs {
    pub(crate) load: String,
    pub(crate) handover: String,
    /// The policy that was pinned; none: turns as long as "after a flip".
    pub(crate) pinned: Option<String>,
    /// How long it was, by the clock on the wall.
    pub(crate) wall_ns: u64,
    pub(crate) flips: u64,
    pub(crate) runs: u64,
    pub(crate) run_ns: u64,
    /// Time of the flips themselves, in the timer, which the kernel does not count.
    pub(crate) flip_ns: u64,
    /// Time of taking tasks over, in the timer as well.
    pub(crate) handover_ns: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Work {
    /// Pairs with others of the same round.
    pub(crate) round: usize,
    /// `drain`, `adopt`, `identical` or `replacement`.
    pub(crate) way: String,
    /// Policies that took turns; one: it was pinned.
    pub(crate) policies: Vec<String>,
    /// A whole rotation; 0: no turns.
    pub(crate) period_us: u64,
    pub(crate) wall_ns: u64,
    pub(crate) answered: u64,
    /// The fraction of the time in which any scheduler of ours was in charge.
    pub(crate) in_charge: f64,
}

/// Turns of a saturated machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Owner {
    pub(crate) handover: String,
    pub(crate) period_us: u64,
    pub(crate) hogs: usize,
    pub(crate) turns: Vec<OwnedTurn>,
    /// The longest that a busy task did not run.
    pub(crate) longest_wait_ns: u64,
}

/// Turns with many busy tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Busy {
    pub(crate) handover: String,
    pub(crate) hogs: usize,
    /// Flips of the pair, one after the other.
    pub(crate) flips: Vec<Flip>,
    pub(crate) turns: Vec<OwnedTurn>,
    /// The longest that a busy task did not run.
    pub(crate) longest_wait_ns: u64,
    pub(crate) handed_in: u64,
    /// Of all tasks that were taken over.
    pub(crate) handover_ns: u64,
    /// Once all was quiet: tasks taken into custody…
    pub(crate) entered: u64,
    /// … and those that left it. Unequal: somebody was lost.
    pub(crate) left: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Setting {
    /// Two policies take turns, all being loaded.
    Pair,
    /// So many policies are loaded and take turns.
    Policies(usize),
    /// So many tasks sleep nearby; fifo and vtime take turns.
    Tasks(usize),
    /// Turns are so long, in microseconds; fifo and vtime take turns.
    Turn(u64),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Flip {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) flip_ns: u64,
    /// Cost of the first batch of tasks taken over; 0: none.
    pub(crate) handover_ns: u64,
}

/// One turn, as the map `turns` has it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct OwnedTurn {
    /// The owner's part of the CPU time; none if nothing ran.
    pub(crate) share: Option<f64>,
    /// Until a task of the policy ran; 0: never.
    pub(crate) first_ns: u64,
    /// Until such ran on most CPUs; 0: never.
    pub(crate) most_ns: u64,
}
