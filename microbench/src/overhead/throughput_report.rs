// SPDX-License-Identifier: GPL-2.0-only
//! The report on whole workloads: table, JSON, figure.

use std::collections::BTreeMap;

use anyhow::{bail, Context, Result};
use evidence::figure::ruler::Axis;
use evidence::figure::Bars;
use evidence::files::File;
use evidence::provenance::Measured;
use evidence::sample::Statistic;
use evidence::spec::{case, Row, Rows, Sample, Spec, COUNT, RATIO};
use evidence::table::Table;
use serde_json::{json, Map, Value};

use super::contender::Contender;
use super::record::Run;

/// Throughput may fall to this part of that under a build of one policy.
pub(super) const LIMIT: f64 = 0.98;

const SPEC: Spec = Spec {
    by: &["policy", "workload", "unit", "side"],
    block: 1,
    statistic: Statistic::Median,
};

/// Of the pairs.
const RATIOS: &str = "ratio";

pub(super) struct Report {
    rows: Vec<Row>,
}

/// One workload under one policy: both sides, and their ratio.
struct Compared<'a> {
    multi: &'a Row,
    single: &'a Row,
    ratio: &'a Row,
}

/// Runs in pairs: under scx_meta, under the build of one policy, and the first ÷ the second.
fn samples(runs: &[Run]) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    let mut runs: Vec<&Run> = runs.iter().collect();
    runs.sort_by_key(|run| (run.round, run.repeat));
    let of = |run: &Run| (run.policy.clone(), run.workload, run.round, run.repeat);
    let singles = runs.iter().filter(|run| run.contender == Contender::Single);
    let singles: BTreeMap<_, f64> = singles.map(|run| (of(run), run.per_second)).collect();
    for run in runs {
        let what = || format!("{} under {}", run.workload.name(), run.policy);
        match run.contender {
            Contender::Multi => {}
            Contender::Single => continue,
            other => bail!("{}: {other:?} is not compared end to end", what()),
        }
        let single = singles.get(&of(run)).with_context(|| {
            let pair = (run.round, run.repeat);
            format!("{}: run {pair:?} has no partner", what())
        })?;
        for (side, unit, value) in [
            ("multi", COUNT, run.per_second),
            ("single", COUNT, *single),
            (RATIOS, RATIO, run.per_second / single),
        ] {
            let case = case(&[
                ("policy", &run.policy),
                ("workload", run.workload.name()),
                ("unit", run.workload.unit()),
                ("side", side),
            ]);
            samples.push(Sample::new(unit, case, [value]));
        }
    }
    Ok(samples)
}

impl Report {
    pub(super) fn of(runs: &[Run]) -> Result<Self> {
        Ok(Self {
            rows: SPEC.rows(&samples(runs)?)?,
        })
    }

    fn compared(&self) -> Vec<Compared<'_>> {
        let all = Rows::all(&self.rows).split(&["policy", "workload"]);
        let compared = all.iter().filter_map(|rows| {
            let side = |side| rows.find(&[("side", side)]);
            Some(Compared {
                multi: side("multi")?,
                single: side("single")?,
                ratio: side(RATIOS)?,
            })
        });
        compared.collect()
    }

    /// By the workloads' names.
    fn ratios(&self) -> Rows<'_> {
        let ratios = Rows::all(&self.rows).of(&[("side", RATIOS)]);
        ratios.sorted(|row| row.key("workload"))
    }

    /// By workload, the ratio under the policy for which it is the worst.
    pub(super) fn worst(&self) -> Map<String, Value> {
        let workloads = self.ratios().split(&["workload"]).into_iter();
        let worst = workloads.map(|rows| {
            let ratios = rows.0.iter().map(|row| row.about.estimate);
            let worst = ratios.fold(f64::INFINITY, f64::min);
            (rows.key("workload").to_owned(), json!(worst))
        });
        worst.collect()
    }

    pub(super) fn details(&self) -> Value {
        self.compared().iter().map(Compared::json).collect()
    }

    /// Repetitions and spread: of each workload, that under the policy where it varies most.
    pub(super) fn measured(&self) -> Vec<Measured> {
        let multi = Rows::all(&self.rows).of(&[("side", "multi")]);
        let workloads = multi.sorted(|row| row.key("workload")).split(&["workload"]);
        let widest = workloads.iter().filter_map(|rows| {
            Measured::widest(rows.0.iter().map(|row| {
                let (workload, policy) = (row.key("workload"), row.key("policy"));
                let what = format!("{workload} under {policy} (widest of all policies)");
                (what, &row.all)
            }))
        });
        widest.collect()
    }

    pub(super) fn text(&self) -> String {
        let compared = self.compared();
        let table = Table::list(
            &compared,
            [
                ("workload / policy", |row| name(row.ratio)),
                ("scx_meta", |row| rate(row.multi)),
                ("only it", |row| rate(row.single)),
                ("ratio", |row| row.ratio.show()),
                ("95 %", |row| row.ratio.range("–")),
                ("pairs", |row| row.multi.all.n.to_string()),
            ],
        );
        let mut text = format!("\nEnd to end, throughput:\n{table}\n");
        let (within, below): (Vec<_>, Vec<_>) = compared.iter().partition(|row| row.is_within());
        for row in below {
            text.push_str(&format!("BELOW {LIMIT}: {}\n", name(row.ratio)));
        }
        for row in within.iter().filter(|row| row.ratio.about.low < LIMIT) {
            text.push_str(&format!(
                "Not certain to be {LIMIT} or more: {}, lower bound {}\n",
                name(row.ratio),
                (RATIO.show)(row.ratio.about.low)
            ));
        }
        text
    }

    pub(super) fn figure(&self, footnote: &str) -> Result<File> {
        let ratios = self.ratios();
        let workloads = ratios.values("workload");
        let workload = |row: &Row| workloads.iter().position(|of| *of == row.key("workload"));
        let bars = Bars {
            title: "Throughput: scx_meta pinned to a policy ÷ a build of that policy alone",
            axis: Axis::linear("ratio, median of pairs", RATIO.tick),
            bars: ratios.bars(name, |row| workload(row).unwrap_or_default()),
            limit: Some((LIMIT, "0.98")),
        };
        bars.file("overhead-end-to-end.svg", footnote)
    }
}

impl Compared<'_> {
    fn is_within(&self) -> bool {
        self.ratio.about.estimate >= LIMIT
    }

    fn json(&self) -> Value {
        json!({
            "workload": self.ratio.key("workload"),
            "policy": self.ratio.key("policy"),
            "unit": self.ratio.key("unit"),
            "multi": self.multi.all,
            "single": self.single.all,
            "ratio": self.ratio.about,
            "pairs": self.multi.all.n,
            "within_limit": self.is_within(),
        })
    }
}

fn name(row: &Row) -> String {
    format!("{} / {}", row.key("workload"), row.key("policy"))
}

fn rate(row: &Row) -> String {
    format!("{} {}", (COUNT.show)(row.all.median), row.key("unit"))
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
