// SPDX-License-Identifier: GPL-2.0-only
//! What a trial came to: what `estimate` computes from the records, `NAME.json` holds, and the
//! tables and the report show.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use evidence::files;
use evidence::sample::Interval;
use labkit::charge::setting::Setting;
use serde::{Deserialize, Serialize};

use crate::record::{Role, Stage, Subject};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub stage: Stage,
    pub workload: String,
    pub source: Source,
    /// Cut short: some of what was planned is missing.
    pub partial: bool,
    /// In the plan's order.
    pub subjects: Vec<SubjectOutcome>,
    /// `compare` only: what was asked beforehand, corrected for how many there are.
    pub comparisons: Vec<Comparison>,
    /// `compare` only: what `tune` had claimed for the same rows.
    pub claimed: Vec<Claim>,
}

impl Outcome {
    pub fn read(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text)
            .with_context(|| format!("{}: not what a trial came to", path.display()))
    }

    /// Writes `NAME.json`, whole or not at all.
    pub fn write(&self, path: &Path) -> Result<()> {
        let json = serde_json::to_string_pretty(self).context("cannot write figures as JSON")?;
        files::write_whole(path, &(json + "\n"))
    }

    /// The whole, or what is alone.
    pub fn whole(&self) -> Option<&SubjectOutcome> {
        let mut subjects = self.subjects.iter();
        subjects
            .find(|subject| subject.subject.whole)
            .or(self.subjects.first())
    }

    /// The noise floor of the whole.
    pub fn eevdf(&self) -> Option<&RowOutcome> {
        self.whole().map(|whole| &whole.eevdf)
    }
}

impl SubjectOutcome {
    pub fn row(&self, label: &str) -> Option<&RowOutcome> {
        self.rows.iter().find(|row| row.label == label)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    pub kernel: String,
    /// CPUs, accelerator and clock, in words.
    pub machine: String,
    /// Software played the processor.
    pub emulated: bool,
    /// Boots that the data comes from.
    pub boots: usize,
    /// UTC, RFC 3339.
    pub date: String,
    /// The command line of the trial.
    pub command: String,
    /// How it was measured, in sentences.
    pub method: String,
    /// What a reader must know: of the workload, and of emulation.
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubjectOutcome {
    pub subject: Subject,
    /// Percent of the latency quantile: 99 from 10,000 pooled requests in each row, else 90; none
    /// without latencies.
    pub quantile: Option<u32>,
    /// Complete super-blocks.
    pub super_blocks: usize,
    /// EEVDF; ratios are those of the last block to the first of each super-block: the noise floor.
    pub eevdf: RowOutcome,
    /// In the plan's order.
    pub rows: Vec<RowOutcome>,
    /// Throughput by place within a super-block, relative to the row's median: 1 if place does
    /// not matter.
    pub positions: Vec<Interval>,
}

/// Intervals are 95 %.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowOutcome {
    /// As in the plan; `EEVDF` for the kernel's own.
    pub label: String,
    pub setting: Setting,
    /// None for EEVDF.
    pub role: Option<Role>,
    /// Blocks.
    pub n: usize,
    /// Requests in all blocks whose latency is known.
    pub requests: u64,
    /// Median over blocks; of several parts the geometric mean.
    pub throughput: Interval,
    /// To the EEVDF blocks of the same super-block; more is better.
    pub throughput_ratio: Interval,
    /// At the subject's quantile.
    pub latency_ms: Option<Interval>,
    /// Less is better.
    pub latency_ratio: Option<Interval>,
    /// Of each part, where there are several: name and throughput ratio.
    pub parts: Vec<(String, Interval)>,
}

/// A question that was asked before the data came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// In words: `winner against EEVDF`.
    pub what: String,
    /// Of throughputs; more is better. The interval is as wide as all comparisons together need
    /// for 95 %.
    pub throughput_ratio: Interval,
    /// Of latencies; less is better.
    pub latency_ratio: Option<Interval>,
    /// Confidence of each interval: 1 − 0.05 ÷ comparisons.
    pub level: f64,
}

/// What `tune` had claimed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    pub label: String,
    /// By `tune`, whose winner is the largest of many: too good.
    pub tune: Interval,
    /// Afresh.
    pub compare: Interval,
}
