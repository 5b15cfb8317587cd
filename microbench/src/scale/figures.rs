// SPDX-License-Identifier: GPL-2.0-only
//! The half of `bench scale` that makes tables and figures of the raw data.

mod after;
mod busy;
mod cost;
mod owners;
mod retained;

use anyhow::Result;
use evidence::files::{self, File};
use evidence::provenance::Provenance;
use evidence::raw::{self, Raw};
use labkit::machine::Machine;
use serde_json::{json, Value};

use self::after::After;
use self::cost::Cost;
use self::owners::Owners;
use self::retained::Retained;
use super::record::Record;
use crate::cli::FiguresArgs;

const METHOD: &str =
    "Flip: by the clock, inside the timer callback. Throughput: requests answered \
                      by saturating pairs of threads, by turns in one boot, against the same \
                      policies pinned. Medians with 95 % bootstrap intervals.";
const COMMAND: &str = "cargo xtask bench scale";

pub(crate) fn run(args: &FiguresArgs) -> Result<()> {
    let raws: Vec<Raw<Record>> = args
        .raw
        .iter()
        .map(|path| raw::read(path))
        .collect::<Result<_>>()?;
    let report = Report::of(&raws)?;
    print!("{report}");
    files::write_all(&args.out, &report.files()?)
}

struct Report {
    provenance: Provenance,
    cost: Cost,
    after: After,
    retained: Retained,
    owners: Owners,
    busy: busy::Report,
}

impl Report {
    fn of(raws: &[Raw<Record>]) -> Result<Self> {
        let cost = Cost::of(raws)?;
        let after = After::of(raws)?;
        let retained = Retained::of(raws)?;
        let measured = cost.measured().into_iter().chain(retained.measured());
        Ok(Self {
            provenance: Provenance::new(
                METHOD,
                raws.iter().map(|raw| raw.machine.clone()),
                measured.collect(),
                COMMAND,
            )?,
            owners: Owners::of(raws)?,
            busy: busy::Report::of(raws)?,
            cost,
            after,
            retained,
        })
    }

    fn json(&self) -> Value {
        json!({
            "provenance": self.provenance,
            "flip_ratio_cpus": self.cost.ratio_cpus,
            "flip_ratio_tasks": self.cost.ratio_tasks,
            "pairs": self.cost.pairs_json(),
            "flip": self.cost.json(),
            "after_flip": self.after.json(),
            "retained": self.retained.json(),
            "retained_all_policies": self.retained.json_all(),
            "owner_turns": self.owners.json_share(),
            "owners": self.owners.json(),
            "busy": self.busy.json(),
        })
    }

    /// The JSON file comes last: who finds it finds all of the report.
    fn files(&self) -> Result<Vec<File>> {
        let footnote = self.provenance.footnote();
        let mut files = self.cost.figures(&footnote)?;
        files.push(self.retained.figure(&footnote)?);
        files.push(self.owners.figure(&footnote)?);
        files.push(files::json("scale.json", &self.json())?);
        Ok(files)
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Self {
            provenance,
            cost,
            after,
            retained,
            owners,
            busy,
        } = self;
        write!(
            f,
            "{provenance}\n{cost}\n{after}\n{retained}\n{owners}\n{busy}\n"
        )
    }
}

/// Every record with the machine it comes from.
fn records(raws: &[Raw<Record>]) -> impl Iterator<Item = (&Machine, &Record)> {
    raws.iter()
        .flat_map(|raw| raw.records.iter().map(|record| (&raw.machine, record)))
}

/// A period as people and the keys of the JSON file have it: `400ms`.
fn period_name(period_us: u64) -> String {
    format!("{}ms", period_us as f64 / 1e3)
}

/// A period along an axis, in nanoseconds.
fn period_ns(period_us: u64) -> f64 {
    period_us as f64 * 1e3
}
