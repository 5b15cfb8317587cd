// SPDX-License-Identifier: GPL-2.0-only
//! `scx_metabench profile`: each application, and the whole, under EEVDF and under every policy.
//! What comes of it is `profile.toml`, from which `scx_meta --profile` computes weights.

use std::path::Path;

use anyhow::{ensure, Result};
use labkit::charge::others::Others;
use labkit::charge::setting::Setting;
use scx_meta::policy::Policy;

use crate::outcome::Outcome;
use crate::trial::args::TrialArgs;
use crate::trial::files::Destination;
use crate::trial::record::{Role, Row, Stage};
use crate::trial::session::{Moment, Next, Wanted};
use crate::trial::{files, session};
use crate::workload::{Application, Workload};
use crate::{estimate, profile_file};

const PROFILE: &str = "profile.toml";

/// What `--subject` calls the whole, whatever its name.
const WHOLE: &str = "whole";

const OUTCOME: &str = "profile.json";

/// Options of `profile`.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Args {
    /// Those of every trial
    #[command(flatten)]
    pub(crate) trial: TrialArgs,

    /// Other schedulers: they are in the tables, not in profile.toml
    #[command(flatten)]
    pub(crate) outside: Others,

    /// Only this application, or `whole` (repeatable) [default: all]
    #[arg(long, value_name = "NAME", conflicts_with = "from")]
    pub(crate) subject: Vec<String>,
}

/// Measures, writes the profile and prints the tables.
pub(crate) fn run(args: &Args) -> Result<()> {
    let trial = &args.trial;
    let wanted = || {
        let workload = trial.read()?;
        let raw = format!("{}-profile.jsonl", files::stem(&workload.name));
        Ok(Wanted {
            subjects: subjects(&workload, &args.subject)?,
            rows: rows(args)?,
            rounds: trial.rounds,
            raw: Destination::File(trial.out.join(raw)),
            twins: None,
            workload,
        })
    };
    session::run(
        Stage::Profile,
        &trial.common,
        wanted,
        &mut |raws, moment| {
            let outcome = estimate::outcome(raws)?;
            keep(&outcome, &trial.out)?;
            if moment == Moment::End {
                println!("{}", estimate::tables(&outcome));
                println!("{}", trial.out.join(PROFILE).display());
            }
            Ok(Next::More)
        },
    )
}

fn rows(args: &Args) -> Result<Vec<Row>> {
    let policies = args.trial.common.policies().into_iter();
    let mut rows: Vec<Row> = policies.map(held).collect();
    rows.extend(Row::others(&args.outside)?);
    Ok(rows)
}

pub(crate) fn held(policy: Policy) -> Row {
    Row {
        label: policy.name().into(),
        setting: Setting::Hold {
            policy: policy.name().into(),
        },
        role: Role::Single,
    }
}

/// The parts, then the whole; or those of them that were asked for.
fn subjects(workload: &Workload, only: &[String]) -> Result<Vec<(Application, bool)>> {
    let parts = workload.applications.iter().map(|part| (part, false));
    let whole = workload.whole.iter().map(|whole| (whole, true));
    let all: Vec<_> = parts.chain(whole).collect();
    let is_called = |name: &str, (part, whole): &(&Application, bool)| {
        part.name == name || (*whole && name == WHOLE)
    };
    for name in only {
        ensure!(
            all.iter().any(|subject| is_called(name, subject)),
            "--subject {name}: there is none in {}",
            workload.name
        );
    }
    let wanted = all
        .into_iter()
        .filter(|subject| only.is_empty() || only.iter().any(|name| is_called(name, subject)));
    Ok(wanted.map(|(part, whole)| (part.clone(), whole)).collect())
}

fn keep(outcome: &Outcome, folder: &Path) -> Result<()> {
    outcome.write(&folder.join(OUTCOME))?;
    profile_file::write(outcome, &folder.join(PROFILE))
}
