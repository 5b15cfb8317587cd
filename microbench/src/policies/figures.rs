// SPDX-License-Identifier: GPL-2.0-only
//! The half of `bench policies` that makes figures of the raw data: a Markdown document, and the
//! same as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{bail, ensure, Context, Result};
use evidence::raw::Raw;
use evidence::sample::Interval;
use evidence::spec::{self, case, Blocks, Rows, Sample, Spec, RATIO};
use evidence::{files, once, raw};
use labkit::machine::Machine;
use serde::Serialize;

use super::document;
use super::measure::EEVDF;
use super::metric::{Better, Metric, METRICS};
use super::record::{self, Record};

#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Args {
    /// Raw data, as `measure` printed it (repeatable)
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    pub(crate) raw: Vec<PathBuf>,

    /// Folder for the JSON file
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,

    /// The document
    #[arg(long, value_name = "FILE")]
    pub(crate) document: PathBuf,

    /// The command that makes all of it again
    #[arg(long, value_name = "COMMAND")]
    pub(crate) again: String,

    /// What else a reader must know of how it was measured (repeatable)
    #[arg(long = "fact", value_name = "NAME=VALUE", value_parser = fact)]
    pub(crate) facts: Vec<Fact>,
}

/// `commit`, `1e54b7a`.
pub(crate) type Fact = (String, String);

fn fact(text: &str) -> Result<Fact> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => bail!("`{text}` is not NAME=VALUE"),
    }
}

/// Reads the raw data and writes the document.
pub(crate) fn run(args: &Args) -> Result<()> {
    let raws: Vec<Raw<Record>> = args
        .raw
        .iter()
        .map(|path| raw::read(path))
        .collect::<Result<_>>()?;
    let report = Report::of(&raws, args)?;
    let text = document::text(&report);
    print!("{}", document::tables(&report));
    files::write_all(&args.out, &[files::json("policies.json", &report)?])?;
    files::write_whole(&args.document, &text)
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) facts: Vec<Fact>,
    pub(crate) emulated: bool,
    pub(crate) date: String,
    pub(crate) again: String,
    pub(crate) machines: Vec<OfMachine>,
}

#[derive(Debug, Serialize)]
pub(crate) struct OfMachine {
    pub(crate) name: String,
    pub(crate) machine: Machine,
    pub(crate) boots: usize,
    pub(crate) rounds: usize,
    /// EEVDF first: its own values, and the ratio of its second measurement to its first.
    pub(crate) rows: Vec<Row>,
    pub(crate) failures: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) label: String,
    /// By the metric's key; those that were not measured are missing.
    pub(crate) figures: BTreeMap<&'static str, Figure>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Figure {
    /// In the metric's unit.
    pub(crate) value: f64,
    /// Against EEVDF in the same rounds, with an interval of 95 %.
    pub(crate) ratio: Interval,
    pub(crate) rounds: usize,
    pub(crate) verdict: Verdict,
}

/// Whether something differs from EEVDF by more than chance, and by more than EEVDF from itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Better,
    Worse,
    /// It does not, as far as this was measured.
    Same,
}

impl Report {
    fn of(raws: &[Raw<Record>], args: &Args) -> Result<Self> {
        let names: Vec<&str> = raws
            .iter()
            .map(|raw| Ok(plan(raw)?.0))
            .collect::<Result<_>>()?;
        let names = once(names);
        let of = |name: &&str| {
            let own = raws
                .iter()
                .filter(|raw| plan(raw).is_ok_and(|plan| plan.0 == *name));
            OfMachine::of(name, &own.collect::<Vec<_>>())
        };
        let machines: Vec<_> = names.iter().map(of).collect::<Result<_>>()?;
        Ok(Self {
            facts: args.facts.clone(),
            emulated: machines.iter().any(|machine| machine.machine.is_emulated()),
            date: labkit::machine::date(),
            again: args.again.clone(),
            machines,
        })
    }
}

/// The machine's name, and the labels of what was to be compared.
fn plan(raw: &Raw<Record>) -> Result<(&str, Vec<&str>)> {
    let plan = raw.records.iter().find_map(|record| match record {
        Record::Plan {
            machine,
            contenders,
            ..
        } => {
            let labels = contenders.iter().map(|contender| &*contender.label);
            Some((&**machine, labels.collect()))
        }
        _ => None,
    });
    plan.context("raw data without a plan")
}

/// EEVDF's values from both of its places.
const BOTH: &str = "EEVDF, both";

impl OfMachine {
    fn of(name: &str, raws: &[&Raw<Record>]) -> Result<Self> {
        let first = raws.first().context("a machine without raw data")?;
        let mut labels: Vec<&str> = Vec::new();
        let mut samples = Vec::new();
        let mut rounds = BTreeSet::new();
        let mut failures = Vec::new();
        for raw in raws {
            ensure!(
                raw.machine == first.machine,
                "{name}: raw data of different machines"
            );
            labels.extend(plan(raw)?.1);
            for record in &raw.records {
                match record {
                    Record::Plan { .. } => {}
                    Record::Cell {
                        round,
                        under,
                        samples: measured,
                        ..
                    } => {
                        rounds.insert(*round);
                        samples.extend(measured.iter().map(|sample| (*round, &**under, sample)));
                    }
                    Record::Failed {
                        round,
                        under,
                        load,
                        reason,
                    } => {
                        let load = load.as_deref().unwrap_or("coming in charge");
                        failures.push(format!("{under}, {load}, round {round}: {reason}"));
                    }
                }
            }
        }
        // As they are in each round, whatever the order of boots and of contenders.
        samples.sort_by_key(|(round, under, _)| (*round, *under == EEVDF[1]));
        let samples = long(&samples);
        let mut figures = BTreeMap::new();
        for metric in METRICS {
            figures.insert(metric.key, self::figures(metric, &samples)?);
        }
        let again = |label: &&&str| **label != EEVDF[1];
        let labels = once(labels);
        let rows = labels.iter().filter(again).map(|label| {
            let figures = figures.iter();
            let own = figures.filter_map(|(key, all)| Some((*key, *all.get(*label)?)));
            Row {
                label: (*label).into(),
                figures: own.collect(),
            }
        });
        let rows = rows.collect();
        Ok(Self {
            name: name.into(),
            machine: first.machine.clone(),
            boots: raws.len(),
            rounds: rounds.len(),
            rows,
            failures,
        })
    }
}

/// EEVDF's samples come twice, the second time for both of its places.
fn long(samples: &[(u32, &str, &record::Sample)]) -> Vec<Sample> {
    let mut long = Vec::new();
    for &(round, under, sample) in samples {
        let both = EEVDF.contains(&under).then_some(BOTH);
        for under in [under].into_iter().chain(both) {
            let round = round.to_string();
            let case = case(&[
                ("under", under),
                ("sample", &sample.name),
                ("round", &round),
            ]);
            long.push(Sample::new(RATIO, case, sample.values.iter().copied()));
        }
    }
    long
}

/// One metric, by scheduler. There is none without a round that it shares with EEVDF, or if EEVDF's
/// value is 0.
fn figures(metric: &Metric, samples: &[Sample]) -> Result<BTreeMap<String, Figure>> {
    let spec = Spec {
        by: &["sample", "under"],
        blocks: Blocks::By("round"),
        statistic: metric.statistic,
    };
    let of_metric = samples
        .iter()
        .filter(|one| one.case["sample"] == metric.sample);
    let rows = spec.rows(&of_metric.cloned().collect::<Vec<_>>())?;
    let rows = Rows::all(&rows);
    let find = |under| rows.find(&[("under", under)]);
    let compared = |of: &spec::Row, to| Some((of.ratio_to(to).ok()?, of.common(to).len()));
    let noise = find(EEVDF[1]).zip(find(EEVDF[0]));
    let noise = noise.and_then(|(again, first)| compared(again, first));
    let mut figures = BTreeMap::new();
    let Some(both) = find(BOTH) else {
        return Ok(figures);
    };
    for row in rows.0 {
        let under = row.key("under");
        let (value, compared) = match under {
            // Whose figures stand with EEVDF's.
            _ if [BOTH, EEVDF[1]].contains(&under) => continue,
            _ if under == EEVDF[0] => (both, noise),
            _ => (row, compared(row, both)),
        };
        let Some((ratio, rounds)) = compared else {
            continue;
        };
        let verdict = match under == EEVDF[0] {
            true => Verdict::Same,
            false => verdict(metric.better, ratio, noise.map(|(noise, _)| noise)),
        };
        let figure = Figure {
            value: value.about.estimate,
            ratio,
            rounds,
            verdict,
        };
        figures.insert(under.to_owned(), figure);
    }
    Ok(figures)
}

/// Beyond chance: the interval is on one side of 1. Beyond the noise: further from 1 than EEVDF is
/// from itself.
fn verdict(better: Better, ratio: Interval, noise: Option<Interval>) -> Verdict {
    let noise = noise.map_or(0.0, |noise| distance(noise.estimate));
    if let Better::Near(percent) = better {
        let most = (1.0 + f64::from(percent) / 100.0).ln().max(noise);
        return match distance(ratio.estimate) > most {
            true => Verdict::Worse,
            false => Verdict::Same,
        };
    }
    if (ratio.low..=ratio.high).contains(&1.0) || distance(ratio.estimate) <= noise {
        return Verdict::Same;
    }
    match (ratio.estimate < 1.0) == (better == Better::Less) {
        true => Verdict::Better,
        false => Verdict::Worse,
    }
}

/// From a ratio to 1, the same for x and 1 ÷ x.
fn distance(ratio: f64) -> f64 {
    ratio.ln().abs()
}

#[cfg(test)]
pub(crate) mod tests {
    use labkit::clock::{Clock, Costs};

    use super::super::load::Load;
    use super::super::record::Contender;
    use super::*;
    use labkit::charge::setting::Setting;

    fn contender(label: &str) -> Contender {
        Contender {
            label: label.into(),
            setting: Setting::Eevdf,
        }
    }

    fn cell(round: u32, under: &str, name: &str, values: &[f64]) -> Record {
        Record::Cell {
            round,
            place: 0,
            under: under.into(),
            load: Load::Fork.name(),
            took_ms: 10.0,
            samples: vec![record::Sample {
                name: name.into(),
                values: values.into(),
            }],
        }
    }

    /// Six boots: `fifo` takes twice as long as EEVDF for forks, and `failing` fails.
    pub(crate) fn raws() -> Vec<Raw<Record>> {
        let machine = Machine {
            kernel: "6.18.15".into(),
            accel: "tcg".into(),
            cpus: 4,
            clock: Clock::Parallel(Costs::Calibrated),
        };
        let raw = |round: u32| {
            let eevdf = 100.0 + f64::from(round);
            let latencies: Vec<f64> = (0..200).map(|i| f64::from(i) + eevdf).collect();
            Raw {
                machine: machine.clone(),
                records: vec![
                    Record::Plan {
                        machine: "4 CPUs".into(),
                        contenders: ["EEVDF", "EEVDF again", "fifo", "failing"]
                            .map(contender)
                            .into(),
                        seed: 1,
                    },
                    cell(round, "EEVDF", "fork", &[eevdf]),
                    cell(round, "fifo", "fork", &[2.0 * eevdf]),
                    cell(round, "EEVDF again", "fork", &[1.01 * eevdf]),
                    cell(round, "EEVDF", "wakeup", &latencies),
                    cell(round, "fifo", "wakeup", &latencies),
                    cell(round, "EEVDF again", "wakeup", &latencies),
                    Record::Failed {
                        round,
                        under: "failing".into(),
                        load: None,
                        reason: "ejected".into(),
                    },
                ],
            }
        };
        (0..6).map(raw).collect()
    }

    pub(crate) fn args() -> Args {
        Args {
            raw: Vec::new(),
            out: PathBuf::new(),
            document: PathBuf::new(),
            again: "cargo xtask bench policies".into(),
            facts: vec![("commit".into(), "abc".into())],
        }
    }

    pub(crate) fn report() -> Report {
        Report::of(&raws(), &args()).unwrap()
    }

    #[test]
    fn ratios_are_to_eevdf_of_the_same_round() {
        let report = report();
        let [machine] = &report.machines[..] else {
            panic!("{report:?}");
        };
        assert_eq!((machine.boots, machine.rounds), (6, 6));
        let labels: Vec<_> = machine.rows.iter().map(|row| &*row.label).collect();
        assert_eq!(labels, ["EEVDF", "fifo", "failing"]);
        let fork = machine.rows[1].figures["fork_us"];
        assert!((fork.ratio.estimate - 2.0 / 1.005).abs() < 1e-9, "{fork:?}");
        assert_eq!((fork.rounds, fork.verdict), (6, Verdict::Worse));
        let noise = machine.rows[0].figures["fork_us"];
        assert!((noise.ratio.estimate - 1.01).abs() < 1e-9, "{noise:?}");
        assert_eq!(noise.verdict, Verdict::Same);
        let wakeup = machine.rows[1].figures["wakeup_p99_us"];
        assert_eq!(
            (wakeup.ratio.estimate, wakeup.verdict),
            (1.0, Verdict::Same)
        );
        assert!(machine.rows[2].figures.is_empty());
        assert_eq!(machine.failures.len(), 6);
    }

    #[test]
    fn without_a_value_of_eevdfs_there_is_no_ratio() {
        let fork = METRICS.iter().find(|metric| metric.key == "fork_us");
        let own = |eevdf: &[f64]| {
            let of = |values: &[f64]| record::Sample {
                name: "fork".into(),
                values: values.into(),
            };
            let (eevdf, fifo) = (of(eevdf), of(&[3.0]));
            let samples = [(0, "EEVDF", &eevdf), (0, "fifo", &fifo)];
            let figures = figures(fork.unwrap(), &long(&samples)).unwrap();
            figures.get("fifo").map(|figure| figure.ratio.estimate)
        };
        assert_eq!(own(&[2.0]), Some(1.5));
        assert_eq!((own(&[0.0]), own(&[])), (None, None));
    }

    #[test]
    fn a_difference_is_one_beyond_chance_and_beyond_the_noise() {
        let interval = |estimate, low, high| Interval {
            estimate,
            low,
            high,
        };
        let noise = Some(interval(0.95, 0.9, 1.1));
        let half = interval(0.5, 0.4, 0.6);
        assert_eq!(verdict(Better::Less, half, noise), Verdict::Better);
        assert_eq!(verdict(Better::More, half, noise), Verdict::Worse);
        let unsure = interval(0.5, 0.4, 1.1);
        assert_eq!(verdict(Better::Less, unsure, noise), Verdict::Same);
        let small = interval(1.04, 1.03, 1.05);
        assert_eq!(verdict(Better::Less, small, noise), Verdict::Same);
        assert_eq!(verdict(Better::Less, small, None), Verdict::Worse);
        assert_eq!(verdict(Better::Near(10), small, None), Verdict::Same);
        assert_eq!(verdict(Better::Near(10), half, None), Verdict::Worse);
    }

    #[test]
    fn a_fact_has_a_name() {
        assert_eq!(fact("commit=a=b").unwrap().1, "a=b");
        assert!(fact("commit").is_err() && fact("=x").is_err());
    }
}
