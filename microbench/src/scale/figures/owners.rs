// SPDX-License-Identifier: GPL-2.0-only
//! Who gets the CPUs of a saturated machine in each turn, at each period.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{ensure, Context, Result};
use evidence::figure::ruler::{Axis, Scale};
use evidence::figure::{Lines, Series};
use evidence::raw::Raw;
use evidence::sample::{Interval, Statistic, Summary};
use evidence::table::Table;
use evidence::{sample, table};
use serde::Serialize;
use serde_json::{json, Value};

use super::{period_name, period_ns, records, Folder};
use crate::scale::record::{OwnedTurn, Record};

/// An owner has its turn with this much of its CPU time…
const OWN: f64 = 0.5;
/// … and is wanted to have it in so many turns of 100 ms.
const WANTED: f64 = 0.95;

/// What turns of one length were like.
#[derive(Clone, Debug, Serialize)]
pub struct Turns {
    /// Turns in which something ran.
    pub turns: usize,
    /// Of these, in which the owner got at least half.
    pub owned: Interval,
    /// Until a task of the policy ran; where one ever did.
    pub first_ns: Option<Summary>,
    /// Until such ran on most CPUs; where they ever did.
    pub most_ns: Option<Summary>,
}

impl Turns {
    pub fn of(turns: &[OwnedTurn]) -> Result<Self> {
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
    pub fn adopted(&self) -> f64 {
        self.most_ns.map_or(0.0, |most| most.n as f64) / self.turns as f64
    }
}

/// By way of handing over, then by period.
pub struct Owners {
    by: BTreeMap<String, BTreeMap<u64, (Turns, u64)>>,
    hogs: usize,
}

impl Owners {
    pub fn of(raws: &[Raw<Record>]) -> Result<Self> {
        let mut by: BTreeMap<String, BTreeMap<u64, (Turns, u64)>> = BTreeMap::new();
        let mut most = 0;
        for (_, record) in records(raws) {
            if let Record::Owner {
                handover,
                period_us,
                hogs,
                turns,
                longest_wait_ns,
            } = record
            {
                let turns = Turns::of(turns)
                    .with_context(|| format!("turns of {}", period_name(*period_us)))?;
                let periods = by.entry(handover.clone()).or_default();
                periods.insert(*period_us, (turns, *longest_wait_ns));
                most = most.max(*hogs);
            }
        }
        ensure!(
            by.len() > 1,
            "raw data does not compare who owns turns (part `owners`)"
        );
        Ok(Self { by, hogs: most })
    }

    pub fn json_share(&self) -> Value {
        self.by_period(|turns, _| json!(turns.owned.estimate))
    }

    pub fn json(&self) -> Value {
        self.by_period(
            |turns, longest_wait_ns| json!({"turns": turns, "longest_wait_ns": longest_wait_ns}),
        )
    }

    fn by_period(&self, value: impl Fn(&Turns, u64) -> Value) -> Value {
        let mut all = serde_json::Map::new();
        for (handover, periods) in &self.by {
            for (us, (turns, wait)) in periods.iter().rev() {
                let row = all.entry(period_name(*us)).or_insert_with(|| json!({}));
                row[handover] = value(turns, *wait);
            }
        }
        Value::Object(all)
    }

    pub fn save(&self, to: &Folder) -> Result<()> {
        let series = self.by.iter().map(|(handover, periods)| Series {
            name: format!("scx_meta, {handover}"),
            points: periods
                .iter()
                .map(|(us, (turns, _))| (period_ns(*us), turns.owned))
                .collect(),
        });
        to.lines(
            "scale-owners.svg",
            &Lines {
                title: &format!(
                    "Turns in which the policy in charge got half of the CPU time, {} busy tasks",
                    self.hogs
                ),
                x: Axis {
                    label: "a whole rotation of fifo and vtime (log scale)",
                    scale: Scale::Log,
                    format: table::brief_time_ns,
                },
                y: Axis {
                    label: "part of all turns",
                    scale: Scale::Linear,
                    format: table::percent,
                },
                series: series.collect(),
                limit: Some((WANTED, "wanted at 200 ms")),
            },
        )
    }
}

impl fmt::Display for Owners {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let head = format!("rotation, {} busy tasks", self.hogs);
        let mut table = Table::new([
            &*head,
            "",
            "turns",
            "owned",
            "95 %",
            "first task",
            "most CPUs, median",
            "p90",
            "reached",
            "longest wait",
        ]);
        for (handover, periods) in &self.by {
            for (us, (turns, wait)) in periods.iter().rev() {
                let time = |summary: Option<Summary>, get: fn(&Summary) -> f64| {
                    summary.map_or("-".into(), |summary| table::time_ns(get(&summary)))
                };
                table.row([
                    period_name(*us),
                    handover.clone(),
                    table::count(turns.turns as u64),
                    table::percent(turns.owned.estimate),
                    format!(
                        "{} to {}",
                        table::percent(turns.owned.low),
                        table::percent(turns.owned.high)
                    ),
                    time(turns.first_ns, |first| first.median),
                    time(turns.most_ns, |most| most.median),
                    time(turns.most_ns, |most| most.p90),
                    table::percent(turns.adopted()),
                    table::time_ns(*wait as f64),
                ]);
            }
        }
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
