// SPDX-License-Identifier: GPL-2.0-only
//! The policy in charge and the CPUs that it gets in each turn, at each period.

use std::cmp::Reverse;
use std::fmt;

use anyhow::{ensure, Context, Result};
use evidence::figure::ruler::Axis;
use evidence::figure::{Lines, Series};
use evidence::files::File;
use evidence::raw::Raw;
use evidence::sample::{self, Interval, Statistic, Summary};
use evidence::spec::{range, PART};
use evidence::table::{self, Table};
use serde::Serialize;
use serde_json::{json, Map, Value};

use super::{period_name, period_ns, records};
use crate::scale::record::{OwnedTurn, Record};

/// An owner has its turn with this much of its CPU time…
const OWN: f64 = 0.5;
/// … and is wanted to have it in so many turns of 100 ms.
const WANTED: f64 = 0.95;

#[derive(Clone, Debug, Serialize)]
pub(super) struct Turns {
    /// Turns in which something ran.
    pub(super) turns: usize,
    /// Of these, in which the owner got at least half.
    pub(super) owned: Interval,
    /// Until a task of the policy ran; where one ever did.
    pub(super) first_ns: Option<Summary>,
    /// Until such ran on most CPUs; where they ever did.
    pub(super) most_ns: Option<Summary>,
}

impl Turns {
    pub(super) fn of(turns: &[OwnedTurn]) -> Result<Self> {
        let shares = turns.iter().filter_map(|turn| turn.share);
        let owned: Vec<Vec<f64>> = shares
            .map(|share| vec![f64::from(u8::from(share >= OWN))])
            .collect();
        let times = |get: fn(&OwnedTurn) -> u64| -> Result<Option<Summary>> {
            let times = turns.iter().map(get).filter(|ns| *ns > 0);
            let times: Vec<f64> = times.map(|ns| ns as f64).collect();
            match times.is_empty() {
                true => Ok(None),
                false => Summary::of(&times).map(Some),
            }
        };
        Ok(Self {
            turns: owned.len(),
            owned: sample::interval(&owned, Statistic::Mean)?,
            first_ns: times(|turn| turn.first_ns)?,
            most_ns: times(|turn| turn.most_ns)?,
        })
    }

    /// Of all turns, those in which most CPUs came to run the policy's tasks.
    pub(super) fn adopted(&self) -> f64 {
        self.most_ns.map_or(0.0, |most| most.n as f64) / self.turns as f64
    }
}

/// One period under one way of handing over.
struct Row {
    handover: String,
    period_us: u64,
    turns: Turns,
    longest_wait_ns: u64,
}

/// Longer periods come first.
pub(super) struct Owners {
    rows: Vec<Row>,
    hogs: usize,
}

impl Owners {
    pub(super) fn of(raws: &[Raw<Record>]) -> Result<Self> {
        let mut rows = Vec::new();
        let mut most = 0;
        for (_, record) in records(raws) {
            let Record::Owner(owner) = record else {
                continue;
            };
            rows.push(Row {
                handover: owner.handover.clone(),
                period_us: owner.period_us,
                turns: Turns::of(&owner.turns)
                    .with_context(|| format!("turns of {}", period_name(owner.period_us)))?,
                longest_wait_ns: owner.longest_wait_ns,
            });
            most = most.max(owner.hogs);
        }
        rows.sort_by_key(|row| (row.handover.clone(), Reverse(row.period_us)));
        let owners = Self { rows, hogs: most };
        ensure!(
            owners.by_handover().count() > 1,
            "raw data does not compare who owns turns (part `owners`)"
        );
        Ok(owners)
    }

    fn by_handover(&self) -> impl Iterator<Item = &[Row]> {
        self.rows.chunk_by(|a, b| a.handover == b.handover)
    }

    pub(super) fn json_share(&self) -> Value {
        self.by_period(|row| json!(row.turns.owned.estimate))
    }

    pub(super) fn json(&self) -> Value {
        self.by_period(|row| json!({"turns": row.turns, "longest_wait_ns": row.longest_wait_ns}))
    }

    fn by_period(&self, value: impl Fn(&Row) -> Value) -> Value {
        let mut all = Map::new();
        for row in &self.rows {
            let period = all.entry(period_name(row.period_us));
            period.or_insert_with(|| json!({}))[&row.handover] = value(row);
        }
        Value::Object(all)
    }

    pub(super) fn figure(&self, footnote: &str) -> Result<File> {
        let series = self.by_handover().map(|rows| {
            let points = rows.iter();
            let points = points.map(|row| (period_ns(row.period_us), row.turns.owned));
            Series {
                name: format!("scx_meta, {}", rows[0].handover),
                points: points.collect(),
            }
        });
        Lines {
            title: &format!(
                "Turns in which the policy in charge got half of the CPU time, {} busy tasks",
                self.hogs
            ),
            x: Axis::log(
                "a whole rotation of fifo and vtime (log scale)",
                table::brief_time_ns,
            ),
            y: Axis::linear("part of all turns", table::percent),
            series: series.collect(),
            limit: Some((WANTED, "wanted at 200 ms")),
        }
        .file("scale-owners.svg", footnote)
    }
}

/// `-` where it never happened.
pub(super) fn time(summary: Option<Summary>, get: fn(&Summary) -> f64) -> String {
    summary.map_or("-".into(), |summary| table::time_ns(get(&summary)))
}

impl fmt::Display for Owners {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let head = format!("rotation, {} busy tasks", self.hogs);
        let table = Table::list(
            &self.rows,
            [
                (&head, |row| period_name(row.period_us)),
                ("", |row| row.handover.clone()),
                ("turns", |row| table::count(row.turns.turns as u64)),
                ("owned", |row| table::percent(row.turns.owned.estimate)),
                ("95 %", |row| range(row.turns.owned, PART, " to ")),
                ("first task", |row| {
                    time(row.turns.first_ns, |first| first.median)
                }),
                ("most CPUs, median", |row| {
                    time(row.turns.most_ns, |most| most.median)
                }),
                ("p90", |row| time(row.turns.most_ns, |most| most.p90)),
                ("reached", |row| table::percent(row.turns.adopted())),
                ("longest wait", |row| {
                    table::time_ns(row.longest_wait_ns as f64)
                }),
            ],
        );
        writeln!(f, "{table}")?;
        writeln!(
            f,
            "most CPUs: from the flip until 95 % of the CPUs in use ran its tasks, where that was \
             reached."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(share: Option<f64>, most_ns: u64) -> OwnedTurn {
        OwnedTurn {
            share,
            first_ns: 7,
            most_ns,
        }
    }

    #[test]
    fn half_of_the_time_makes_an_owner_and_idle_turns_do_not_count() {
        let turns = [
            turn(Some(0.5), 10),
            turn(Some(0.49), 0),
            turn(Some(0.9), 30),
            turn(Some(1.0), 20),
            turn(None, 0),
        ];
        let turns = Turns::of(&turns).unwrap();
        assert_eq!((turns.turns, turns.owned.estimate), (4, 0.75));
        assert_eq!(turns.most_ns.unwrap().median, 20.0);
        assert_eq!(turns.adopted(), 0.75);
    }

    #[test]
    fn turns_in_which_nothing_ran_are_an_error() {
        assert!(Turns::of(&[turn(None, 0)]).is_err());
    }
}
