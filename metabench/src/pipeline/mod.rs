// SPDX-License-Identifier: GPL-2.0-only
//! `profile`, `tune`, `compare` and `breakdown` are steps of one pipeline. Each measures a workload,
//! writes `WORKLOAD-STEP.jsonl` (raw data) and `STEP.json` (for `report` and for later steps), and
//! prints the tables.

pub(crate) mod grid;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use evidence::raw::Raw;

use crate::estimate;
use crate::outcome::Outcome;
use crate::record::{Record, Row, Stage};
use crate::report::terminal;
use crate::trial::args::TrialArgs;
use crate::trial::files::{self, Destination};
use crate::trial::session::{self, Moment, Next, Wanted};
use crate::workload::{Application, Workload};

/// Applications to put under load, each with whether it is the whole; and rows.
pub(crate) struct Planned {
    pub(crate) subjects: Vec<(Application, bool)>,
    pub(crate) rows: Vec<Row>,
}

pub(crate) trait Step {
    const STAGE: Stage;

    fn trial(&self) -> &TrialArgs;

    /// Of its files.
    fn name(&self) -> String {
        Self::STAGE.command().into()
    }

    /// The workload takes notes of what a report must say.
    fn plan(&self, workload: &mut Workload) -> Result<Planned>;

    /// The build with two rows of one policy, if a row needs it.
    fn twins(&self) -> Option<PathBuf> {
        None
    }

    fn outcome(&self, raws: &[Raw<Record>]) -> Result<Outcome> {
        estimate::outcome(raws)
    }

    /// Writes more than `STEP.json`.
    fn keep(&self, _outcome: &Outcome) -> Result<()> {
        Ok(())
    }

    /// Said below the tables.
    fn conclusion(&self, _outcome: &Outcome) -> Result<String> {
        Ok(String::new())
    }

    /// Whether the trial may end before its plan does.
    fn is_enough(&self, _outcome: &Outcome) -> bool {
        false
    }
}

/// Measures, writes and prints. What is written after a super-block is what is left if we are
/// killed.
pub(crate) fn run<S: Step>(step: &S) -> Result<()> {
    let (trial, name) = (step.trial(), step.name());
    let wanted = || {
        let mut workload = trial.read()?;
        let Planned { subjects, rows } = step.plan(&mut workload)?;
        let raw = format!("{}-{name}.jsonl", files::stem(&workload.name));
        Ok(Wanted {
            subjects,
            rows,
            rounds: trial.rounds,
            raw: Destination::File(trial.out.join(raw)),
            twins: step.twins(),
            lead: Duration::ZERO,
            signals: false,
            workload,
        })
    };
    session::run(S::STAGE, &trial.common, wanted, &mut |raws, moment| {
        let outcome = step.outcome(raws)?;
        outcome.write(&trial.out.join(format!("{name}.json")))?;
        step.keep(&outcome)?;
        if moment == Moment::End {
            println!("{}", terminal::text(&outcome));
            print!("{}", step.conclusion(&outcome)?);
        }
        Ok(match step.is_enough(&outcome) {
            true => Next::Enough,
            false => Next::More,
        })
    })
}

/// The whole of a workload, and that it is the whole; an application that is alone is the whole of
/// it.
pub(crate) fn whole(workload: &Workload) -> Result<(Application, bool)> {
    let alone = match &workload.applications[..] {
        [only] => Some(only),
        _ => None,
    };
    let whole = workload.whole.as_ref().or(alone);
    let whole =
        whole.with_context(|| format!("{}: there is no [whole] to measure", workload.name))?;
    Ok((whole.clone(), true))
}
