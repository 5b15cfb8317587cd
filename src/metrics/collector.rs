// SPDX-License-Identifier: GPL-2.0-only
//! From a snapshot to metrics: names and units by OpenMetrics' conventions, a label for the policy.

use std::fmt::Error;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    prometheus_text, text, DescriptorEncoder, MetricEncoder, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use crate::machine::Machine;
use crate::policy::{self, Fold, Policy, StatRow};
use crate::stats::Snapshot;

const PREFIX: &str = "scx_meta";

/// Beside the policies: what the kernel placed without asking.
const KERNEL: &str = "kernel";

const NS: f64 = 1e9;

type Encoded = Result<(), Error>;

/// What the pinned maps say now; None: no program is in charge.
pub(super) fn look() -> Option<Snapshot> {
    Snapshot::of_running(&Machine::default()).ok()
}

/// OpenMetrics' text.
pub(super) fn open_metrics(snapshot: Option<Snapshot>) -> Result<String, Error> {
    let mut text = String::new();
    text::encode(&mut text, &registry(snapshot))?;
    Ok(text)
}

/// Prometheus' own, which node_exporter reads.
pub(super) fn prometheus(snapshot: Option<Snapshot>) -> Result<String, Error> {
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry(snapshot))?;
    Ok(text)
}

fn registry(snapshot: Option<Snapshot>) -> Registry {
    let mut registry = Registry::with_prefix(PREFIX);
    registry.register_collector(Box::new(Metrics(snapshot)));
    registry
}

struct Metrics(Option<Snapshot>);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Metrics").finish_non_exhaustive()
    }
}

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Encoded {
        let up = i64::from(self.0.is_some());
        gauge(&mut encoder, "up", "Whether scx_meta is in charge")?.encode_gauge(&up)?;
        let about = [("version", env!("CARGO_PKG_VERSION"))];
        let help = "The version of scx_meta";
        let info = encoder.encode_descriptor("build", help, None, MetricType::Info);
        info?.encode_info(&about)?;
        let Some(snapshot) = &self.0 else {
            return Ok(());
        };
        state(&mut encoder, snapshot)?;
        for row in policy::stat_rows() {
            counter(&mut encoder, snapshot, row)?;
        }
        flips(&mut encoder, snapshot)?;
        choice(&mut encoder, snapshot)
    }
}

fn gauge<'e>(
    encoder: &'e mut DescriptorEncoder<'_>,
    name: &'e str,
    help: &'e str,
) -> Result<MetricEncoder<'e>, Error> {
    encoder.encode_descriptor(name, help, None, MetricType::Gauge)
}

fn of_policies(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: Vec<(Policy, f64)>,
) -> Encoded {
    let mut metric = gauge(encoder, name, help)?;
    for (policy, value) in values {
        let labels = [("policy", policy.name())];
        metric.encode_family(&labels)?.encode_gauge(&value)?;
    }
    Ok(())
}

/// Who is in charge, and what people set.
fn state(encoder: &mut DescriptorEncoder<'_>, snapshot: &Snapshot) -> Encoded {
    let help = "Switches since load";
    let mut switches = encoder.encode_descriptor("switches", help, None, MetricType::Counter)?;
    switches.encode_counter::<NoLabelSet, _, u64>(&snapshot.status.generation, None)?;

    let policies = || snapshot.weights.iter();
    let weights = policies().map(|(policy, weight)| (*policy, f64::from(*weight)));
    let is = |one: Option<Policy>| {
        let is_it = |policy| f64::from(u8::from(one == Some(policy)));
        policies()
            .map(|(policy, _)| (*policy, is_it(*policy)))
            .collect()
    };
    let active = is(Policy::from_id(snapshot.status.active));
    let pinned = is(snapshot.pin);
    of_policies(
        encoder,
        "weight",
        "Its share of a rotation",
        weights.collect(),
    )?;
    of_policies(encoder, "active", "Whether the policy is in charge", active)?;
    of_policies(encoder, "pinned", "Whether the policy is held", pinned)?;

    let help = "Length of a rotation";
    let seconds = Some(&Unit::Seconds);
    let mut period = encoder.encode_descriptor("period", help, seconds, MetricType::Gauge)?;
    period.encode_gauge(&(f64::from(snapshot.held_period_us()) / 1e6))
}

/// A row of include/stats.h, of each policy.
fn counter(encoder: &mut DescriptorEncoder<'_>, snapshot: &Snapshot, row: &StatRow) -> Encoded {
    let (base, unit, scale) = match row.unit {
        policy::Unit::Count => (row.name, None, 1.0),
        policy::Unit::Nanoseconds => {
            let base = row.name.trim_end_matches("_ns");
            (base, Some(&Unit::Seconds), NS)
        }
    };
    let name = format!("policy_{base}");
    let kind = match row.fold {
        Fold::Sum => MetricType::Counter,
        Fold::Max => MetricType::Gauge,
    };
    let mut metric = encoder.encode_descriptor(&name, row.description, unit, kind)?;
    for (owner, value) in snapshot.of_each(row) {
        let labels = [("policy", owner.map_or(KERNEL, Policy::name))];
        let mut of = metric.encode_family(&labels)?;
        let value = value as f64 / scale;
        match row.fold {
            Fold::Sum => of.encode_counter::<NoLabelSet, _, u64>(&value, None)?,
            Fold::Max => of.encode_gauge(&value)?,
        }
    }
    Ok(())
}

/// Costs of switches to each policy.
fn flips(encoder: &mut DescriptorEncoder<'_>, snapshot: &Snapshot) -> Encoded {
    let help = "Cost of switching to the policy, by powers of two";
    let seconds = Some(&Unit::Seconds);
    let kind = MetricType::Histogram;
    let mut metric = encoder.encode_descriptor("policy_flip_cost", help, seconds, kind)?;
    for (policy, _) in &snapshot.weights {
        let counters = &snapshot.counters[policy.id() as usize];
        let ends = (1..).map(|i: i32| 2f64.powi(i) / NS);
        let mut buckets: Vec<(f64, u64)> = ends.zip(counters.flip_hist).collect();
        // The last one has no upper end.
        if let Some(last) = buckets.last_mut() {
            last.0 = f64::MAX;
        }
        let count = counters.flip_hist.iter().sum();
        let labels = [("policy", policy.name())];
        let mut of = metric.encode_family(&labels)?;
        let sum = counters.flip_ns as f64 / NS;
        of.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
    }
    Ok(())
}

/// What --auto has found out.
fn choice(encoder: &mut DescriptorEncoder<'_>, snapshot: &Snapshot) -> Encoded {
    let Some(learned) = &snapshot.learned else {
        return Ok(());
    };
    for (name, help, count) in [
        (
            "auto_changes",
            "Times another policy took charge",
            learned.changes,
        ),
        (
            "auto_regimes",
            "Times the load became another one",
            learned.regimes,
        ),
    ] {
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        metric.encode_counter::<NoLabelSet, _, u64>(&u64::from(count), None)?;
    }
    let help = "Part of the time in which other policies were tried";
    gauge(encoder, "auto_tried_ratio", help)?.encode_gauge(&learned.tried)?;
    let help = "Score of the policy as a ratio to that of the one in charge";
    let scores = learned.estimates.iter();
    let scores = scores.filter_map(|of| of.ratio.map(|[mean, ..]| (of.policy, mean)));
    of_policies(encoder, "auto_score_ratio", help, scores.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::tests::snapshot;

    #[test]
    fn names_units_and_kinds_are_those_of_open_metrics() {
        let text = open_metrics(Some(snapshot())).unwrap();
        for line in [
            "scx_meta_up 1",
            "# TYPE scx_meta_switches counter",
            "scx_meta_switches_total 7",
            "scx_meta_active{policy=\"vtime\"} 1.0",
            "scx_meta_active{policy=\"fifo\"} 0.0",
            "# UNIT scx_meta_period_seconds seconds",
            "# TYPE scx_meta_policy_active_seconds counter",
            "scx_meta_policy_active_seconds_total{policy=\"fifo\"} 1.0",
            // Two seconds of turns that have ended, and one of this.
            "scx_meta_policy_active_seconds_total{policy=\"vtime\"} 3.0",
            "scx_meta_policy_enqueued_total{policy=\"vtime\"} 10.0",
            "# TYPE scx_meta_policy_wait_max_seconds gauge",
            "scx_meta_policy_wait_max_seconds{policy=\"vtime\"} 0.021",
            "scx_meta_policy_enqueued_total{policy=\"kernel\"} 0.0",
            "scx_meta_policy_flip_cost_seconds_count{policy=\"fifo\"} 0",
        ] {
            assert!(text.lines().any(|of| of == line), "{line}\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn no_metric_is_there_twice_and_each_has_a_help() {
        let text = open_metrics(Some(snapshot())).unwrap();
        let of = |word: &'static str| -> Vec<&str> {
            let lines = text.lines().filter_map(move |line| line.strip_prefix(word));
            lines.filter_map(|line| line.split(' ').next()).collect()
        };
        let mut types = of("# TYPE ");
        assert_eq!(types, of("# HELP "));
        types.sort_unstable();
        let all = types.len();
        types.dedup();
        assert_eq!(types.len(), all);
        let mut samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let count = samples.len();
        samples.sort_unstable_by_key(|line| line.rsplit_once(' ').map(|(name, _)| name));
        samples.dedup_by_key(|line| line.rsplit_once(' ').map(|(name, _)| name));
        assert_eq!(samples.len(), count);
    }

    #[test]
    fn without_a_program_there_is_one_that_is_not_up() {
        let text = prometheus(None).unwrap();
        assert!(text.contains("\nscx_meta_up 0\n"), "{text}");
        assert!(!text.contains("policy"), "{text}");
    }
}
