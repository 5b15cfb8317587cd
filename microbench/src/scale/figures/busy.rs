// SPDX-License-Identifier: GPL-2.0-only
//! Many busy tasks: cost, adoption, and whether everybody was accounted for.

use std::fmt;

use anyhow::{ensure, Context, Result};
use evidence::raw::Raw;
use evidence::sample::Summary;
use evidence::table::{self, Table};
use serde::Serialize;
use serde_json::{json, Value};

use super::owners::{time, Turns};
use super::records;
use crate::scale::record::{Busy, Flip, Record};

/// One number of tasks under one way of handing over.
#[derive(Serialize)]
struct Row {
    handover: String,
    hogs: usize,
    flip_ns: Summary,
    first_batch_ns: Summary,
    handed_in: u64,
    handover_ns_per_task: Option<f64>,
    turns: Turns,
    longest_wait_ns: u64,
    entered: u64,
    left: u64,
}

pub(super) struct Report {
    rows: Vec<Row>,
}

impl Report {
    pub(super) fn of(raws: &[Raw<Record>]) -> Result<Self> {
        let mut rows = Vec::new();
        for (_, record) in records(raws) {
            if let Record::Busy(busy) = record {
                rows.push(row(busy)?);
            }
        }
        ensure!(!rows.is_empty(), "raw data has no busy tasks (part `busy`)");
        Ok(Self { rows })
    }

    pub(super) fn json(&self) -> Value {
        json!(self.rows)
    }
}

fn row(busy: &Busy) -> Result<Row> {
    let what = || format!("{} busy tasks, {}", busy.hogs, busy.handover);
    let sum_up = |get: fn(&Flip) -> u64| {
        let ns: Vec<f64> = busy.flips.iter().map(|flip| get(flip) as f64).collect();
        Summary::of(&ns).with_context(what)
    };
    let per_task = || busy.handover_ns as f64 / busy.handed_in as f64;
    Ok(Row {
        handover: busy.handover.clone(),
        hogs: busy.hogs,
        flip_ns: sum_up(|flip| flip.flip_ns)?,
        first_batch_ns: sum_up(|flip| flip.handover_ns)?,
        handed_in: busy.handed_in,
        handover_ns_per_task: (busy.handed_in > 0).then(per_task),
        turns: Turns::of(&busy.turns).with_context(what)?,
        longest_wait_ns: busy.longest_wait_ns,
        entered: busy.entered,
        left: busy.left,
    })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let table = Table::list(
            &self.rows,
            [
                ("busy tasks, turns of 100 ms", |row| {
                    table::count(row.hogs as u64)
                }),
                ("", |row| row.handover.clone()),
                ("flips", |row| table::count(row.flip_ns.n as u64)),
                ("flip, median", |row| table::time_ns(row.flip_ns.median)),
                ("max", |row| table::time_ns(row.flip_ns.max)),
                ("first batch, max", |row| {
                    table::time_ns(row.first_batch_ns.max)
                }),
                ("a task", |row| {
                    row.handover_ns_per_task.map_or("-".into(), table::time_ns)
                }),
                ("most CPUs", |row| {
                    time(row.turns.most_ns, |most| most.median)
                }),
                ("owned", |row| table::percent(row.turns.owned.estimate)),
                ("longest wait", |row| {
                    table::time_ns(row.longest_wait_ns as f64)
                }),
                ("unaccounted", |row| {
                    table::count(row.entered.abs_diff(row.left))
                }),
            ],
        );
        writeln!(f, "{table}")?;
        writeln!(
            f,
            "unaccounted: |enqueued + handed in - ran - removed - handed out|, once all was quiet."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scale::record::OwnedTurn;

    #[test]
    fn what_is_unaccounted_is_shown() {
        let record = Busy {
            handover: "adopt".into(),
            hogs: 400,
            flips: vec![Flip {
                from: "fifo".into(),
                to: "vtime".into(),
                flip_ns: 800,
                handover_ns: 60_000,
            }],
            turns: vec![OwnedTurn {
                share: Some(0.9),
                first_ns: 1,
                most_ns: 2,
            }],
            longest_wait_ns: 4_000_000_000,
            handed_in: 32,
            handover_ns: 64_000,
            entered: 105,
            left: 102,
        };
        let row = row(&record).unwrap();
        assert_eq!(row.handover_ns_per_task, Some(2000.0));
        let text = Report { rows: vec![row] }.to_string();
        let line = text.lines().find(|line| line.contains("400")).unwrap();
        assert!(line.trim_end().ends_with(" 3"), "{text}");
    }
}
