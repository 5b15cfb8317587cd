// SPDX-License-Identifier: GPL-2.0-only
//! The report on whole workloads: table, JSON, figure.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use evidence::figure::ruler::{Axis, Scale};
use evidence::figure::{Bar, Bars};
use evidence::provenance::Measured;
use evidence::sample::{Interval, Summary};
use evidence::table::Table;
use evidence::{sample, table};
use serde_json::{json, Map, Value};

use super::contender::Contender;
use super::data::Run;
use super::workload::Workload;

/// Throughput may fall to this part of that under a build of one policy.
pub const LIMIT: f64 = 0.98;

/// One workload under one policy.
struct Row {
    policy: String,
    workload: Workload,
    multi: Summary,
    single: Summary,
    /// Median of the pairs' ratios.
    ratio: Interval,
}

/// The report.
pub struct Report {
    rows: Vec<Row>,
}

/// Throughput by round and repeat, of both sides.
#[derive(Default)]
struct Sides {
    multi: BTreeMap<(usize, usize), f64>,
    single: BTreeMap<(usize, usize), f64>,
}

impl Report {
    /// Makes it.
    pub fn of(runs: &[Run]) -> Result<Self> {
        let mut order: Vec<(&str, Workload)> = Vec::new();
        for run in runs {
            let key = (&*run.policy, run.workload);
            if !order.contains(&key) {
                order.push(key);
            }
        }
        let rows = order.into_iter().map(|(policy, workload)| {
            Row::of(policy, workload, runs)
                .with_context(|| format!("{} under {policy}", workload.name()))
        });
        Ok(Self {
            rows: rows.collect::<Result<_>>()?,
        })
    }

    /// By workload, the ratio under the policy for which it is the worst.
    pub fn worst(&self) -> Map<String, Value> {
        let mut worst: BTreeMap<&str, f64> = BTreeMap::new();
        for row in &self.rows {
            let least = worst.entry(row.workload.name()).or_insert(f64::INFINITY);
            *least = least.min(row.ratio.estimate);
        }
        worst
            .into_iter()
            .map(|(workload, ratio)| (workload.to_string(), json!(ratio)))
            .collect()
    }

    /// Everything, for the JSON file.
    pub fn details(&self) -> Value {
        self.rows.iter().map(Row::json).collect()
    }

    /// Repetitions and spread: of each workload, that under the policy where it varies most.
    pub fn measured(&self) -> Vec<Measured> {
        let mut widest: BTreeMap<Workload, &Row> = BTreeMap::new();
        for row in &self.rows {
            let known = widest.entry(row.workload).or_insert(row);
            if row.multi.spread() > known.multi.spread() {
                *known = row;
            }
        }
        let describe = |row: &&Row| {
            let what = format!(
                "{} under {} (widest of all policies)",
                row.workload.name(),
                row.policy
            );
            Measured::of(what, &row.multi)
        };
        widest.values().map(describe).collect()
    }

    /// The table.
    pub fn text(&self) -> String {
        let mut table = Table::new([
            "workload / policy",
            "scx_meta",
            "only it",
            "ratio",
            "95 %",
            "pairs",
        ]);
        for row in &self.rows {
            table.row([
                row.name(),
                rate(row.multi.median, row.workload),
                rate(row.single.median, row.workload),
                ratio3(row.ratio.estimate),
                format!("{}–{}", ratio3(row.ratio.low), ratio3(row.ratio.high)),
                row.multi.n.to_string(),
            ]);
        }
        let mut text = format!("\nEnd to end, throughput:\n{table}\n");
        for row in self.rows.iter().filter(|row| row.ratio.estimate < LIMIT) {
            text.push_str(&format!("BELOW {LIMIT}: {}\n", row.name()));
        }
        let unsure = self
            .rows
            .iter()
            .filter(|row| row.ratio.estimate >= LIMIT && row.ratio.low < LIMIT);
        for row in unsure {
            text.push_str(&format!(
                "Not certain to be {LIMIT} or more: {}, lower bound {}\n",
                row.name(),
                ratio3(row.ratio.low)
            ));
        }
        text
    }

    /// The figure.
    pub fn save(&self, folder: &Path, footnote: &str) -> Result<()> {
        let mut workloads: Vec<_> = self.rows.iter().map(|row| row.workload).collect();
        workloads.sort_unstable();
        workloads.dedup();
        let bars = workloads.iter().enumerate().flat_map(|(group, workload)| {
            let rows = self
                .rows
                .iter()
                .filter(move |row| row.workload == *workload);
            rows.map(move |row| Bar {
                label: row.name(),
                value: row.ratio,
                group,
            })
        });
        let bars = Bars {
            title: "Throughput: scx_meta pinned to a policy ÷ a build of that policy alone",
            axis: Axis {
                label: "ratio, median of pairs",
                scale: Scale::Linear,
                format: ratio3,
            },
            bars: bars.collect(),
            limit: Some((LIMIT, "0.98")),
        };
        bars.save(&folder.join("overhead-end-to-end.svg"), footnote)
    }
}

impl Row {
    fn of(policy: &str, workload: Workload, runs: &[Run]) -> Result<Self> {
        let mut sides = Sides::default();
        let runs = runs
            .iter()
            .filter(|run| run.policy == policy && run.workload == workload);
        for run in runs {
            let side = match run.contender {
                Contender::Multi => &mut sides.multi,
                Contender::Single => &mut sides.single,
                other => anyhow::bail!("{other:?} is not compared end to end"),
            };
            side.insert(run.pair, run.per_second);
        }
        let pairs: Vec<_> = sides
            .multi
            .iter()
            .map(|(pair, multi)| {
                let single = sides.single.get(pair);
                let single = single.with_context(|| format!("run {pair:?} has no partner"))?;
                Ok((*multi, *single))
            })
            .collect::<Result<_>>()?;
        let (multi, single): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        Ok(Self {
            policy: policy.into(),
            workload,
            multi: Summary::of(&multi)?,
            single: Summary::of(&single)?,
            ratio: sample::paired_ratio(&pairs)?,
        })
    }

    fn name(&self) -> String {
        format!("{} / {}", self.workload.name(), self.policy)
    }

    fn json(&self) -> Value {
        json!({
            "workload": self.workload.name(),
            "policy": self.policy,
            "unit": self.workload.unit(),
            "multi": self.multi,
            "single": self.single,
            "ratio": self.ratio,
            "pairs": self.multi.n,
            "within_limit": self.ratio.estimate >= LIMIT,
        })
    }
}

fn rate(per_second: f64, workload: Workload) -> String {
    let number = table::count(per_second.round() as u64);
    format!("{number} {}", workload.unit())
}

fn ratio3(ratio: f64) -> String {
    format!("{ratio:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(contender: Contender, round: usize, policy: &str, per_second: f64) -> Run {
        Run {
            policy: policy.into(),
            contender,
            pair: (round, 0),
            workload: Workload::Pipe,
            per_second,
        }
    }

    #[test]
    fn runs_are_paired_by_round_and_the_worst_policy_stands_for_its_workload() {
        let (multi, single) = (Contender::Multi, Contender::Single);
        let runs = [
            // The machine is twice as fast in the second round.
            run(multi, 0, "fifo", 99.0),
            run(single, 0, "fifo", 100.0),
            run(multi, 1, "fifo", 198.0),
            run(single, 1, "fifo", 200.0),
            run(multi, 0, "nest", 95.0),
            run(single, 0, "nest", 100.0),
        ];
        let report = Report::of(&runs).unwrap();
        assert_eq!(report.rows[0].ratio.estimate, 0.99);
        assert_eq!(report.worst()["pipe"], json!(0.95));
        let text = report.text();
        assert!(text.contains("BELOW 0.98: pipe / nest"), "{text}");
        assert!(!text.contains("BELOW 0.98: pipe / fifo"), "{text}");
    }

    #[test]
    fn a_run_without_its_partner_is_an_error() {
        let error = Report::of(&[run(Contender::Multi, 3, "fifo", 1.0)])
            .err()
            .unwrap();
        let error = format!("{error:#}");
        assert!(
            error.contains("pipe under fifo") && error.contains("(3, 0)"),
            "{error}"
        );
    }
}
