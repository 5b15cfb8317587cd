// SPDX-License-Identifier: GPL-2.0-only
//! How much work is left at each period: throughput ÷ the mean of the same policies pinned, since
//! all have equal shares.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{ensure, Context, Result};
use evidence::figure::ruler::{Axis, Scale};
use evidence::figure::{Lines, Series};
use evidence::provenance::Measured;
use evidence::raw::Raw;
use evidence::sample::{Interval, Summary};
use evidence::table::Table;
use evidence::{sample, table};
use serde_json::{json, Value};

use super::{period_name, period_ns, Folder};
use crate::scale::record::Record;

const REPLACEMENT: &str = "replacement";
/// In the order of the table.
const WAYS: [&str; 4] = ["drain", "adopt", "identical", REPLACEMENT];

/// By way, then by period.
type Table2<T> = BTreeMap<String, BTreeMap<u64, T>>;

/// Work that is left, as a part of what pinned policies do.
pub struct Retained {
    /// Of rotations of two policies.
    two: Table2<Interval>,
    /// Of all policies.
    all: Table2<Interval>,
    /// The fraction of the time in which a replaced scheduler was in charge at all.
    in_charge: BTreeMap<u64, f64>,
    /// Requests a second of each pinned policy.
    pinned: BTreeMap<(String, String), Vec<f64>>,
}

/// One line of raw data.
#[derive(Clone, Copy)]
struct Work<'a> {
    round: usize,
    way: &'a str,
    policies: &'a [String],
    period_us: u64,
    per_s: f64,
    in_charge: f64,
}

impl Retained {
    pub fn of(raws: &[Raw<Record>]) -> Result<Self> {
        let mut retained = Self {
            two: BTreeMap::new(),
            all: BTreeMap::new(),
            in_charge: BTreeMap::new(),
            pinned: BTreeMap::new(),
        };
        let (mut two, mut all): (Table2<Vec<_>>, Table2<Vec<_>>) = Default::default();
        // Boots are not compared with each other.
        for raw in raws {
            let works: Vec<Work> = raw.records.iter().filter_map(work).collect();
            for work in &works {
                if work.period_us == 0 {
                    let key = (work.way.to_owned(), work.policies.concat());
                    retained.pinned.entry(key).or_default().push(work.per_s);
                    continue;
                }
                let to = match work.policies.len() {
                    2 => &mut two,
                    _ => &mut all,
                };
                let pairs = to.entry(work.way.into()).or_default();
                let pairs = pairs.entry(work.period_us).or_default();
                pairs.push((work.per_s, pinned_mean(&works, work)?));
                if work.way == REPLACEMENT {
                    retained.in_charge.insert(work.period_us, work.in_charge);
                }
            }
        }
        for way in WAYS {
            ensure!(
                two.contains_key(way),
                "raw data has no throughput of turns by way of {way} (part `period`)"
            );
        }
        retained.two = intervals(&two)?;
        retained.all = intervals(&all)?;
        Ok(retained)
    }

    pub fn measured(&self) -> Result<Vec<Measured>> {
        let pinned = self.pinned.iter();
        pinned
            .map(|((way, policy), per_s)| {
                Ok(Measured::of(
                    format!("requests/s, {policy} pinned ({way})"),
                    &Summary::of(per_s)?,
                ))
            })
            .collect()
    }

    pub fn json(&self) -> Value {
        by_period(&self.two, &self.in_charge)
    }

    pub fn json_all(&self) -> Value {
        by_period(&self.all, &BTreeMap::new())
    }

    pub fn save(&self, to: &Folder) -> Result<()> {
        let series = WAYS.iter().map(|&way| {
            let points = self.two.get(way).with_context(|| way.to_owned())?;
            let points = points.iter().map(|(us, part)| (period_ns(*us), *part));
            Ok(Series {
                name: match way {
                    "identical" => "identical policies".into(),
                    REPLACEMENT => "process replacement".into(),
                    _ => format!("scx_meta, {way}"),
                },
                points: points.collect(),
            })
        });
        to.lines(
            "scale-retained.svg",
            &Lines {
                title: "Throughput that is left, by turns of fifo and vtime",
                x: Axis {
                    label: "a whole rotation (log scale)",
                    scale: Scale::Log,
                    format: table::brief_time_ns,
                },
                y: Axis {
                    label: "throughput ÷ the same policies pinned",
                    scale: Scale::Linear,
                    format: |part| format!("{part:.2}"),
                },
                series: series.collect::<Result<_>>()?,
                limit: Some((1.0, "pinned")),
            },
        )
    }
}

fn work(record: &Record) -> Option<Work<'_>> {
    let Record::Work {
        round,
        way,
        policies,
        period_us,
        wall_ns,
        answered,
        in_charge,
    } = record
    else {
        return None;
    };
    Some(Work {
        round: *round,
        way,
        policies,
        period_us: *period_us,
        per_s: *answered as f64 / *wall_ns as f64 * 1e9,
        in_charge: *in_charge,
    })
}

/// Throughput of the policies that take turns in `work`, each pinned in the same round.
fn pinned_mean(works: &[Work], work: &Work) -> Result<f64> {
    let mut sum = 0.0;
    for policy in work.policies {
        let pinned = works.iter().find(|other| {
            other.round == work.round
                && other.way == work.way
                && other.period_us == 0
                && other.policies == std::slice::from_ref(policy)
        });
        let pinned = pinned.with_context(|| {
            format!(
                "raw data has no throughput of {policy} pinned, {}, round {}",
                work.way, work.round
            )
        })?;
        sum += pinned.per_s;
    }
    Ok(sum / work.policies.len() as f64)
}

fn intervals(pairs: &Table2<Vec<(f64, f64)>>) -> Result<Table2<Interval>> {
    let ways = pairs.iter().map(|(way, periods)| {
        let periods = periods
            .iter()
            .map(|(us, pairs)| Ok((*us, sample::paired_ratio(pairs)?)));
        Ok((way.clone(), periods.collect::<Result<_>>()?))
    });
    ways.collect()
}

fn periods(parts: &Table2<Interval>) -> Vec<u64> {
    let mut periods: Vec<u64> = parts.values().flat_map(|of| of.keys().copied()).collect();
    periods.sort_unstable_by(|a, b| b.cmp(a));
    periods.dedup();
    periods
}

fn by_period(parts: &Table2<Interval>, in_charge: &BTreeMap<u64, f64>) -> Value {
    let rows = periods(parts).into_iter().map(|us| {
        let ways = parts.iter();
        let mut row: serde_json::Map<_, _> = ways
            .map(|(way, periods)| (way.clone(), json!(periods.get(&us))))
            .collect();
        if let Some(part) = in_charge.get(&us) {
            row.insert("replacement_in_charge".into(), json!(part));
        }
        (period_name(us), Value::Object(row))
    });
    Value::Object(rows.collect())
}

impl fmt::Display for Retained {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (what, parts) in [("fifo, vtime", &self.two), ("all policies", &self.all)] {
            let heads = [format!("throughput left, {what}")];
            let heads = heads.iter().map(|head| &**head).chain(WAYS);
            let mut table = Table::new(heads.chain(["in charge"]));
            for us in periods(parts) {
                let cells = WAYS.iter().map(|way| {
                    let part = parts.get(*way).and_then(|periods| periods.get(&us));
                    part.map_or("-".into(), shown)
                });
                let in_charge = match what {
                    "fifo, vtime" => self.in_charge.get(&us),
                    _ => None,
                };
                let in_charge = in_charge.map_or("-".into(), |part| table::percent(*part));
                table.row(
                    [period_name(us)]
                        .into_iter()
                        .chain(cells)
                        .chain([in_charge]),
                );
            }
            writeln!(f, "{table}")?;
        }
        writeln!(
            f,
            "identical: two policies that are the same, so that only the switch is left.\n\
             in charge: the part of the time in which a replaced scheduler was there at all; in \
             the\nrest the kernel's own did the work."
        )
    }
}

fn shown(part: &Interval) -> String {
    let Interval {
        estimate,
        low,
        high,
    } = part;
    format!("{estimate:.3} ({low:.3} to {high:.3})")
}

#[cfg(test)]
mod tests {
    use labkit::machine::Machine;

    use super::*;

    fn work(round: usize, way: &str, policies: &[&str], period_us: u64, answered: u64) -> Record {
        Record::Work {
            round,
            way: way.into(),
            policies: policies.iter().map(|&name| name.into()).collect(),
            period_us,
            wall_ns: 1_000_000_000,
            answered,
            in_charge: 0.5,
        }
    }

    const PAIR: [&str; 2] = ["fifo", "vtime"];

    fn records() -> Vec<Record> {
        let mut records = Vec::new();
        for way in ["drain", "adopt", "identical"] {
            records.push(work(0, way, &["fifo"], 0, 800));
            records.push(work(0, way, &["vtime"], 0, 1200));
            records.push(work(0, way, &PAIR, 400_000, 900));
            // A round on a slower machine: its own baseline counts.
            records.push(work(1, way, &["fifo"], 0, 400));
            records.push(work(1, way, &["vtime"], 0, 600));
            records.push(work(1, way, &PAIR, 400_000, 450));
        }
        records.push(work(0, REPLACEMENT, &["fifo"], 0, 800));
        records.push(work(0, REPLACEMENT, &["vtime"], 0, 1200));
        records.push(work(0, REPLACEMENT, &PAIR, 4_000_000, 500));
        records
    }

    fn retained(records: Vec<Record>) -> Result<Retained> {
        Retained::of(&[Raw {
            machine: Machine {
                kernel: "6.18".into(),
                accel: "tcg".into(),
                cpus: 2,
                clock: labkit::clock::Clock::Serial,
            },
            records,
        }])
    }

    #[test]
    fn rotations_are_compared_with_the_mean_of_their_own_round() {
        let json = retained(records()).unwrap().json();
        assert_eq!(json["400ms"]["drain"]["estimate"], 0.9);
        assert_eq!(json["400ms"]["drain"]["high"], 0.9);
        assert_eq!(json["4000ms"][REPLACEMENT]["estimate"], 0.5);
        assert_eq!(json["4000ms"]["replacement_in_charge"], 0.5);
        assert_eq!(json["4000ms"]["adopt"], Value::Null);
    }

    #[test]
    fn what_was_not_measured_is_named() {
        let error = |records| format!("{:#}", retained(records).err().unwrap());
        let mut without = records();
        without.pop();
        assert!(error(without).contains("by way of replacement"));
        let without = records().split_off(1);
        assert!(error(without).contains("fifo pinned, drain, round 0"));
    }
}
