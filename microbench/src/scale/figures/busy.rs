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
use crate::scale::record::Record;

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

pub(super) struct Busy {
    rows: Vec<Row>,
}

impl Busy {
    pub(super) fn of(raws: &[Raw<Record>]) -> Result<Self> {
        let mut rows = Vec::new();
        for (_, record) in records(raws) {
            if let Some(row) = row(record)? {
                rows.push(row);
            }
        }
        ensure!(!rows.is_empty(), "raw data has no busy tasks (part `busy`)");
        Ok(Self { rows })
    }

    pub(super) fn json(&self) -> Value {
        json!(self.rows)
    }
}

fn row(record: &Record) -> Result<Option<Row>> {
    let Record::Busy {
        handover,
        hogs,
        flips,
        turns,
        longest_wait_ns,
        handed_in,
        handover_ns,
        entered,
        left,
    } = record
    else {
        return Ok(None);
    };
    let what = || format!("{hogs} busy tasks, {handover}");
    let flip_ns: Vec<f64> = flips.iter().map(|flip| flip.flip_ns as f64).collect();
    let batch_ns: Vec<f64> = flips.iter().map(|flip| flip.handover_ns as f64).collect();
    Ok(Some(Row {
        handover: handover.clone(),
        hogs: *hogs,
        flip_ns: Summary::of(&flip_ns).with_context(what)?,
        first_batch_ns: Summary::of(&batch_ns).with_context(what)?,
        handed_in: *handed_in,
        handover_ns_per_task: (*handed_in > 0).then(|| *handover_ns as f64 / *handed_in as f64),
        turns: Turns::of(turns).with_context(what)?,
        longest_wait_ns: *longest_wait_ns,
        entered: *entered,
        left: *left,
    }))
}

impl fmt::Display for Busy {
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
    use crate::scale::record::{Flip, OwnedTurn};

    #[test]
    fn what_is_unaccounted_is_shown() {
        let record = Record::Busy {
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
        let row = row(&record).unwrap().unwrap();
        assert_eq!(row.handover_ns_per_task, Some(2000.0));
        let text = Busy { rows: vec![row] }.to_string();
        let line = text.lines().find(|line| line.contains("400")).unwrap();
        assert!(line.trim_end().ends_with(" 3"), "{text}");
    }
}
