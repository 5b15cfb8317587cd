// SPDX-License-Identifier: GPL-2.0-only
//! `scx_metabench compare`: what `tune` froze, measured afresh, beside the controls that a claim
//! of synergy must exceed. It uses none of tune's data, and when it ends depends on how wide an
//! interval is, never on what it shows.

mod questions;
mod rows;

use std::path::PathBuf;

use anyhow::{Context, Result};
use evidence::raw::Raw;

use crate::estimate::{self, Choice, Measure, WINNER};
use crate::outcome::{Claim, Outcome};
use crate::pipeline::{self, Planned, Step};
use crate::record::{Record, Stage};
use crate::trial::args::TrialArgs;
use crate::workload::Workload;

/// Fewer super-blocks say nothing about how wide an interval will be.
const LEAST_SUPER_BLOCKS: usize = 8;

/// Options of `compare`.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Args {
    /// Those of every trial; --rounds is the most there may be
    #[command(flatten)]
    pub(crate) trial: TrialArgs,

    /// What `tune` wrote
    #[arg(long, value_name = "TUNE.json")]
    pub(crate) tune: PathBuf,

    /// What its winner is best in
    #[arg(long, value_enum, default_value_t = Measure::Throughput)]
    pub(crate) by: Measure,

    /// scx_meta built with one policy in two rows, for a control [default: none]
    #[arg(long, value_name = "PATH")]
    pub(crate) twins: Option<PathBuf>,

    /// Ends early once the interval of the winner's throughput against EEVDF is this narrow
    #[arg(long, value_name = "RATIO", default_value_t = 0.02)]
    pub(crate) width: f64,
}

/// Measures, writes the figures and prints them.
pub(crate) fn run(args: &Args) -> Result<()> {
    let tuned = Outcome::read(&args.tune)?;
    let choice = Choice::of(&tuned, args.by).with_context(|| args.tune.display().to_string())?;
    pipeline::run(&Comparing {
        args,
        tuned,
        choice,
    })
}

struct Comparing<'a> {
    args: &'a Args,
    tuned: Outcome,
    choice: Choice,
}

impl Step for Comparing<'_> {
    const STAGE: Stage = Stage::Compare;

    fn trial(&self) -> &TrialArgs {
        &self.args.trial
    }

    fn plan(&self, workload: &mut Workload) -> Result<Planned> {
        Ok(Planned {
            subjects: vec![pipeline::whole(workload)?],
            rows: rows::rows(&self.choice, self.args.twins.is_some()),
        })
    }

    fn twins(&self) -> Option<PathBuf> {
        self.args.twins.clone()
    }

    fn outcome(&self, raws: &[Raw<Record>]) -> Result<Outcome> {
        let mut outcome = estimate::outcome(raws)?;
        outcome.comparisons = questions::answers(raws, &outcome, &self.choice)?;
        outcome.claimed = claims(&self.tuned, &outcome, &self.choice);
        Ok(outcome)
    }

    fn is_enough(&self, outcome: &Outcome) -> bool {
        is_narrow(outcome, self.args.width)
    }
}

/// The two as tune had found them, and afresh.
fn claims(tuned: &Outcome, outcome: &Outcome, choice: &Choice) -> Vec<Claim> {
    let pairs = [
        (&choice.winner.label, WINNER),
        (&choice.single.label, choice.single.label.as_str()),
    ];
    let claim = |(then, now): (&String, &str)| {
        Some(Claim {
            label: match now == then {
                true => then.clone(),
                false => format!("{now}: {then}"),
            },
            tune: tuned.whole()?.row(then)?.throughput_ratio,
            compare: outcome.whole()?.row(now)?.throughput_ratio,
        })
    };
    pairs.into_iter().filter_map(claim).collect()
}

fn is_narrow(outcome: &Outcome, width: f64) -> bool {
    let is_enough = outcome
        .whole()
        .is_some_and(|whole| whole.super_blocks >= LEAST_SUPER_BLOCKS);
    let first = outcome
        .comparisons
        .first()
        .map(|first| first.throughput_ratio);
    is_enough && first.is_some_and(|ratio| ratio.high - ratio.low <= width)
}
