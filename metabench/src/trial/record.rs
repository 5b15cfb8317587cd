// SPDX-License-Identifier: GPL-2.0-only
//! What a trial writes down, a JSON object a line after the machine's (see `raw`). All figures of
//! all reports come from these lines and nothing else.

use anyhow::Result;
use labkit::charge::others::Others;
use labkit::charge::setting::Setting;
use serde::{Deserialize, Serialize};

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Record {
    /// The first: what is to be done.
    Plan(Plan),
    /// One block.
    Block(Block),
    /// The last, if there was time to write it.
    End {
        /// Everything planned was measured.
        complete: bool,
        /// Why not.
        reason: Option<String>,
    },
}

/// Which command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// One command line under everything.
    Try,
    /// Each application, and the whole, under EEVDF and every policy.
    Profile,
    /// The whole under each strategy and base slice.
    Tune,
    /// The winner, afresh.
    Compare,
    /// More and more applications at once.
    Breakdown,
}

impl Stage {
    /// The subcommand that measures it.
    pub fn command(self) -> &'static str {
        match self {
            Self::Try => "try",
            Self::Profile => "profile",
            Self::Tune => "tune",
            Self::Compare => "compare",
            Self::Breakdown => "breakdown",
        }
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Which command.
    pub stage: Stage,
    /// The workload's name.
    pub workload: String,
    /// What a report must say of this workload, in sentences.
    pub notes: Vec<String>,
    /// What is put under load.
    pub subjects: Vec<Subject>,
    /// What decides, EEVDF around them not included.
    pub rows: Vec<Row>,
    /// Super-blocks for each subject.
    pub rounds: u32,
    /// The command line.
    pub command: Vec<String>,
    /// Seed of the order and the phases.
    pub seed: u64,
    /// The kernel's id of this boot.
    pub boot_id: String,
    /// UTC, RFC 3339.
    pub date: String,
}

/// Something under load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// Its name.
    pub name: String,
    /// It is the whole application, not a part.
    pub whole: bool,
    /// What throughput counts: `requests/s`.
    pub unit: String,
    /// Requests under way at once.
    pub concurrency: u32,
    /// Command lines of its load.
    pub commands: Vec<String>,
    /// A new request begins only when one ends.
    pub closed_loop: bool,
}

/// What decides in a block, and how it came about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Unique in the plan.
    pub label: String,
    /// Who decides.
    pub setting: Setting,
    /// What it is in the plan for.
    pub role: Role,
}

impl Row {
    /// A row for each scheduler that is somebody else's.
    pub fn others(others: &Others) -> Result<Vec<Self>> {
        let row = |(label, setting)| Self {
            label,
            setting,
            role: Role::Outside,
        };
        Ok(others.settings()?.into_iter().map(row).collect())
    }
}

/// What a row is in the plan for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Role {
    /// One policy.
    Single,
    /// A scheduler that is not scx_meta's.
    Outside,
    /// All policies by turns, the same for each.
    EqualRotation,
    /// A strategy at a base slice. What several strategies come to is measured once: names of
    /// all of them.
    Strategy {
        /// `delta`, `benefit` …
        strategies: Vec<String>,
        /// t_b
        base_slice_us: u32,
        /// A row that is measured whatever the profile prefers, by its name in the report.
        named: Option<String>,
    },
    /// The winner of `tune`.
    Winner,
    /// The winner's weights, each given to another policy.
    Swapped,
    /// The winner's rotation between two rows of one policy.
    SamePolicy,
}

/// One block. A block that failed is not written: it ends the trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// Name of the subject.
    pub subject: String,
    /// Super-block, from 0.
    pub round: u32,
    /// Place within the super-block, from 0; EEVDF has the first and the last.
    pub position: u32,
    /// Label of the row; `None` is EEVDF at an end.
    pub row: Option<String>,
    /// How long the load ran.
    pub seconds: f64,
    /// Where in the rotation it began, if there is one.
    pub phase_us: Option<u32>,
    /// From putting in charge until the load began.
    pub settled_ms: f64,
    /// What replacing processes cost, where that is what switches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Replaced>,
    /// What each load said: one, or several that ran at the same time.
    pub parts: Vec<Part>,
}

/// What replacing processes cost, from putting it in charge to the end of the block.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replaced {
    /// Replacements that were completed.
    pub count: u64,
    /// How long no sched_ext scheduler was in charge.
    pub nobody_ms: f64,
}

/// What one load said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Name of the application.
    pub name: String,
    /// In the application's unit, a second; more is better.
    pub throughput: f64,
    /// Of its requests, if it says.
    pub latency: Option<Latency>,
}

/// Latencies of the requests of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Latency {
    /// (µs, how many), in rising order: these pool over blocks.
    Histogram(Vec<(f64, u64)>),
    /// What the load printed: these do not pool, so the block's own are used.
    Quantiles {
        /// Requests.
        n: u64,
        /// (percent, µs)
        at: Vec<(f64, f64)>,
    },
}

impl Latency {
    /// How many requests.
    pub fn requests(&self) -> u64 {
        match self {
            Self::Histogram(bins) => bins.iter().map(|(_, n)| n).sum(),
            Self::Quantiles { n, .. } => *n,
        }
    }
}
