// SPDX-License-Identifier: GPL-2.0-only
//! The records of a trial, a JSON object a line after the machine's (see `raw`). All figures of
//! all reports come from these lines and nothing else.

use anyhow::Result;
use labkit::charge::others::Others;
use labkit::charge::setting::Setting;
use labkit::charge::signals::Signals;
use scx_meta::auto::{Estimate, Learned};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Record {
    /// The first: what is to be done.
    Plan(Plan),
    Block(Block),
    /// The last, if there was time to write it.
    End {
        complete: bool,
        reason: Option<String>,
    },
}

/// In the order of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    Try,
    /// Each application, and the whole, under EEVDF and every policy.
    Profile,
    /// The whole under each strategy and base slice.
    Tune,
    Compare,
    Breakdown,
    Arena,
}

impl Stage {
    pub(crate) fn command(self) -> &'static str {
        match self {
            Self::Try => "try",
            Self::Profile => "profile",
            Self::Tune => "tune",
            Self::Compare => "compare",
            Self::Breakdown => "breakdown",
            Self::Arena => "arena",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) stage: Stage,
    pub(crate) workload: String,
    /// Sentences that a report must say of this workload.
    pub(crate) notes: Vec<String>,
    pub(crate) subjects: Vec<Subject>,
    /// EEVDF around them not included.
    pub(crate) rows: Vec<Row>,
    /// Super-blocks for each subject.
    pub(crate) rounds: u32,
    pub(crate) command: Vec<String>,
    /// Seed of the order and the phases.
    pub(crate) seed: u64,
    pub(crate) boot_id: String,
    /// UTC, RFC 3339.
    pub(crate) date: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Subject {
    pub(crate) name: String,
    /// It is the whole application, not a part.
    pub(crate) whole: bool,
    /// Of throughput: `requests/s`.
    pub(crate) unit: String,
    /// Requests under way at once.
    pub(crate) concurrency: u32,
    pub(crate) commands: Vec<String>,
    /// A new request begins only when one ends.
    pub(crate) closed_loop: bool,
    /// `arena` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) contest: Option<Contest>,
}

/// What is measured of a row (`estimate/measure.rs` says how).
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Measure {
    /// The highest throughput, relative to EEVDF
    Throughput,
    /// The lowest latency at the highest quantile there is enough data for, relative to EEVDF
    #[value(name = "p99")]
    Latency,
}

/// What a scenario of the arena is judged by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Contest {
    pub(crate) metric: Measure,
    /// Nothing was tuned by it.
    pub(crate) held_out: bool,
    /// Lengths of the turns of its loads; none where the load stays the same.
    pub(crate) turns_s: Vec<f64>,
}

/// A scheduler as it decides in a block, and why it is in the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// Unique in the plan.
    pub(crate) label: String,
    pub(crate) setting: Setting,
    pub(crate) role: Role,
}

impl Row {
    /// scx_meta pinned to a policy.
    pub(crate) fn held(policy: &str) -> Self {
        Self {
            label: policy.into(),
            setting: Setting::Hold {
                policy: policy.into(),
            },
            role: Role::Single,
        }
    }

    /// A row for each scheduler that is not scx_meta's.
    pub(crate) fn others(others: &Others) -> Result<Vec<Self>> {
        let row = |(label, setting)| Self {
            label,
            setting,
            role: Role::Outside,
        };
        Ok(others.settings()?.into_iter().map(row).collect())
    }
}

/// The reason for a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(crate) enum Role {
    Single,
    Outside,
    /// All policies in rotation, the same time for each.
    EqualRotation,
    /// scx_meta chooses by itself.
    Auto,
    /// A strategy at a base slice. What several strategies come to is measured once: names of
    /// all of them.
    Strategy {
        strategies: Vec<String>,
        /// t_b
        base_slice_us: u32,
        /// A row that is measured whatever the profile prefers, by its name in the report.
        named: Option<String>,
    },
    Winner,
    /// The winner's weights, each given to another policy.
    Swapped,
    /// The winner's rotation between two rows of one policy.
    SamePolicy,
}

/// One block. A block that failed is not written: it ends the trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Block {
    pub(crate) subject: String,
    /// Super-block, from 0.
    pub(crate) round: u32,
    /// Place within the super-block, from 0; EEVDF has the first and the last.
    pub(crate) position: u32,
    /// Label of the row; `None` is EEVDF at an end.
    pub(crate) row: Option<String>,
    pub(crate) seconds: f64,
    /// The point of the rotation at which it began, if there is one.
    pub(crate) phase_us: Option<u32>,
    /// From putting in charge until the load began.
    pub(crate) settled_ms: f64,
    /// The cost of replacing processes, if that is the mechanism.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) replaced: Option<Replaced>,
    /// Readings of one load, or of several that ran at the same time or by turns.
    pub(crate) parts: Vec<Part>,
    /// How long the load ran before it counted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) lead_s: f64,
    /// By a scheduler that chooses by itself: at the end, or at that of each turn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) chosen: Vec<Chosen>,
    /// What scx_meta itself saw, if it was asked to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signals: Option<Signals>,
}

fn is_zero(number: &f64) -> bool {
    *number == 0.0
}

fn believed(of: &Estimate) -> Option<(String, f64)> {
    let [mean, ..] = of.ratio?;
    Some((of.policy.name().into(), mean))
}

/// What a scheduler that chooses by itself had found out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Chosen {
    pub(crate) policy: String,
    /// How long it had been in charge.
    pub(crate) for_s: f64,
    /// Of the policy in charge, and of the load, since it was loaded.
    pub(crate) changes: u32,
    pub(crate) regimes: u32,
    /// Of the time since then, the part in which others were tried.
    pub(crate) tried: f64,
    /// Of the others, as far as they were tried: name, and score as a ratio to its own.
    #[serde(default)]
    pub(crate) believed: Vec<(String, f64)>,
}

impl Chosen {
    /// As of a point of CLOCK_MONOTONIC.
    pub(crate) fn of(learned: &Learned, now_ns: u64) -> Self {
        Self {
            policy: learned.in_charge.name().into(),
            for_s: now_ns.saturating_sub(learned.since_ns) as f64 / 1e9,
            changes: learned.changes,
            regimes: learned.regimes,
            tried: learned.tried,
            believed: learned.estimates.iter().filter_map(believed).collect(),
        }
    }
}

/// The cost of replacing processes, from putting it in charge to the end of the block.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Replaced {
    pub(crate) count: u64,
    /// How long no sched_ext scheduler was in charge.
    pub(crate) nobody_ms: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) name: String,
    /// In the application's unit, a second; more is better.
    pub(crate) throughput: f64,
    pub(crate) latency: Option<Latency>,
}

/// Latencies of the requests of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Latency {
    /// (µs, how many), in rising order: these pool over blocks.
    Histogram(Vec<(f64, u64)>),
    /// As the load printed them: these do not pool, so the block's own are used.
    Quantiles {
        n: u64,
        /// (percent, µs)
        at: Vec<(f64, f64)>,
    },
}

impl Latency {
    pub(crate) fn requests(&self) -> u64 {
        match self {
            Self::Histogram(bins) => bins.iter().map(|(_, n)| n).sum(),
            Self::Quantiles { n, .. } => *n,
        }
    }
}
