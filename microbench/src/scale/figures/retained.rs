// SPDX-License-Identifier: GPL-2.0-only
//! How much work is left at each period: throughput ÷ the mean of the same policies pinned, since
//! all have equal shares.

use std::cmp::Reverse;
use std::fmt;

use anyhow::{ensure, Context, Result};
use evidence::figure::ruler::Axis;
use evidence::figure::Lines;
use evidence::files::File;
use evidence::provenance::Measured;
use evidence::raw::Raw;
use evidence::sample::Statistic;
use evidence::spec::{case, Blocks, Row, Rows, Sample, Spec, PART, PER_SECOND, RATIO};
use evidence::table;
use serde_json::{json, Map, Value};

use super::{period_name, period_ns};
use crate::scale::record::{Record, Work};

const REPLACEMENT: &str = "replacement";
const WAYS: [&str; 4] = ["drain", "adopt", "identical", REPLACEMENT];
/// The fraction of the time in which a replaced scheduler was in charge at all.
const IN_CHARGE: &str = "in charge";

const TWO: &str = "fifo, vtime";
const ALL: &str = "all policies";

const PINNED: Spec = Spec {
    by: &["way", "policy"],
    blocks: Blocks::Of(1),
    statistic: Statistic::Median,
};

/// Of what pinned policies do.
const LEFT: Spec = Spec {
    by: &["rotation", "way", "period_us", "period"],
    blocks: Blocks::Of(1),
    statistic: Statistic::Median,
};

/// Work that is left, as a part of what pinned policies do.
pub(super) struct Retained {
    pinned: Vec<Row>,
    left: Vec<Row>,
}

impl Retained {
    pub(super) fn of(raws: &[Raw<Record>]) -> Result<Self> {
        let mut samples = Vec::new();
        // Boots are not compared with each other.
        for raw in raws {
            let works = raw.records.iter().filter_map(|record| match record {
                Record::Work(work) => Some(work),
                _ => None,
            });
            let (pinned, turns): (Vec<_>, Vec<_>) = works.partition(|work| work.period_us == 0);
            for work in &pinned {
                let case = case(&[("way", &work.way), ("policy", &work.policies.concat())]);
                samples.push(Sample::new(PER_SECOND, case, [per_s(work)]));
            }
            for work in &turns {
                samples.extend(left(work, &pinned)?);
            }
        }
        let left = LEFT.rows(&samples)?;
        for way in WAYS {
            ensure!(
                Rows::all(&left)
                    .find(&[("rotation", TWO), ("way", way)])
                    .is_some(),
                "raw data has no throughput of turns by way of {way} (part `period`)"
            );
        }
        Ok(Self {
            pinned: PINNED.rows(&samples)?,
            left,
        })
    }

    fn rotation(&self, rotation: &str) -> Rows<'_> {
        let rows = Rows::all(&self.left).of(&[("rotation", rotation)]);
        rows.sorted(|row| Reverse(row.number("period_us")))
    }

    pub(super) fn measured(&self) -> Vec<Measured> {
        let pinned = Rows::all(&self.pinned).sorted(|row| (row.key("way"), row.key("policy")));
        let measured = pinned.0.into_iter().map(|row| {
            let (way, policy) = (row.key("way"), row.key("policy"));
            Measured::of(format!("requests/s, {policy} pinned ({way})"), &row.all)
        });
        measured.collect()
    }

    pub(super) fn json(&self) -> Value {
        by_period(&self.rotation(TWO))
    }

    pub(super) fn json_all(&self) -> Value {
        by_period(&self.rotation(ALL))
    }

    pub(super) fn figure(&self, footnote: &str) -> Result<File> {
        let mut rows = self.rotation(TWO);
        rows.0.retain(|row| row.key("way") != IN_CHARGE);
        let rows = rows.sorted(|row| WAYS.iter().position(|way| *way == row.key("way")));
        let name = |way: &str| match way {
            "identical" => "identical policies".into(),
            REPLACEMENT => "process replacement".into(),
            _ => format!("scx_meta, {way}"),
        };
        Lines {
            title: "Throughput that is left, by turns of fifo and vtime",
            x: Axis::log("a whole rotation (log scale)", table::brief_time_ns),
            y: Axis::linear("throughput ÷ the same policies pinned", |part| {
                format!("{part:.2}")
            }),
            series: rows.series("way", name, |row| period_ns(row.number("period_us"))),
            limit: Some((1.0, "pinned")),
        }
        .file("scale-retained.svg", footnote)
    }
}

fn per_s(work: &Work) -> f64 {
    work.answered as f64 / work.wall_ns as f64 * 1e9
}

/// Throughput of turns against that of their policies, each pinned in the same round.
fn left(work: &Work, pinned: &[&Work]) -> Result<Vec<Sample>> {
    let rotation = match work.policies.len() {
        2 => TWO,
        _ => ALL,
    };
    let keys = |way| {
        case(&[
            ("rotation", rotation),
            ("way", way),
            ("period_us", &work.period_us.to_string()),
            ("period", &period_name(work.period_us)),
        ])
    };
    let part = per_s(work) / pinned_mean(work, pinned)?;
    let mut samples = vec![Sample::new(RATIO, keys(&work.way), [part])];
    if work.way == REPLACEMENT {
        samples.push(Sample::new(PART, keys(IN_CHARGE), [work.in_charge]));
    }
    Ok(samples)
}

fn pinned_mean(work: &Work, pinned: &[&Work]) -> Result<f64> {
    let mut sum = 0.0;
    for policy in &work.policies {
        let pinned = pinned.iter().find(|other| {
            other.round == work.round
                && other.way == work.way
                && other.policies == std::slice::from_ref(policy)
        });
        let pinned = pinned.with_context(|| {
            format!(
                "raw data has no throughput of {policy} pinned, {}, round {}",
                work.way, work.round
            )
        })?;
        sum += per_s(pinned);
    }
    Ok(sum / work.policies.len() as f64)
}

/// That of the last round.
fn in_charge(row: &Row) -> f64 {
    row.blocks.concat().last().copied().unwrap_or_default()
}

/// Each way has a value for each period, or null.
fn by_period(rows: &Rows) -> Value {
    let mut ways = rows.values("way");
    ways.retain(|way| *way != IN_CHARGE);
    let periods = rows.split(&["period"]).into_iter().map(|period| {
        let about = |way: &str| json!(period.find(&[("way", way)]).map(|row| row.about));
        let mut row: Map<_, _> = ways.iter().map(|&way| (way.into(), about(way))).collect();
        if let Some(part) = period.find(&[("way", IN_CHARGE)]) {
            row.insert("replacement_in_charge".into(), json!(in_charge(part)));
        }
        (period.key("period").to_owned(), Value::Object(row))
    });
    Value::Object(periods.collect())
}

impl fmt::Display for Retained {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let columns: Vec<_> = WAYS.into_iter().chain([IN_CHARGE]).collect();
        let columns: Vec<_> = columns.iter().map(|&way| (way, way.to_owned())).collect();
        for rotation in [TWO, ALL] {
            let head = format!("throughput left, {rotation}");
            let rows = self.rotation(rotation);
            let table = rows.pivot((&head, "period"), ("way", &columns), |row| {
                match row.key("way") {
                    IN_CHARGE => table::percent(in_charge(row)),
                    _ => format!("{} ({})", row.show(), row.range(" to ")),
                }
            });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::raw;

    fn work(round: usize, way: &str, policies: &[&str], period_us: u64, answered: u64) -> Record {
        Record::Work(Work {
            round,
            way: way.into(),
            policies: policies.iter().map(|&name| name.into()).collect(),
            period_us,
            wall_ns: 1_000_000_000,
            answered,
            in_charge: 0.5,
        })
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
        Retained::of(&[raw(2, records)])
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
