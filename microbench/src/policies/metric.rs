// SPDX-License-Identifier: GPL-2.0-only
//! The columns of tables: which statistic of which sample, under which head.

use evidence::sample::Statistic;

pub(crate) struct Metric {
    pub(crate) key: &'static str,
    pub(crate) head: &'static str,
    /// Of EEVDF's own value.
    pub(crate) unit: &'static str,
    pub(crate) sample: &'static str,
    /// Of the sample's values in all rounds.
    pub(crate) statistic: Statistic,
    pub(crate) better: Better,
    pub(crate) table: Table,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    Less,
    More,
    /// One near EEVDF's, to which this is the tolerance of the ratio in percent.
    Near(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    Busy,
    Throughput,
    Requests,
}

impl Table {
    /// All, with what stands above each.
    pub(crate) const ALL: [(Self, &'static str); 3] = [
        (Self::Busy, "Beside busy tasks, and their shares"),
        (Self::Throughput, "Work that tasks do together"),
        (
            Self::Requests,
            "Requests that arrive by themselves, at 50, 90 and 120 % of what the CPUs can do",
        ),
    ];
}

const fn metric(
    key: &'static str,
    head: &'static str,
    unit: &'static str,
    sample: &'static str,
    statistic: Statistic,
    better: Better,
    table: Table,
) -> Metric {
    Metric {
        key,
        head,
        unit,
        sample,
        statistic,
        better,
        table,
    }
}

const P50: Statistic = Statistic::Percentile(50.0);
const P99: Statistic = Statistic::Percentile(99.0);
/// Of one value a round.
const MIDDLE: Statistic = Statistic::Middle;

use Better::{Less, More, Near};
use Table::{Busy, Requests, Throughput};

#[rustfmt::skip]
pub(crate) const METRICS: &[Metric] = &[
    metric("wakeup_p50_us", "wake-up p50", "µs", "wakeup", P50, Less, Busy),
    metric("wakeup_p99_us", "wake-up p99", "µs", "wakeup", P99, Less, Busy),
    metric("least_share", "least of equals", "", "wakeup-least", MIDDLE, More, Busy),
    metric("fork_us", "fork + exec", "µs", "fork", MIDDLE, Less, Busy),
    metric("nice_ratio", "nice 0 : 10", ": 1", "nice", MIDDLE, Near(10), Busy),
    metric("storm_busy_share", "storm: left to busy", "", "storm-busy", MIDDLE, Near(5), Busy),
    metric("storm_least_share", "storm: least of equals", "", "storm-least", MIDDLE, More, Busy),
    metric("threads_ms", "messaging, threads", "ms", "threads", MIDDLE, Less, Throughput),
    metric("processes_ms", "messaging, processes", "ms", "processes", MIDDLE, Less, Throughput),
    metric("pipe_us", "pipe round trip", "µs", "pipe", MIDDLE, Less, Throughput),
    metric("futex_per_s", "futex hand-overs", "/s", "futex", MIDDLE, More, Throughput),
    metric("cache_passes_per_s", "passes over cached data", "/s", "cache-rate", MIDDLE, More, Throughput),
    metric("cache_us", "CPU time of such a pass", "µs", "cache", MIDDLE, Less, Throughput),
    metric("answered_per_s", "answered at 120 %", "/s", "request-120-rate", MIDDLE, More, Throughput),
    metric("request_50_p50_us", "50 %: p50", "µs", "request-50", P50, Less, Requests),
    metric("request_50_p99_us", "50 %: p99", "µs", "request-50", P99, Less, Requests),
    metric("request_90_p50_us", "90 %: p50", "µs", "request-90", P50, Less, Requests),
    metric("request_90_p99_us", "90 %: p99", "µs", "request-90", P99, Less, Requests),
    metric("request_120_p50_us", "120 %: p50", "µs", "request-120", P50, Less, Requests),
    metric("request_120_p99_us", "120 %: p99", "µs", "request-120", P99, Less, Requests),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn keys_are_unique() {
        let keys: BTreeSet<_> = METRICS.iter().map(|metric| metric.key).collect();
        assert_eq!(keys.len(), METRICS.len());
    }
}
