// SPDX-License-Identifier: GPL-2.0-only
//! The raw data of `bench overhead`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::contender::Contender;
use super::mix::Phase;
use super::workload::Workload;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Record {
    /// How a part is measured, in words, for the report.
    Method {
        part: Part,
        /// A sentence or two.
        text: String,
    },
    Callbacks(Mix),
    Throughput(Run),
    Idle(Look),
}

/// Times of the callbacks in one phase of the mix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mix {
    /// The policy in charge, and the scheduler that holds it.
    pub(crate) policy: String,
    pub(crate) contender: Contender,
    /// Counted from 0; all contenders run in each.
    pub(crate) round: usize,
    pub(crate) phase: Phase,
    pub(crate) seconds: f64,
    pub(crate) windows: BTreeMap<String, Vec<Window>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) policy: String,
    pub(crate) contender: Contender,
    pub(crate) round: usize,
    /// The run within the round: with that of the other contender it makes a pair.
    pub(crate) repeat: usize,
    pub(crate) workload: Workload,
    pub(crate) per_second: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Look {
    pub(crate) contender: Contender,
    pub(crate) round: usize,
    pub(crate) seconds: f64,
    /// All CPUs, and local ones only.
    pub(crate) timer_interrupts: u64,
    pub(crate) context_switches: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Part {
    /// Nanoseconds a call of each callback
    Callbacks,
    /// Throughput of whole workloads
    EndToEnd,
    /// Wake-ups of an idle machine
    Idle,
}

/// Runs of one callback within a short time. In raw data a pair: there are many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u64)", into = "(u64, u64)")]
pub(crate) struct Window {
    pub(crate) calls: u64,
    pub(crate) time_ns: u64,
}

impl Window {
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            calls: self.calls.saturating_sub(earlier.calls),
            time_ns: self.time_ns.saturating_sub(earlier.time_ns),
        }
    }
}

impl From<(u64, u64)> for Window {
    fn from((calls, time_ns): (u64, u64)) -> Self {
        Self { calls, time_ns }
    }
}

impl From<Window> for (u64, u64) {
    fn from(window: Window) -> Self {
        (window.calls, window.time_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_flat_object() {
        let record = Record::Throughput(Run {
            policy: "fifo".into(),
            contender: Contender::Single,
            round: 1,
            repeat: 0,
            workload: Workload::Pipe,
            per_second: 1234.5,
        });
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(
            text,
            r#"{"kind":"throughput","policy":"fifo","contender":"single","round":1,"repeat":0,"workload":"pipe","per_second":1234.5}"#
        );
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    }
}
