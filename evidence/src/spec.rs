// SPDX-License-Identifier: GPL-2.0-only
//! Samples in long format, and what a report asks of them.
//!
//! ```text
//! records ─► reader: Sample { case: load=idle part=flip, values } ─► Spec: by, blocks, statistic
//!                                                ─► Row: interval, summary ─► table, chart, JSON
//! ```
//!
//! A reader turns each record of an experiment into samples, and a [`Spec`] says which keys of their
//! cases make a row. Rows stand in the order in which their first samples do.

use std::collections::BTreeMap;

use anyhow::{ensure, Context, Result};
use serde_json::{Map, Value};

use crate::figure::{Bar, Series};
use crate::once;
use crate::sample::{self, Interval, Statistic, Summary};
use crate::table::{self, Table};

/// The thing that was measured: `load` is `idle`, `part` is `flip`.
pub type Case = BTreeMap<&'static str, String>;

/// Keys with the values that are asked for.
pub type Wanted<'a> = &'a [(&'static str, &'a str)];

pub fn case(keys: Wanted) -> Case {
    let keys = keys.iter().map(|&(key, value)| (key, value.to_owned()));
    keys.collect()
}

/// How numbers are written: in a table, and at the ticks of an axis.
#[derive(Clone, Copy, Debug)]
pub struct Unit {
    pub show: fn(f64) -> String,
    pub tick: fn(f64) -> String,
}

impl Unit {
    /// Written in the same way everywhere.
    pub const fn of(show: fn(f64) -> String) -> Self {
        Self { show, tick: show }
    }
}

pub const NS: Unit = Unit {
    show: table::time_ns,
    tick: table::brief_time_ns,
};

/// Near a limit of 1.10 a third decimal matters.
pub const RATIO: Unit = Unit::of(|ratio| format!("{ratio:.3}"));
pub const PER_SECOND: Unit = Unit::of(|rate| format!("{rate:.1}"));
pub const COUNT: Unit = Unit::of(|count| table::count(count.round() as u64));
pub const PART: Unit = Unit::of(table::percent);

/// Values that were measured one after the other. Without any, it counts as missing.
#[derive(Clone, Debug)]
pub struct Sample {
    pub case: Case,
    pub values: Vec<f64>,
    /// How many of the values are lower bounds only.
    pub lower_bounds: usize,
    pub unit: Unit,
}

impl Sample {
    pub fn new(unit: Unit, case: Case, values: impl IntoIterator<Item = f64>) -> Self {
        Self {
            case,
            values: values.into_iter().collect(),
            lower_bounds: 0,
            unit,
        }
    }
}

/// Which values the bootstrap draws together.
#[derive(Clone, Copy, Debug)]
pub enum Blocks {
    /// So many of a sample that follow each other: those resemble each other.
    Of(usize),
    /// All of a round, which is the value of this key. Rows are compared round by round, and a
    /// statistic is of the rounds' means unless it is a percentile.
    By(&'static str),
}

#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// Keys whose values make a row. Samples without one of them are of another spec.
    pub by: &'static [&'static str],
    pub blocks: Blocks,
    pub statistic: Statistic,
}

#[derive(Clone, Debug)]
pub struct Row {
    pub case: Case,
    pub unit: Unit,
    pub blocks: Vec<Vec<f64>>,
    /// Of each block, if they are rounds.
    pub rounds: Vec<String>,
    statistic: Statistic,
    /// The spec's statistic.
    pub about: Interval,
    pub all: Summary,
    pub lower_bounds: usize,
    pub missing: usize,
}

impl Spec {
    /// A case without any value makes no row.
    pub fn rows(&self, samples: &[Sample]) -> Result<Vec<Row>> {
        let mut groups: Vec<(Case, Vec<&Sample>)> = Vec::new();
        for sample in samples {
            let keys = self
                .by
                .iter()
                .map(|&key| Some((key, sample.case.get(key)?.clone())));
            let Some(case) = keys.collect::<Option<Case>>() else {
                continue;
            };
            match groups.iter_mut().find(|(known, _)| *known == case) {
                Some((_, group)) => group.push(sample),
                None => groups.push((case, vec![sample])),
            }
        }
        let is_measured = |samples: &[&Sample]| samples.iter().any(|one| !one.values.is_empty());
        let rows = groups
            .into_iter()
            .filter(|(_, samples)| is_measured(samples));
        rows.map(|(case, samples)| {
            let what = named(&case);
            self.row(case, &samples).context(what)
        })
        .collect()
    }

    fn row(&self, case: Case, samples: &[&Sample]) -> Result<Row> {
        let values: Vec<f64> = samples
            .iter()
            .flat_map(|one| one.values.iter().copied())
            .collect();
        let (rounds, blocks) = self.blocks(samples);
        let is_mean_of_rounds = !rounds.is_empty() && !is_percentile(self.statistic);
        let about = match is_mean_of_rounds {
            true => blocks.iter().map(|block| vec![mean(block)]).collect(),
            false => blocks.clone(),
        };
        Ok(Row {
            case,
            unit: samples[0].unit,
            statistic: self.statistic,
            about: sample::interval(&about, self.statistic)?,
            all: Summary::of(&values)?,
            blocks,
            rounds,
            lower_bounds: samples.iter().map(|one| one.lower_bounds).sum(),
            missing: samples.iter().filter(|one| one.values.is_empty()).count(),
        })
    }

    /// With the names of the rounds, if blocks are such.
    fn blocks(&self, samples: &[&Sample]) -> (Vec<String>, Vec<Vec<f64>>) {
        let (mut rounds, mut blocks): (Vec<String>, Vec<Vec<f64>>) = Default::default();
        for sample in samples.iter().filter(|one| !one.values.is_empty()) {
            let key = match self.blocks {
                Blocks::Of(size) => {
                    blocks.extend(sample.values.chunks(size).map(<[_]>::to_vec));
                    continue;
                }
                Blocks::By(key) => key,
            };
            let round = sample.case.get(key).map_or("", |round| round);
            match rounds.iter().position(|known| known == round) {
                Some(known) => blocks[known].extend(&sample.values),
                None => {
                    rounds.push(round.to_owned());
                    blocks.push(sample.values.clone());
                }
            }
        }
        (rounds, blocks)
    }
}

fn is_percentile(statistic: Statistic) -> bool {
    matches!(statistic, Statistic::Percentile(_))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// `idle, flip`
fn named(case: &Case) -> String {
    let values: Vec<&str> = case.values().map(|value| &**value).collect();
    values.join(", ")
}

impl Row {
    /// A key's value; nothing where the spec does not have that key.
    pub fn key(&self, key: &str) -> &str {
        self.case.get(key).map_or("", |value| value)
    }

    /// A key's value where all of them are numbers.
    pub fn number(&self, key: &str) -> u64 {
        self.key(key).parse().unwrap_or(0)
    }

    fn is(&self, wanted: Wanted) -> bool {
        wanted.iter().all(|(key, value)| self.key(key) == *value)
    }

    pub fn show(&self) -> String {
        (self.unit.show)(self.about.estimate)
    }

    /// The interval's two ends.
    pub fn range(&self, between: &str) -> String {
        range(self.about, self.unit, between)
    }

    /// The blocks of the rounds that both have.
    pub fn common<'a>(&'a self, other: &'a Self) -> Vec<(&'a Vec<f64>, &'a Vec<f64>)> {
        let own = self.rounds.iter().zip(&self.blocks);
        let common = own.filter_map(|(round, block)| {
            let known = other.rounds.iter().position(|known| known == round)?;
            Some((block, &other.blocks[known]))
        });
        common.collect()
    }

    /// One statistic ÷ the other. Blocks that are rounds are compared one by one, others have
    /// nothing to do with each other.
    pub fn ratio_to(&self, other: &Self) -> Result<Interval> {
        if self.rounds.is_empty() {
            return sample::ratio(&self.blocks, &other.blocks, self.statistic);
        }
        let common = self.common(other);
        ensure!(!common.is_empty(), "no round has both");
        if is_percentile(self.statistic) {
            let blocks = common.into_iter().map(|(of, to)| (of.clone(), to.clone()));
            let (of, to): (Vec<_>, Vec<_>) = blocks.unzip();
            return sample::ratio_within(&of, &to, self.statistic);
        }
        let pairs: Vec<_> = common.iter().map(|(of, to)| (mean(of), mean(to))).collect();
        sample::paired_ratio_at(&pairs, self.statistic, sample::LEVEL)
    }
}

/// The interval's two ends.
pub fn range(interval: Interval, unit: Unit, between: &str) -> String {
    let [low, high] = [interval.low, interval.high].map(unit.show);
    format!("{low}{between}{high}")
}

#[derive(Clone, Debug)]
pub struct Rows<'a>(pub Vec<&'a Row>);

impl<'a> Rows<'a> {
    pub fn all(rows: &'a [Row]) -> Self {
        Self(rows.iter().collect())
    }

    pub fn of(&self, wanted: Wanted) -> Self {
        let rows = self.0.iter().filter(|row| row.is(wanted));
        Self(rows.copied().collect())
    }

    pub fn find(&self, wanted: Wanted) -> Option<&'a Row> {
        self.0.iter().find(|row| row.is(wanted)).copied()
    }

    /// As [`Rows::find`]; an error if there is none.
    pub fn get(&self, wanted: Wanted) -> Result<&'a Row> {
        let values = || wanted.iter().map(|(_, value)| *value).collect::<Vec<_>>();
        self.find(wanted)
            .with_context(|| format!("no raw data: {}", values().join(", ")))
    }

    pub fn sorted<K: Ord>(mut self, by: impl Fn(&'a Row) -> K) -> Self {
        self.0.sort_by_key(|row| by(row));
        self
    }

    pub fn values(&self, key: &str) -> Vec<&'a str> {
        once(self.0.iter().map(|row| row.key(key)))
    }

    /// Apart by the values of these keys.
    pub fn split(&self, keys: &[&'static str]) -> Vec<Self> {
        let mut parts: Vec<Self> = Vec::new();
        for &row in &self.0 {
            let same = |part: &&mut Self| keys.iter().all(|key| part.key(key) == row.key(key));
            match parts.iter_mut().find(same) {
                Some(part) => part.0.push(row),
                None => parts.push(Self(vec![row])),
            }
        }
        parts
    }

    /// A key's value, of rows that have it in common.
    pub fn key(&self, key: &str) -> &'a str {
        self.0.first().map_or("", |row| row.key(key))
    }

    /// A table with a line for each value of `down` and a column for each of `columns`, the values
    /// of `across`.
    pub fn pivot(
        &self,
        (head, down): (&str, &str),
        (across, columns): (&'static str, &[(&str, String)]),
        show: impl Fn(&Row) -> String,
    ) -> Table {
        let heads = columns.iter().map(|(_, head)| &**head);
        let mut table = Table::new([head].into_iter().chain(heads));
        for value in self.values(down) {
            let cell = |(column, _): &(&str, String)| {
                let mut rows = self.0.iter().filter(|row| row.key(down) == value);
                let row = rows.find(|row| row.is(&[(across, column)]));
                row.map_or("-".into(), |row| show(row))
            };
            table.row(
                [value.to_owned()]
                    .into_iter()
                    .chain(columns.iter().map(cell)),
            );
        }
        table
    }

    pub fn bars(&self, label: impl Fn(&Row) -> String, group: impl Fn(&Row) -> usize) -> Vec<Bar> {
        let bars = self.0.iter().map(|row| Bar {
            label: label(row),
            value: row.about,
            group: group(row),
        });
        bars.collect()
    }

    pub fn series(
        &self,
        key: &'static str,
        name: impl Fn(&str) -> String,
        x: impl Fn(&Row) -> f64,
    ) -> Vec<Series> {
        let lines = self.split(&[key]).into_iter().map(|part| Series {
            name: name(part.key(key)),
            points: part.0.iter().map(|row| (x(row), row.about)).collect(),
        });
        lines.collect()
    }

    /// An object of objects, by the values of these keys.
    pub fn nested(&self, keys: &[&'static str], value: &impl Fn(&Row) -> Value) -> Value {
        let Some((&key, inner)) = keys.split_first() else {
            return self.0.first().map_or(Value::Null, |row| value(row));
        };
        let parts = self.split(&[key]).into_iter();
        let parts = parts.map(|part| (part.key(key).to_owned(), part.nested(inner, value)));
        Value::Object(parts.collect::<Map<_, _>>())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SPEC: Spec = Spec {
        by: &["load", "part"],
        blocks: Blocks::Of(2),
        statistic: Statistic::Median,
    };

    fn flip(load: &str, values: &[f64]) -> Sample {
        let case = case(&[("load", load), ("part", "flip"), ("round", "0")]);
        Sample::new(NS, case, values.iter().copied())
    }

    fn rows() -> Vec<Row> {
        let samples = [
            flip("saturated", &[30.0, 20.0, 10.0]),
            flip("idle", &[]),
            flip("idle", &[5.0]),
            flip("saturated", &[40.0]),
            Sample::new(NS, case(&[("load", "moderate")]), [1.0]),
            flip("moderate", &[]),
        ];
        SPEC.rows(&samples).unwrap()
    }

    #[test]
    fn samples_of_one_case_are_one_row_in_blocks() {
        let rows = rows();
        let loads: Vec<_> = rows.iter().map(|row| row.key("load")).collect();
        assert_eq!(loads, ["saturated", "idle"]);
        assert_eq!(rows[0].blocks, [vec![30.0, 20.0], vec![10.0], vec![40.0]]);
        assert_eq!((rows[0].about.estimate, rows[0].all.n), (20.0, 4));
        assert_eq!((rows[0].missing, rows[1].missing), (0, 1));
        assert_eq!(rows[1].range(" to "), "5.00 ns to 5.00 ns");
    }

    #[test]
    fn a_ratio_is_of_medians() {
        let rows = rows();
        assert_eq!(rows[0].ratio_to(&rows[1]).unwrap().estimate, 4.0);
    }

    #[test]
    fn rounds_are_compared_one_by_one() {
        let of = |load, round, values: &[f64]| {
            let case = case(&[("load", load), ("round", round)]);
            Sample::new(NS, case, values.iter().copied())
        };
        let samples = [
            of("idle", "1", &[1.0]),
            of("idle", "2", &[10.0]),
            of("idle", "3", &[100.0]),
            of("busy", "3", &[300.0]),
            of("busy", "1", &[1.0]),
            of("busy", "1", &[3.0]),
            of("busy", "4", &[7.0]),
            of("zero", "1", &[0.0]),
            of("other", "9", &[1.0]),
        ];
        let spec = |statistic| Spec {
            by: &["load"],
            blocks: Blocks::By("round"),
            statistic,
        };
        let rows = spec(Statistic::Middle).rows(&samples).unwrap();
        let [idle, busy, zero, other] = &rows[..] else {
            panic!("{rows:?}");
        };
        assert_eq!(busy.blocks, [vec![300.0], vec![1.0, 3.0], vec![7.0]]);
        // Of the means 300, 2 and 7; and of 3 and 2, in the two rounds that both have.
        assert_eq!(busy.about.estimate, 7.0);
        assert_eq!(busy.common(idle).len(), 2);
        assert_eq!(busy.ratio_to(idle).unwrap().estimate, 2.5);
        assert!(idle.ratio_to(zero).is_err() && idle.ratio_to(other).is_err());
        let rows = spec(Statistic::Percentile(99.0)).rows(&samples).unwrap();
        assert_eq!(rows[1].ratio_to(&rows[0]).unwrap().estimate, 3.0);
    }

    #[test]
    fn what_is_missing_is_named() {
        let rows = rows();
        let rows = Rows::all(&rows);
        assert_eq!(rows.values("load"), ["saturated", "idle"]);
        assert_eq!(rows.of(&[("load", "idle")]).0.len(), 1);
        let error = rows.get(&[("part", "effect"), ("load", "idle")]);
        assert_eq!(error.unwrap_err().to_string(), "no raw data: effect, idle");
    }

    #[test]
    fn rows_become_a_table_and_an_object_by_their_keys() {
        let rows = rows();
        let rows = Rows::all(&rows);
        let columns = ["flip", "effect"].map(|part| (part, part.to_owned()));
        let text = rows.pivot(("load", "load"), ("part", &columns), Row::show);
        let text = text.to_string();
        let line = text.lines().find(|line| line.contains("saturated"));
        assert!(line.unwrap().ends_with("20.0 ns        -"), "{text}");
        let json = rows.nested(&["part", "load"], &|row| json!(row.about.estimate));
        assert_eq!(json, json!({"flip": {"saturated": 20.0, "idle": 5.0}}));
    }
}
