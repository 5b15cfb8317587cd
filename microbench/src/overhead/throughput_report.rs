// SPDX-License-Identifier: GPL-2.0-only
//! The report on whole workloads: table, JSON, figure.

use std::collections::BTreeMap;

use anyhow::{bail, ensure, Context, Result};
use evidence::figure::ruler::Axis;
use evidence::figure::{Bar, Bars};
use evidence::files::File;
use evidence::provenance::Measured;
use evidence::sample::{Interval, Statistic, Summary};
use evidence::spec::{case, range, Blocks, Rows, Sample, Spec, COUNT, RATIO};
use evidence::table::Table;
use serde_json::{json, Map, Value};

use super::contender::Contender;
use super::record::Run;

/// Throughput may fall to this part of that under a build of one policy.
pub(super) const LIMIT: f64 = 0.98;

const SPEC: Spec = Spec {
    by: &["policy", "workload", "unit", "side"],
    blocks: Blocks::By("pair"),
    statistic: Statistic::Median,
};

/// One workload under one policy.
struct Compared {
    policy: String,
    workload: String,
    unit: String,
    multi: Summary,
    single: Summary,
    /// Median of the pairs' ratios.
    ratio: Interval,
}

pub(super) struct Report {
    rows: Vec<Compared>,
}

fn sample(run: &Run) -> Result<Sample> {
    let workload = run.workload.name();
    let side = match run.contender {
        Contender::Multi => "multi",
        Contender::Single => "single",
        other => bail!(
            "{workload} under {}: {other:?} is not compared end to end",
            run.policy
        ),
    };
    let case = case(&[
        ("policy", &run.policy),
        ("workload", workload),
        ("unit", run.workload.unit()),
        ("side", side),
        ("pair", &format!("{:?}", (run.round, run.repeat))),
    ]);
    Ok(Sample::new(COUNT, case, [run.per_second]))
}

impl Report {
    pub(super) fn of(runs: &[Run]) -> Result<Self> {
        let mut runs: Vec<&Run> = runs.iter().collect();
        runs.sort_by_key(|run| (run.round, run.repeat));
        let samples: Vec<Sample> = runs.into_iter().map(sample).collect::<Result<_>>()?;
        let rows = SPEC.rows(&samples)?;
        let compared = Rows::all(&rows).split(&["policy", "workload"]).into_iter();
        let compared = compared.map(|rows| {
            Compared::of(&rows)
                .with_context(|| format!("{} under {}", rows.key("workload"), rows.key("policy")))
        });
        Ok(Self {
            rows: compared.collect::<Result<_>>()?,
        })
    }

    fn by_workload(&self) -> BTreeMap<&str, Vec<&Compared>> {
        let mut by: BTreeMap<&str, Vec<&Compared>> = BTreeMap::new();
        for row in &self.rows {
            by.entry(&row.workload).or_default().push(row);
        }
        by
    }

    /// By workload, the ratio under the policy for which it is the worst.
    pub(super) fn worst(&self) -> Map<String, Value> {
        let worst = self.by_workload().into_iter().map(|(workload, rows)| {
            let ratios = rows.iter().map(|row| row.ratio.estimate);
            (
                workload.to_owned(),
                json!(ratios.fold(f64::INFINITY, f64::min)),
            )
        });
        worst.collect()
    }

    pub(super) fn details(&self) -> Value {
        self.rows.iter().map(Compared::json).collect()
    }

    /// Repetitions and spread: of each workload, that under the policy where it varies most.
    pub(super) fn measured(&self) -> Vec<Measured> {
        let widest = self.by_workload().into_values().filter_map(|rows| {
            Measured::widest(rows.into_iter().map(|row| {
                let (workload, policy) = (&row.workload, &row.policy);
                let what = format!("{workload} under {policy} (widest of all policies)");
                (what, &row.multi)
            }))
        });
        widest.collect()
    }

    pub(super) fn text(&self) -> String {
        let table = Table::list(
            &self.rows,
            [
                ("workload / policy", |row| row.name()),
                ("scx_meta", |row| row.rate(row.multi)),
                ("only it", |row| row.rate(row.single)),
                ("ratio", |row| (RATIO.show)(row.ratio.estimate)),
                ("95 %", |row| range(row.ratio, RATIO, "–")),
                ("pairs", |row| row.multi.n.to_string()),
            ],
        );
        let mut text = format!("\nEnd to end, throughput:\n{table}\n");
        let (within, below): (Vec<_>, Vec<_>) = self.rows.iter().partition(|row| row.is_within());
        for row in below {
            text.push_str(&format!("BELOW {LIMIT}: {}\n", row.name()));
        }
        for row in within.iter().filter(|row| row.ratio.low < LIMIT) {
            text.push_str(&format!(
                "Not certain to be {LIMIT} or more: {}, lower bound {}\n",
                row.name(),
                (RATIO.show)(row.ratio.low)
            ));
        }
        text
    }

    pub(super) fn figure(&self, footnote: &str) -> Result<File> {
        let groups = self.by_workload().into_values().enumerate();
        let bars = groups.flat_map(|(group, rows)| {
            rows.into_iter().map(move |row| Bar {
                label: row.name(),
                value: row.ratio,
                group,
            })
        });
        let bars = Bars {
            title: "Throughput: scx_meta pinned to a policy ÷ a build of that policy alone",
            axis: Axis::linear("ratio, median of pairs", RATIO.tick),
            bars: bars.collect(),
            limit: Some((LIMIT, "0.98")),
        };
        bars.file("overhead-end-to-end.svg", footnote)
    }
}

impl Compared {
    fn of(rows: &Rows) -> Result<Self> {
        let multi = rows.get(&[("side", "multi")])?;
        let single = rows.find(&[("side", "single")]);
        for pair in &multi.rounds {
            let has_partner = single.is_some_and(|single| single.rounds.contains(pair));
            ensure!(has_partner, "run {pair} has no partner");
        }
        let single = rows.get(&[("side", "single")])?;
        let paired = multi.common(single).into_iter();
        let paired: Vec<f64> = paired.flat_map(|(_, single)| single).copied().collect();
        Ok(Self {
            policy: rows.key("policy").into(),
            workload: rows.key("workload").into(),
            unit: rows.key("unit").into(),
            multi: multi.all,
            single: Summary::of(&paired)?,
            ratio: multi.ratio_to(single)?,
        })
    }

    fn name(&self) -> String {
        format!("{} / {}", self.workload, self.policy)
    }

    fn rate(&self, side: Summary) -> String {
        format!("{} {}", (COUNT.show)(side.median), self.unit)
    }

    fn is_within(&self) -> bool {
        self.ratio.estimate >= LIMIT
    }

    fn json(&self) -> Value {
        json!({
            "workload": self.workload,
            "policy": self.policy,
            "unit": self.unit,
            "multi": self.multi,
            "single": self.single,
            "ratio": self.ratio,
            "pairs": self.multi.n,
            "within_limit": self.is_within(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::workload::Workload;
    use super::*;

    fn run(contender: Contender, round: usize, policy: &str, per_second: f64) -> Run {
        Run {
            policy: policy.into(),
            contender,
            round,
            repeat: 0,
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
        assert_eq!(report.details()[0]["ratio"]["estimate"], 0.99);
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
