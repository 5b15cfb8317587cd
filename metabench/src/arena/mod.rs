// SPDX-License-Identifier: GPL-2.0-only
//! `scx_metabench arena`: many scenarios, each under EEVDF, every policy, an equal rotation, and scx_meta
//! that chooses by itself. Does the one that chooses come out well everywhere, and how much does it lose
//! against somebody who knew?

mod page;
mod rows;
mod standing;
mod truth;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use evidence::files::write_whole;
use evidence::raw::{self, Raw};
use labkit::charge::others::Others;
use labkit::process;
use scx_meta::auto::{self, Arms, Goal};
use scx_meta::weights;

use self::standing::Scene;
use crate::record::{Record, Row, Stage};
use crate::trial::args::Common;
use crate::trial::files::{self, Destination};
use crate::trial::session::{self, Next, Wanted};
use crate::workload::{Scenario, Workload};
use crate::{estimate, pipeline};

/// What is written of all scenarios.
const PAGE: &str = "arena.md";

/// Options of `arena`.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Args {
    /// Scenarios: workloads with a table [arena]
    #[arg(value_name = "SCENARIO.toml", required_unless_present = "from")]
    scenarios: Vec<PathBuf>,

    /// Fills in a placeholder of the scenarios (repeatable)
    #[arg(long, value_name = "NAME=VALUE", value_parser = crate::trial::args::name_and_value)]
    set: Vec<(String, String)>,

    /// Super-blocks of each scenario: so many blocks of each row, and twice as many under EEVDF
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,

    /// How long the one that chooses is shown a load that stays the same, before it counts; of loads that
    /// change, everything counts
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = weights::parse_duration)]
    lead: Duration,

    /// Among which it chooses
    #[arg(long, value_name = "NAME,…", default_value = auto::ARMS)]
    auto: Arms,

    /// What is better, to the one that chooses
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Goal::Balanced)]
    goal: Goal,

    /// Length of a turn of the one that chooses
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = weights::parse_duration)]
    auto_turn: Duration,

    /// Length of the equal rotation; the unit (us, ms, s) is required
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = weights::parse_duration)]
    period: Duration,

    /// Have the policies that are held count the signals that --auto goes by, for a table of how well each
    /// tells which policy is better; that costs them a little
    #[arg(long)]
    signals: bool,

    /// Measure again what was measured before
    #[arg(long)]
    fresh: bool,

    /// Folder for raw data, one file a scenario, and for arena.md
    #[arg(long, value_name = "DIR", default_value = "arena")]
    out: PathBuf,

    /// How to measure
    #[command(flatten)]
    trial: Common,

    /// Other schedulers
    #[command(flatten)]
    outside: Others,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    if !args.trial.run.from.is_empty() {
        return finish(args, &args.trial.run.from);
    }
    ensure!(
        args.trial.run.raw.is_none() || args.scenarios.len() == 1,
        "--raw takes one scenario; several have a file each, in --out"
    );
    // What is wrong with the last one must not show after hours.
    let scenarios: Vec<Contest> = args
        .scenarios
        .iter()
        .map(|path| Contest::read(args, path).with_context(|| path.display().to_string()))
        .collect::<Result<_>>()?;
    let mut raws = Vec::new();
    for contest in scenarios {
        raws.push(contest.raw.clone());
        contest.measure(args)?;
    }
    match args.trial.run.raw {
        Some(_) => Ok(()),
        None => finish(args, &raws),
    }
}

/// A scenario that is to be measured.
struct Contest {
    workload: Workload,
    rows: Vec<Row>,
    raw: PathBuf,
}

impl Contest {
    fn read(args: &Args, path: &Path) -> Result<Self> {
        let workload = Workload::read(path, &args.set)?;
        let scenario = workload.scenario.as_ref();
        let scenario = scenario.context("there is no table [arena], so it is no scenario")?;
        need(scenario)?;
        Ok(Self {
            rows: rows::rows(args, scenario)?,
            raw: args
                .out
                .join(format!("{}.jsonl", files::stem(&workload.name))),
            workload,
        })
    }

    fn measure(self, args: &Args) -> Result<()> {
        if args.trial.run.raw.is_none() && !args.fresh && self.is_measured(args.rounds)? {
            eprintln!(
                "scx_metabench: {} was measured before (--fresh measures again)",
                self.workload.name
            );
            return Ok(());
        }
        let wanted = || {
            Ok(Wanted {
                subjects: vec![pipeline::whole(&self.workload)?],
                rows: self.rows,
                rounds: args.rounds,
                raw: Destination::File(self.raw),
                twins: None,
                lead: args.lead,
                signals: args.signals,
                workload: self.workload,
            })
        };
        session::run(Stage::Arena, &args.trial, wanted, &mut |_, _| {
            Ok(Next::More)
        })
    }

    /// An earlier run came to its end with the same rows and as many rounds.
    fn is_measured(&self, rounds: u32) -> Result<bool> {
        if !self.raw.is_file() {
            return Ok(false);
        }
        let raw: Raw<Record> = raw::read_unfinished(&self.raw)?;
        let is_complete = raw
            .records
            .iter()
            .any(|record| matches!(record, Record::End { complete: true, .. }));
        let plan = files::plan(&raw);
        Ok(is_complete && plan.is_ok_and(|plan| plan.rows == self.rows && plan.rounds == rounds))
    }
}

/// What a scenario runs must be installed.
fn need(scenario: &Scenario) -> Result<()> {
    for program in &scenario.programs {
        ensure!(
            process::find_tool(program).is_some() || Path::new(program).is_file(),
            "it needs {program}, which is not on PATH"
        );
    }
    Ok(())
}

/// The page of all scenarios, of one or several boots each.
fn finish(args: &Args, files: &[PathBuf]) -> Result<()> {
    let mut scenes: Vec<(String, Vec<Raw<Record>>)> = Vec::new();
    for path in files {
        for raw in files::read(std::slice::from_ref(path), Stage::Arena)? {
            let name = files::plan(&raw)?.workload.clone();
            match scenes.iter_mut().find(|(known, _)| *known == name) {
                Some((_, raws)) => raws.push(raw),
                None => scenes.push((name, vec![raw])),
            }
        }
    }
    let scenes: Vec<Scene> = scenes
        .iter()
        .map(|(name, raws)| {
            let outcome = estimate::outcome(raws).with_context(|| name.clone())?;
            Scene::of(outcome, raws).with_context(|| name.clone())
        })
        .collect::<Result<_>>()?;
    let text = page::text(&scenes)?;
    write_whole(&args.out.join(PAGE), &text)?;
    print!("{text}");
    Ok(())
}
