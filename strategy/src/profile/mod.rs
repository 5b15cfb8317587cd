// SPDX-License-Identifier: GPL-2.0-only
//! `--profile FILE`: what applications were measured to do under EEVDF and under
//! each policy. A TOML file; `scx_metabench profile` writes one, and
//! `contrib/profile.example.toml` is one made up by hand.
//!
//! ```toml
//! partial = false                  # true: the measurement was cut short
//!
//! [provenance]                     # optional, for people
//! kernel = "6.18.15"
//! machine = "2 CPUs, QEMU"
//! date = "2026-11-23T18:00:00Z"
//! emulated = true                  # software played the processor
//! commands = ["wrk -c 20 …"]       # optional
//!
//! [[application]]
//! name = "frontend"
//! throughput_unit = "requests/s"   # of throughput below: more is better
//! latency_quantile = "p99"         # of latencies below; or "p90"
//! concurrency = 20                 # requests under way at once
//!
//! [application.under.kernel]
//! throughput = 118.2               # the median
//! throughput_interval = [117.4, 119.0]  # optional, around the median
//! latency_ms = 212.0               # for all schedulers or for none
//! latency_interval_ms = [208.0, 215.5]  # optional, around it
//! n = 16                           # repetitions
//!
//! [application.under.fifo]         # likewise, and so on for each policy
//! throughput = 121.0
//! throughput_ratio = 1.0258        # optional, to EEVDF measured right beside it: for all
//! throughput_ratio_interval = [1.019, 1.031]  # policies or for none; the interval optional
//! latency_ms = 205.0
//! latency_ratio = 0.971            # likewise
//! latency_ratio_interval = [0.96, 0.985]
//! n = 8
//!
//! [whole]                          # optional: all applications together, of the same shape;
//! # …                              # checked, but no strategy gives it time
//! ```
//!
//! Ratios that the file states are better than the quotient of two medians, since each was taken
//! between blocks that ran side by side: where they are, they count. What EEVDF's own ratio states
//! is the noise floor (EEVDF to EEVDF); it decides nothing.
//!
//! A profile decides a machine's schedule for weeks, so nothing in it is guessed: an
//! unknown or missing field, a figure that cannot be one, and a policy that is
//! loaded but was not measured are errors with file, line and field.

mod read;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// The row of the kernel's own scheduler, to which all others are compared.
const EEVDF: &str = "kernel";

/// What was measured, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The measurement was cut short.
    pub partial: bool,
    /// Where the figures come from, if the file says.
    pub provenance: Option<Provenance>,
    /// At least one; names are unique.
    pub applications: Vec<Application>,
    /// All of them together; no strategy gives it time.
    pub whole: Option<Application>,
}

/// Where figures come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The kernel's release.
    pub kernel: String,
    /// CPUs, memory and what else matters.
    pub machine: String,
    /// When.
    pub date: String,
    /// Software played the processor.
    pub emulated: bool,
    /// What was run.
    #[serde(default)]
    pub commands: Vec<String>,
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let emulated = if self.emulated { ", emulated" } else { "" };
        let (kernel, machine, date) = (&self.kernel, &self.machine, &self.date);
        write!(f, "kernel {kernel}, {machine}{emulated}, {date}")
    }
}

/// Something to be scheduled, measured by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Application {
    /// What people call it.
    pub name: String,
    /// What `throughput` counts.
    pub throughput_unit: String,
    /// Which latency `latency_ms` is; none without latencies.
    pub latency_quantile: Option<Quantile>,
    /// Requests under way at once while it was measured.
    pub concurrency: NonZeroU32,
    /// Under the kernel's own scheduler.
    pub eevdf: Figures,
    /// Under policies, in table order.
    pub policies: Vec<(String, Figures)>,
}

impl Application {
    /// Throughput relative to EEVDF; more is better.
    pub fn throughput_ratio(&self, under: &Figures) -> f64 {
        let quotient = under.throughput / self.eevdf.throughput;
        under.throughput_ratio.unwrap_or(quotient)
    }

    /// Latency relative to EEVDF; less is better.
    pub fn latency_ratio(&self, under: &Figures) -> Option<f64> {
        let quotient = || Some(under.latency_ms? / self.eevdf.latency_ms?);
        under.latency_ratio.or_else(quotient)
    }
}

/// Part of the requests that were faster than the latency stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quantile {
    /// 99 %
    P99,
    /// 90 %, where there were too few requests for more.
    P90,
}

impl fmt::Display for Quantile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::P99 => "p99",
            Self::P90 => "p90",
        })
    }
}

/// Two ends, the lower first.
pub type Ends = (f64, f64);

/// One application under one scheduler. All figures are positive and finite.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// The median; more is better.
    pub throughput: f64,
    /// Around it.
    pub throughput_interval: Option<Ends>,
    /// To EEVDF measured right beside it.
    pub throughput_ratio: Option<f64>,
    /// Around it.
    pub throughput_ratio_interval: Option<Ends>,
    /// At the application's quantile.
    pub latency_ms: Option<f64>,
    /// Around it.
    pub latency_interval_ms: Option<Ends>,
    /// To EEVDF measured right beside it.
    pub latency_ratio: Option<f64>,
    /// Around it.
    pub latency_ratio_interval: Option<Ends>,
    /// Repetitions.
    pub n: NonZeroU32,
}

impl Figures {
    /// A throughput and nothing else.
    pub fn of_throughput(throughput: f64, n: NonZeroU32) -> Self {
        Self {
            throughput,
            throughput_interval: None,
            throughput_ratio: None,
            throughput_ratio_interval: None,
            latency_ms: None,
            latency_interval_ms: None,
            latency_ratio: None,
            latency_ratio_interval: None,
            n,
        }
    }
}
