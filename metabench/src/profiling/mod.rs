// SPDX-License-Identifier: GPL-2.0-only
//! `scx_metabench profile`: each application, and the whole, under EEVDF and under every policy.
//! It writes `profile.toml`, from which `scx_meta --profile` computes weights.

use std::path::PathBuf;

use anyhow::{ensure, Result};
use labkit::charge::others::Others;

use crate::outcome::Outcome;
use crate::pipeline::{Planned, Step};
use crate::profile_file;
use crate::record::{Row, Stage};
use crate::trial::args::TrialArgs;
use crate::workload::{Application, Workload};

const PROFILE: &str = "profile.toml";

/// The whole, for `--subject`, whatever its name.
const WHOLE: &str = "whole";

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

impl Args {
    fn profile(&self) -> PathBuf {
        self.trial.out.join(PROFILE)
    }
}

impl Step for Args {
    const STAGE: Stage = Stage::Profile;

    fn trial(&self) -> &TrialArgs {
        &self.trial
    }

    fn plan(&self, workload: &mut Workload) -> Result<Planned> {
        let mut rows = self.trial.common.held();
        rows.extend(Row::others(&self.outside)?);
        Ok(Planned {
            subjects: subjects(workload, &self.subject)?,
            rows,
        })
    }

    fn keep(&self, outcome: &Outcome) -> Result<()> {
        profile_file::write(outcome, &self.profile())
    }

    fn conclusion(&self, _outcome: &Outcome) -> Result<String> {
        Ok(format!("{}\n", self.profile().display()))
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
