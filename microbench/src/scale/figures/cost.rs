// SPDX-License-Identifier: GPL-2.0-only
//! What a flip costs, against all that may make it cost more.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{ensure, Context, Result};
use evidence::figure::ruler::{Axis, Scale};
use evidence::figure::{Bar, Bars, Lines, Series};
use evidence::provenance::Measured;
use evidence::raw::Raw;
use evidence::sample::{Interval, Statistic, Summary};
use evidence::table::Table;
use evidence::{sample, table};
use serde_json::{json, Value};

use super::{records, Folder};
use crate::scale::record::{Flip, Record, Setting};

/// The flip that is compared across settings; the way back differs by a few instructions.
const FIXED: [&str; 2] = ["fifo", "vtime"];

/// Flips that follow each other resemble each other: so many are one block.
const BLOCK: usize = 20;

/// What the issue allows.
const FLAT: f64 = 1.2;

/// From a policy to another one.
type Pair = (String, String);

/// Flip costs by what was varied, in nanoseconds.
pub struct Cost {
    /// By CPUs, then by pair.
    pairs: BTreeMap<usize, BTreeMap<Pair, Vec<f64>>>,
    policies: BTreeMap<u64, Vec<f64>>,
    tasks: BTreeMap<u64, Vec<f64>>,
    turns_us: BTreeMap<u64, Vec<f64>>,
    /// The fixed pair on the machine with the most CPUs ÷ on that with the fewest.
    pub ratio_cpus: Interval,
    /// With the most tasks ÷ with the fewest.
    pub ratio_tasks: Interval,
}

impl Cost {
    pub fn of(raws: &[Raw<Record>]) -> Result<Self> {
        let mut pairs: BTreeMap<usize, BTreeMap<Pair, Vec<f64>>> = BTreeMap::new();
        let [mut policies, mut tasks, mut turns_us] = [const { BTreeMap::new() }; 3];
        for (machine, record) in records(raws) {
            let Record::Flips { setting, flips } = record else {
                continue;
            };
            let fixed = || -> Vec<f64> {
                let flips = flips.iter().filter(|flip| is_fixed(flip));
                flips.map(|flip| flip.flip_ns as f64).collect()
            };
            match *setting {
                Setting::Pair => {
                    let pairs = pairs.entry(machine.cpus).or_default();
                    for flip in flips {
                        let pair = (flip.from.clone(), flip.to.clone());
                        pairs.entry(pair).or_default().push(flip.flip_ns as f64);
                    }
                }
                Setting::Policies(count) => drop(policies.insert(count as u64, fixed())),
                Setting::Tasks(count) => drop(tasks.insert(count as u64, fixed())),
                Setting::Turn(us) => drop(turns_us.insert(us, fixed())),
            }
        }
        let by_cpus: BTreeMap<u64, Vec<f64>> = pairs
            .iter()
            .map(|(cpus, pairs)| (*cpus as u64, fixed_of(pairs)))
            .collect();
        Ok(Self {
            ratio_cpus: last_to_first(&by_cpus).context("flips against CPUs")?,
            ratio_tasks: last_to_first(&tasks).context("flips against tasks")?,
            policies: whole(policies, "policies")?,
            turns_us: whole(turns_us, "turns")?,
            pairs,
            tasks,
        })
    }

    /// The machine whose pairs are listed one by one: the largest, where passes over CPUs take
    /// longest.
    fn largest(&self) -> Result<(usize, &BTreeMap<Pair, Vec<f64>>)> {
        let last = self.pairs.last_key_value();
        let (cpus, pairs) = last.context("no pairs were measured (part `pairs`)")?;
        Ok((*cpus, pairs))
    }

    pub fn measured(&self) -> Result<Vec<Measured>> {
        self.pairs
            .iter()
            .map(|(cpus, pairs)| {
                let summary = Summary::of(&fixed_of(pairs))?;
                Ok(Measured::of(
                    format!("flip fifo → vtime, CPUs: {cpus}"),
                    &summary,
                ))
            })
            .collect()
    }

    pub fn pairs_json(&self) -> Result<Value> {
        let (_, pairs) = self.largest()?;
        let medians = pairs
            .iter()
            .map(|((from, to), costs)| Ok((format!("{from}->{to}"), json!(median(costs)?))));
        Ok(Value::Object(medians.collect::<Result<_>>()?))
    }

    pub fn json(&self) -> Value {
        let by = |costs: &BTreeMap<u64, Vec<f64>>| -> Value {
            let points = costs.iter();
            points
                .map(|(value, costs)| (value.to_string(), json!(about(costs).ok())))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        let cpus = self.pairs.iter().map(|(cpus, pairs)| {
            let pairs = pairs
                .iter()
                .map(|((from, to), costs)| (format!("{from}->{to}"), json!(about(costs).ok())));
            (cpus.to_string(), Value::Object(pairs.collect()))
        });
        json!({
            "pairs_cpus": self.pairs.keys().last(),
            "pairs_by_cpus": Value::Object(cpus.collect()),
            "policies": by(&self.policies),
            "tasks": by(&self.tasks),
            "turn_us": by(&self.turns_us),
        })
    }

    pub fn save(&self, to: &Folder) -> Result<()> {
        let (most, pairs) = self.largest()?;
        let limit =
            |costs: &[f64]| Ok::<_, anyhow::Error>((FLAT * median(costs)?, "1.2 × the first"));
        let y = Axis {
            label: "one flip",
            scale: Scale::Linear,
            format: table::brief_time_ns,
        };
        let first = self
            .pairs
            .first_key_value()
            .map(|(_, pairs)| fixed_of(pairs));
        let cpus: Vec<f64> = self.pairs.keys().map(|cpus| *cpus as f64).collect();
        let against_cpus = pairs.keys().map(|pair| {
            let points = self
                .pairs
                .iter()
                .zip(&cpus)
                .filter_map(|((_, pairs), cpus)| {
                    let costs = pairs.get(pair)?;
                    Some(about(costs).map(|about| (*cpus, about)))
                });
            Ok(Series {
                name: format!("{} → {}", pair.0, pair.1),
                points: points.collect::<Result<_>>()?,
            })
        });
        let mut series: Vec<Series> = against_cpus.collect::<Result<_>>()?;
        series.retain(|series| SHOWN.contains(&&*series.name));
        to.lines(
            "scale-cpus.svg",
            &Lines {
                title: "The flip against the number of CPUs",
                x: Axis {
                    label: "CPUs",
                    scale: Scale::Log,
                    format: |cpus| format!("{cpus}"),
                },
                y,
                series,
                limit: first.as_deref().map(limit).transpose()?,
            },
        )?;
        let (_, fewest) = self.tasks.first_key_value().context("no tasks")?;
        let points = self.tasks.iter();
        let points = points.map(|(tasks, costs)| Ok((*tasks as f64, about(costs)?)));
        to.lines(
            "scale-tasks.svg",
            &Lines {
                title: "The flip against the number of tasks",
                x: Axis {
                    label: "tasks, mostly asleep",
                    scale: Scale::Log,
                    format: |tasks| table::count(tasks as u64),
                },
                y,
                series: vec![Series {
                    name: "fifo → vtime".into(),
                    points: points.collect::<Result<_>>()?,
                }],
                limit: Some(limit(fewest)?),
            },
        )?;
        let bars = pairs.iter().map(|((from, to), costs)| {
            Ok(Bar {
                label: format!("{from} → {to}"),
                value: about(costs)?,
                group: usize::from([from, to].iter().any(|name| !FIXED.contains(&&***name))),
            })
        });
        to.bars(
            "scale-pairs.svg",
            &Bars {
                title: &format!("The flip from each policy to each, CPUs: {most}"),
                axis: y,
                bars: bars.collect::<Result<_>>()?,
                limit: None,
            },
        )
    }
}

/// Lines of the figure against CPUs: the fixed pair, and the hooks that pass over CPUs.
const SHOWN: [&str; 5] = [
    "fifo → vtime",
    "vtime → fifo",
    "fifo → nest",
    "central → fifo",
    "central → nest",
];

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let cpus: Vec<String> = self.pairs.keys().map(|cpus| format!("on {cpus}")).collect();
        let mut table = Table::new(
            ["flip, median, by CPUs"]
                .into_iter()
                .chain(cpus.iter().map(|s| &**s)),
        );
        let mut names: Vec<&Pair> = self.pairs.values().flat_map(BTreeMap::keys).collect();
        names.sort();
        names.dedup();
        for pair in names {
            let costs = self.pairs.values().map(|pairs| shown(pairs.get(pair)));
            table.row(
                [format!("{} → {}", pair.0, pair.1)]
                    .into_iter()
                    .chain(costs),
            );
        }
        writeln!(f, "{table}")?;
        let mut table = Table::new(["fifo → vtime, against", "", "flip", "95 %"]);
        let rows = [
            ("policies", &self.policies),
            ("tasks", &self.tasks),
            ("turns (µs)", &self.turns_us),
        ];
        for (what, costs) in rows {
            for (value, costs) in costs {
                table.row([
                    what.into(),
                    table::count(*value),
                    shown(Some(costs)),
                    range(costs),
                ]);
            }
        }
        writeln!(f, "{table}")?;
        for (what, ratio) in [
            ("most CPUs ÷ fewest", self.ratio_cpus),
            ("most tasks ÷ fewest", self.ratio_tasks),
        ] {
            let Interval {
                estimate,
                low,
                high,
            } = ratio;
            writeln!(
                f,
                "{what:<20} {estimate:.3} ({low:.3} to {high:.3}), wanted at most {FLAT}"
            )?;
        }
        Ok(())
    }
}

fn is_fixed(flip: &Flip) -> bool {
    [&*flip.from, &*flip.to] == FIXED
}

fn fixed_of(pairs: &BTreeMap<Pair, Vec<f64>>) -> Vec<f64> {
    let fixed = pairs
        .iter()
        .filter(|((from, to), _)| [&**from, &**to] == FIXED);
    fixed.flat_map(|(_, costs)| costs).copied().collect()
}

/// Settings that were measured, and a comparison at least.
fn whole(costs: BTreeMap<u64, Vec<f64>>, what: &str) -> Result<BTreeMap<u64, Vec<f64>>> {
    ensure!(
        costs.len() > 1,
        "raw data has flips against {} of {what} only: was it not measured?",
        costs.len()
    );
    Ok(costs)
}

fn last_to_first(costs: &BTreeMap<u64, Vec<f64>>) -> Result<Interval> {
    ensure!(
        costs.len() > 1,
        "raw data has {} settings: there is nothing to compare",
        costs.len()
    );
    let (first, last) = (costs.values().next(), costs.values().last());
    let (first, last) = first.zip(last).context("no setting")?;
    sample::ratio(&blocks(last), &blocks(first), Statistic::Median)
}

fn blocks(costs: &[f64]) -> Vec<Vec<f64>> {
    costs.chunks(BLOCK).map(<[f64]>::to_vec).collect()
}

fn about(costs: &[f64]) -> Result<Interval> {
    sample::interval(&blocks(costs), Statistic::Median)
}

fn median(costs: &[f64]) -> Result<f64> {
    Ok(about(costs)?.estimate)
}

fn shown(costs: Option<&Vec<f64>>) -> String {
    let about = costs.and_then(|costs| about(costs).ok());
    about.map_or("-".into(), |about| table::time_ns(about.estimate))
}

fn range(costs: &[f64]) -> String {
    about(costs).map_or("-".into(), |about| {
        format!(
            "{} to {}",
            table::time_ns(about.low),
            table::time_ns(about.high)
        )
    })
}

#[cfg(test)]
mod tests {
    use labkit::machine::Machine;

    use super::*;

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
        Raw {
            machine: Machine {
                kernel: "6.18".into(),
                accel: "tcg".into(),
                cpus,
                clock: labkit::clock::Clock::Serial,
            },
            records: records
                .map(|(setting, flips)| Record::Flips { setting, flips })
                .collect(),
        }
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
        let pairs = cost.pairs_json().unwrap();
        assert_eq!(pairs["fifo->nest"], 1500.0);
        assert_eq!(pairs["fifo->vtime"], 1100.0);
    }

    #[test]
    fn rotations_of_more_policies_are_compared_by_one_flip_of_theirs() {
        let cost = Cost::of(&boots()).unwrap();
        assert_eq!(cost.policies[&2], [900.0]);
        assert_eq!(cost.policies[&4], [950.0]);
    }

    #[test]
    fn one_machine_is_no_comparison() {
        let mut boots = boots();
        boots.remove(1);
        let error = format!("{:#}", Cost::of(&boots).err().unwrap());
        assert!(error.contains("flips against CPUs"), "{error}");
    }
}
