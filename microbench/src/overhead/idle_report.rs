// SPDX-License-Identifier: GPL-2.0-only
//! The report on an idle machine: table, JSON, figure.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use evidence::figure::ruler::{Axis, Scale};
use evidence::figure::{Bar, Bars};
use evidence::sample;
use evidence::sample::{Interval, Statistic};
use evidence::table::Table;
use serde_json::{json, Value};

use super::contender::Contender;
use super::data::Look;

/// One contender.
struct Row {
    contender: Contender,
    looks: usize,
    timer_interrupts: Interval,
    context_switches: Interval,
}

/// The report.
pub struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// Makes it.
    pub fn of(looks: &[Look]) -> Result<Self> {
        let mut by: BTreeMap<Contender, Vec<&Look>> = BTreeMap::new();
        for look in looks {
            by.entry(look.contender).or_default().push(look);
        }
        let rows = by.into_iter().map(|(contender, looks)| {
            let median = |value: fn(&Look) -> f64| {
                let blocks: Vec<_> = looks.iter().map(|look| vec![value(look)]).collect();
                sample::interval(&blocks, Statistic::Median)
            };
            Ok(Row {
                contender,
                looks: looks.len(),
                timer_interrupts: median(|look| look.timer_interrupts_per_second)?,
                context_switches: median(|look| look.context_switches_per_second)?,
            })
        });
        let mut rows: Vec<Row> = rows.collect::<Result<_>>()?;
        // The kernel's own scheduler first: it is what the others add to.
        rows.sort_by_key(|row| row.contender != Contender::Kernel);
        Ok(Self { rows })
    }

    /// The values for the JSON file.
    pub fn details(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            json!({
                "contender": row.contender,
                "n": row.looks,
                "timer_interrupts_per_second": row.timer_interrupts,
                "context_switches_per_second": row.context_switches,
            })
        });
        rows.collect()
    }

    /// The table.
    pub fn text(&self) -> String {
        let mut table = Table::new([
            "idle machine",
            "timer interrupts/s",
            "95 %",
            "context switches/s",
            "95 %",
            "looks",
        ]);
        for row in &self.rows {
            let [timer, switches] = [row.timer_interrupts, row.context_switches];
            let bounds =
                |interval: Interval| format!("{}–{}", rate(interval.low), rate(interval.high));
            table.row([
                row.contender.name().to_string(),
                rate(timer.estimate),
                bounds(timer),
                rate(switches.estimate),
                bounds(switches),
                row.looks.to_string(),
            ]);
        }
        format!("\nIdle, all CPUs together:\n{table}\n")
    }

    /// The figure.
    pub fn save(&self, folder: &Path, footnote: &str) -> Result<()> {
        let bars = self.rows.iter().map(|row| Bar {
            label: row.contender.name().into(),
            value: row.timer_interrupts,
            group: 0,
        });
        let bars = Bars {
            title: "Timer interrupts of an idle machine",
            axis: Axis {
                label: "a second, all CPUs together",
                scale: Scale::Linear,
                format: rate,
            },
            bars: bars.collect(),
            limit: None,
        };
        bars.save(&folder.join("overhead-idle.svg"), footnote)
    }
}

fn rate(per_second: f64) -> String {
    format!("{per_second:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_own_scheduler_comes_first() {
        let look = |contender, timer_interrupts_per_second| Look {
            contender,
            timer_interrupts_per_second,
            context_switches_per_second: 1.0,
        };
        let looks = [
            look(Contender::Multi, 22.0),
            look(Contender::Kernel, 12.0),
            look(Contender::Kernel, 14.0),
            look(Contender::Kernel, 13.0),
        ];
        let report = Report::of(&looks).unwrap();
        assert_eq!(report.rows[0].timer_interrupts.estimate, 13.0);
        assert_eq!(report.details()[0]["n"], 3);
        assert_eq!(report.details()[1]["contender"], "multi");
    }
}
