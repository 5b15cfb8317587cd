// SPDX-License-Identifier: GPL-2.0-only
//! The report on an idle machine: table, JSON, figure.

use anyhow::Result;
use evidence::figure::ruler::Axis;
use evidence::figure::Bars;
use evidence::files::File;
use evidence::sample::Statistic;
use evidence::spec::{case, Blocks, Row, Rows, Sample, Spec, PER_SECOND};
use evidence::table::Table;
use serde_json::{json, Value};

use super::contender::Contender;
use super::record::Look;

const SPEC: Spec = Spec {
    by: &["contender", "name", "count"],
    blocks: Blocks::Of(1),
    statistic: Statistic::Median,
};

const TIMER: &str = "timer_interrupts_per_second";
const SWITCHES: &str = "context_switches_per_second";

pub(super) struct Report {
    rows: Vec<Row>,
}

impl Report {
    pub(super) fn of(looks: &[Look]) -> Result<Self> {
        let mut looks: Vec<&Look> = looks.iter().collect();
        // The kernel's own scheduler first: it is what the others add to.
        looks.sort_by_key(|look| (look.contender != Contender::Kernel, look.contender));
        let samples = looks.into_iter().flat_map(|look| {
            let counts = [
                (TIMER, look.timer_interrupts),
                (SWITCHES, look.context_switches),
            ];
            counts.map(|(count, sum)| {
                let case = case(&[
                    ("contender", &look.contender.key()),
                    ("name", look.contender.name()),
                    ("count", count),
                ]);
                Sample::new(PER_SECOND, case, [sum as f64 / look.seconds])
            })
        });
        Ok(Self {
            rows: SPEC.rows(&samples.collect::<Vec<_>>())?,
        })
    }

    fn contenders(&self) -> Vec<Rows<'_>> {
        Rows::all(&self.rows).split(&["contender"])
    }

    pub(super) fn details(&self) -> Value {
        let contenders = self.contenders().into_iter().map(|rows| {
            let mut json = rows.nested(&["count"], &|row| json!(row.about));
            json["contender"] = json!(rows.key("contender"));
            json["n"] = json!(rows.0[0].all.n);
            json
        });
        contenders.collect()
    }

    pub(super) fn text(&self) -> String {
        let cell = |rows: &Rows, count, show: fn(&Row) -> String| {
            rows.find(&[("count", count)]).map_or(String::new(), show)
        };
        let mut table = Table::new([
            "idle machine",
            "timer interrupts/s",
            "95 %",
            "context switches/s",
            "95 %",
            "looks",
        ]);
        for rows in self.contenders() {
            table.row([
                rows.key("name").into(),
                cell(&rows, TIMER, Row::show),
                cell(&rows, TIMER, |row| row.range("–")),
                cell(&rows, SWITCHES, Row::show),
                cell(&rows, SWITCHES, |row| row.range("–")),
                rows.0[0].all.n.to_string(),
            ]);
        }
        format!("\nIdle, all CPUs together:\n{table}\n")
    }

    pub(super) fn figure(&self, footnote: &str) -> Result<File> {
        let timer = Rows::all(&self.rows).of(&[("count", TIMER)]);
        let bars = Bars {
            title: "Timer interrupts of an idle machine",
            axis: Axis::linear("a second, all CPUs together", PER_SECOND.tick),
            bars: timer.bars(|row| row.key("name").into(), |_| 0),
            limit: None,
        };
        bars.file("overhead-idle.svg", footnote)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_own_scheduler_comes_first() {
        let look = |contender, timer_interrupts| Look {
            contender,
            round: 0,
            seconds: 2.0,
            timer_interrupts,
            context_switches: 1,
        };
        let looks = [
            look(Contender::Multi, 44),
            look(Contender::Kernel, 24),
            look(Contender::Kernel, 28),
            look(Contender::Kernel, 26),
        ];
        let report = Report::of(&looks).unwrap();
        let kernel = &report.details()[0];
        assert_eq!(kernel["timer_interrupts_per_second"]["estimate"], 13.0);
        assert_eq!(
            (&kernel["contender"], &kernel["n"]),
            (&json!("kernel"), &json!(3))
        );
        assert_eq!(report.details()[1]["contender"], "multi");
    }
}
