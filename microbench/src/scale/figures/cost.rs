// SPDX-License-Identifier: GPL-2.0-only
//! The cost of a flip, against all that may make it cost more.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{ensure, Context, Result};
use evidence::figure::ruler::Axis;
use evidence::figure::{Bars, Lines};
use evidence::files::File;
use evidence::provenance::Measured;
use evidence::raw::Raw;
use evidence::sample::{Interval, Statistic};
use evidence::spec::{case, range, Blocks, Row, Rows, Sample, Spec, NS, RATIO};
use evidence::table::{self, Table};
use serde_json::{json, Value};

use super::records;
use crate::scale::record::{Record, Setting};

/// The flip that is compared across settings; the way back differs by a few instructions.
const FIXED: &str = "fifo → vtime";
const BACK: &str = "vtime → fifo";

/// Flips that follow each other resemble each other: so many are one block.
const BLOCK: usize = 20;

const PAIRS: Spec = Spec {
    by: &["cpus", "name", "pair"],
    blocks: Blocks::Of(BLOCK),
    statistic: Statistic::Median,
};

/// The fixed pair only.
const AGAINST: Spec = Spec {
    by: &["against", "value"],
    blocks: Blocks::Of(BLOCK),
    statistic: Statistic::Median,
};

const FLAT: f64 = 1.2;

/// Lines of the figure against CPUs: the fixed pair, and the hooks that pass over CPUs.
const SHOWN: [&str; 5] = [
    FIXED,
    BACK,
    "fifo → nest",
    "central → fifo",
    "central → nest",
];

/// Flip costs by what was varied, in nanoseconds.
pub(super) struct Cost {
    pairs: Vec<Row>,
    against: Vec<Row>,
    /// The fixed pair on the machine with the most CPUs ÷ on that with the fewest.
    pub(super) ratio_cpus: Interval,
    /// With the most tasks ÷ with the fewest.
    pub(super) ratio_tasks: Interval,
}

fn samples(raws: &[Raw<Record>]) -> Vec<Sample> {
    let mut samples = Vec::new();
    for (machine, record) in records(raws) {
        let Record::Flips { setting, flips } = record else {
            continue;
        };
        let mut by_pair: BTreeMap<(&str, &str), Vec<f64>> = BTreeMap::new();
        for flip in flips {
            let pair = by_pair.entry((&flip.from, &flip.to)).or_default();
            pair.push(flip.flip_ns as f64);
        }
        let cpus = machine.cpus.to_string();
        let (against, value) = match setting {
            Setting::Pair => ("cpus", cpus.clone()),
            Setting::Policies(count) => ("policies", count.to_string()),
            Setting::Tasks(count) => ("tasks", count.to_string()),
            Setting::Turn(us) => ("turn_us", us.to_string()),
        };
        for ((from, to), costs) in by_pair {
            let name = format!("{from} → {to}");
            if name == FIXED {
                let case = case(&[("against", against), ("value", &value)]);
                samples.push(Sample::new(NS, case, costs.iter().copied()));
            }
            if *setting == Setting::Pair {
                let pair = format!("{from}->{to}");
                let case = case(&[("cpus", &cpus), ("name", &name), ("pair", &pair)]);
                samples.push(Sample::new(NS, case, costs));
            }
        }
    }
    samples
}

impl Cost {
    pub(super) fn of(raws: &[Raw<Record>]) -> Result<Self> {
        let samples = samples(raws);
        let against = AGAINST.rows(&samples)?;
        let ratio_cpus = last_to_first(&against, "cpus").context("flips against CPUs")?;
        let ratio_tasks = last_to_first(&against, "tasks").context("flips against tasks")?;
        for (key, what) in [("policies", "policies"), ("turn_us", "turns")] {
            let settings = of(&against, key).0.len();
            ensure!(
                settings > 1,
                "raw data has flips against {settings} of {what} only: was it not measured?"
            );
        }
        Ok(Self {
            pairs: PAIRS.rows(&samples)?,
            against,
            ratio_cpus,
            ratio_tasks,
        })
    }

    fn pairs(&self) -> Rows<'_> {
        Rows::all(&self.pairs).sorted(|row| (row.number("cpus"), row.key("name")))
    }

    /// The machine whose pairs are listed one by one: the largest, where passes over CPUs take
    /// longest.
    fn largest(&self) -> Rows<'_> {
        let all = self.pairs();
        let most = all.0.last().map_or("", |row| row.key("cpus"));
        all.of(&[("cpus", most)])
    }

    pub(super) fn measured(&self) -> Vec<Measured> {
        let machines = of(&self.against, "cpus").0.into_iter();
        let measured = machines.map(|row| {
            let what = format!("flip {FIXED}, CPUs: {}", row.key("value"));
            Measured::of(what, &row.all)
        });
        measured.collect()
    }

    pub(super) fn pairs_json(&self) -> Value {
        self.largest()
            .nested(&["pair"], &|row| json!(row.about.estimate))
    }

    pub(super) fn json(&self) -> Value {
        let about = |row: &Row| json!(row.about);
        let by = |what| of(&self.against, what).nested(&["value"], &about);
        json!({
            "pairs_cpus": self.largest().0.last().map(|row| row.number("cpus")),
            "pairs_by_cpus": self.pairs().nested(&["cpus", "pair"], &about),
            "policies": by("policies"),
            "tasks": by("tasks"),
            "turn_us": by("turn_us"),
        })
    }

    pub(super) fn figures(&self, footnote: &str) -> Result<Vec<File>> {
        let y = Axis::linear("one flip", NS.tick);
        let limit = |what| {
            let first = of(&self.against, what).0.into_iter().next();
            first.map(|row| (FLAT * row.about.estimate, "1.2 × the first"))
        };
        let mut shown = self.pairs().sorted(|row| row.key("name"));
        shown.0.retain(|row| SHOWN.contains(&row.key("name")));
        let against_cpus = Lines {
            title: "The flip against the number of CPUs",
            x: Axis::log("CPUs", |cpus| format!("{cpus}")),
            y,
            series: shown.series("name", str::to_owned, |row| row.number("cpus") as f64),
            limit: limit("cpus"),
        };
        let tasks = of(&self.against, "tasks");
        let against_tasks = Lines {
            title: "The flip against the number of tasks",
            x: Axis::log("tasks, mostly asleep", |tasks| table::count(tasks as u64)),
            y,
            series: tasks.series(
                "against",
                |_| FIXED.into(),
                |row| row.number("value") as f64,
            ),
            limit: limit("tasks"),
        };
        let largest = self.largest();
        let title = format!(
            "The flip from each policy to each, CPUs: {}",
            largest.key("cpus")
        );
        let pairs = Bars {
            title: &title,
            axis: y,
            bars: largest.bars(
                |row| row.key("name").into(),
                |row| usize::from(![FIXED, BACK].contains(&row.key("name"))),
            ),
            limit: None,
        };
        Ok(vec![
            against_cpus.file("scale-cpus.svg", footnote)?,
            against_tasks.file("scale-tasks.svg", footnote)?,
            pairs.file("scale-pairs.svg", footnote)?,
        ])
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let pairs = self.pairs();
        let cpus = pairs.values("cpus").into_iter();
        let cpus: Vec<_> = cpus.map(|cpus| (cpus, format!("on {cpus}"))).collect();
        let by_name = pairs.sorted(|row| row.key("name"));
        let head = ("flip, median, by CPUs", "name");
        writeln!(f, "{}", by_name.pivot(head, ("cpus", &cpus), Row::show))?;
        let rows = ["policies", "tasks", "turn_us"].map(|what| of(&self.against, what).0);
        let table = Table::list(
            rows.concat(),
            [
                ("fifo → vtime, against", |row| match row.key("against") {
                    "turn_us" => "turns (µs)".into(),
                    what => what.into(),
                }),
                ("", |row| table::count(row.number("value"))),
                ("flip", |row| row.show()),
                ("95 %", |row| row.range(" to ")),
            ],
        );
        writeln!(f, "{table}")?;
        for (what, ratio) in [
            ("most CPUs ÷ fewest", self.ratio_cpus),
            ("most tasks ÷ fewest", self.ratio_tasks),
        ] {
            let range = range(ratio, RATIO, " to ");
            let ratio = ratio.estimate;
            writeln!(f, "{what:<20} {ratio:.3} ({range}), wanted at most {FLAT}")?;
        }
        Ok(())
    }
}

/// From the least to the most.
fn of<'a>(against: &'a [Row], what: &str) -> Rows<'a> {
    let rows = Rows::all(against).of(&[("against", what)]);
    rows.sorted(|row| row.number("value"))
}

fn last_to_first(against: &[Row], what: &str) -> Result<Interval> {
    match &of(against, what).0[..] {
        [first, .., last] => last.ratio_to(first),
        rows => anyhow::bail!(
            "raw data has {} settings: there is nothing to compare",
            rows.len()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scale::record::Flip;
    use crate::testing;

    fn flips(costs: &[(&str, &str, u64)]) -> Vec<Flip> {
        let flips = costs.iter().map(|&(from, to, flip_ns)| Flip {
            from: from.into(),
            to: to.into(),
            flip_ns,
            handover_ns: 0,
        });
        flips.collect()
    }

    fn raw(cpus: usize, records: Vec<(Setting, Vec<Flip>)>) -> Raw<Record> {
        let records = records.into_iter();
        let records = records.map(|(setting, flips)| Record::Flips { setting, flips });
        testing::raw(cpus, records.collect())
    }

    fn boots() -> Vec<Raw<Record>> {
        let pair = |there, back| flips(&[("fifo", "vtime", there), ("vtime", "fifo", back)]);
        let nest = flips(&[("fifo", "nest", 1500), ("nest", "fifo", 1200)]);
        vec![
            raw(
                8,
                vec![(Setting::Pair, pair(1100, 1100)), (Setting::Pair, nest)],
            ),
            raw(1, vec![(Setting::Pair, pair(1000, 1000))]),
            raw(
                2,
                vec![
                    (Setting::Tasks(10), pair(900, 1000)),
                    (Setting::Tasks(10_000), pair(900, 1000)),
                    (Setting::Policies(2), pair(900, 5000)),
                    (Setting::Policies(4), pair(950, 5000)),
                    (Setting::Turn(1000), pair(900, 900)),
                    (Setting::Turn(10), pair(900, 900)),
                ],
            ),
        ]
    }

    #[test]
    fn the_ratio_is_of_the_largest_machine_to_the_smallest() {
        let cost = Cost::of(&boots()).unwrap();
        assert_eq!(cost.ratio_cpus.estimate, 1.1);
        assert_eq!(cost.ratio_tasks.estimate, 1.0);
        let pairs = cost.pairs_json();
        assert_eq!(pairs["fifo->nest"], 1500.0);
        assert_eq!(pairs["fifo->vtime"], 1100.0);
    }

    #[test]
    fn rotations_of_more_policies_are_compared_by_one_flip_of_theirs() {
        let cost = Cost::of(&boots()).unwrap();
        let json = cost.json();
        assert_eq!(json["policies"]["2"]["estimate"], 900.0);
        assert_eq!(json["policies"]["4"]["estimate"], 950.0);
    }

    #[test]
    fn one_machine_is_no_comparison() {
        let mut boots = boots();
        boots.remove(1);
        let error = format!("{:#}", Cost::of(&boots).err().unwrap());
        assert!(error.contains("flips against CPUs"), "{error}");
    }
}
