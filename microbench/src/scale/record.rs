// SPDX-License-Identifier: GPL-2.0-only
//! The raw data of `bench scale`.

use serde::{Deserialize, Serialize};

use super::irq::Sums;

/// A line of raw data.
// One at a time is made and written, or read and summed up.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Record {
    /// Flips of one setting.
    Flips {
        /// What was varied, and its value.
        setting: Setting,
        /// In order.
        flips: Vec<Flip>,
    },
    /// Interrupts during a while of a load.
    Interrupts {
        /// What the machine was busy with.
        load: String,
        /// `drain` or `adopt`.
        handover: String,
        /// The policy that was pinned; none: turns.
        pinned: Option<String>,
        /// How long it was, by the clock on the wall.
        wall_ns: u64,
        /// How much of it lay within a while after a flip.
        after_wall_ns: u64,
        /// Flips in it.
        flips: u64,
        /// Within a while after a flip.
        after: Sums,
        /// In the rest of the time.
        rest: Sums,
        /// Tracepoints that the kernel lacks.
        missing: Vec<String>,
        /// The wake-up probe: lateness of those due within a while after a flip.
        probe_after_ns: Vec<u64>,
        /// And of the others.
        probe_rest_ns: Vec<u64>,
    },
    /// Time in BPF programs during a while of a load.
    Programs {
        /// What the machine was busy with.
        load: String,
        /// `drain` or `adopt`.
        handover: String,
        /// The policy that was pinned; none: turns as long as "after a flip".
        pinned: Option<String>,
        /// How long it was, by the clock on the wall.
        wall_ns: u64,
        /// Flips in it.
        flips: u64,
        /// Runs of the scheduler's callbacks.
        runs: u64,
        /// Time in them.
        run_ns: u64,
        /// Time of the flips themselves, in the timer, which the kernel does not count.
        flip_ns: u64,
        /// Time of taking tasks over, in the timer as well.
        handover_ns: u64,
    },
    /// Work done during a while.
    Work {
        /// Pairs with others of the same round.
        round: usize,
        /// `drain`, `adopt`, `identical` or `replacement`.
        way: String,
        /// Policies that took turns; one: it was pinned.
        policies: Vec<String>,
        /// A whole rotation; 0: no turns.
        period_us: u64,
        /// How long it was.
        wall_ns: u64,
        /// Requests answered.
        answered: u64,
        /// The fraction of the time in which any scheduler of ours was in charge.
        in_charge: f64,
    },
    /// Turns of a saturated machine.
    Owner {
        /// `drain` or `adopt`.
        handover: String,
        /// A whole rotation.
        period_us: u64,
        /// Busy tasks.
        hogs: usize,
        /// The turns, whole ones.
        turns: Vec<OwnedTurn>,
        /// The longest that a busy task did not run.
        longest_wait_ns: u64,
    },
    /// Turns with many busy tasks.
    Busy {
        /// `drain` or `adopt`.
        handover: String,
        /// Busy tasks.
        hogs: usize,
        /// Flips of the pair, one after the other.
        flips: Vec<Flip>,
        /// The turns, whole ones.
        turns: Vec<OwnedTurn>,
        /// The longest that a busy task did not run.
        longest_wait_ns: u64,
        /// Tasks taken over.
        handed_in: u64,
        /// And what that cost, in all.
        handover_ns: u64,
        /// Once all was quiet: tasks taken into custody…
        entered: u64,
        /// … and those that left it. Unequal: somebody was lost.
        left: u64,
    },
}

/// What was varied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// Two policies take turns, all being loaded.
    Pair,
    /// So many policies are loaded and take turns.
    Policies(usize),
    /// So many tasks sleep nearby; fifo and vtime take turns.
    Tasks(usize),
    /// Turns are so long, in microseconds; fifo and vtime take turns.
    Turn(u64),
}

/// One switch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flip {
    /// From this policy…
    pub from: String,
    /// … to this one.
    pub to: String,
    /// Its cost.
    pub flip_ns: u64,
    /// Cost of the first batch of tasks taken over; 0: none.
    pub handover_ns: u64,
}

/// One turn, as the map `turns` has it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OwnedTurn {
    /// The owner's part of the CPU time; none if nothing ran.
    pub share: Option<f64>,
    /// Until a task of the policy ran; 0: never.
    pub first_ns: u64,
    /// Until such ran on most CPUs; 0: never.
    pub most_ns: u64,
}
