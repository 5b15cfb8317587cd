// SPDX-License-Identifier: GPL-2.0-only
//! `scx_metabench breakdown`: n applications that prefer different policies, all at once. The
//! paper left open how many a metascheduler can serve before each has too little of its time.

mod rows;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use scx_meta::weights;
use strategy::profile::Profile;
use strategy::{Prefer, Strategy};

use crate::estimate;
use crate::trial::args::TrialArgs;
use crate::trial::files::Destination;
use crate::trial::record::Stage;
use crate::trial::session::{Moment, Next, Wanted};
use crate::trial::{files, session};

/// Options of `breakdown`.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Args {
    /// Those of every trial
    #[command(flatten)]
    pub(crate) trial: TrialArgs,

    /// n: the first so many applications of the workload, all at once
    #[arg(long, value_name = "N")]
    pub(crate) applications: usize,

    /// What `profile` wrote of this workload
    #[arg(long, value_name = "PROFILE.toml", required_unless_present = "from")]
    pub(crate) profile: Option<PathBuf>,

    /// How they share the time
    #[arg(
        long,
        value_name = "NAME,…",
        value_delimiter = ',',
        default_value = "round-robin,benefit-gain"
    )]
    pub(crate) strategies: Vec<Strategy>,

    /// t_b; a rotation takes n of them
    #[arg(long, value_name = "TIME", default_value = "20ms", value_parser = weights::parse_duration)]
    pub(crate) base_slice: Duration,

    /// What makes a policy an application's preferred one
    #[arg(long, value_enum, default_value_t = Prefer::Throughput)]
    pub(crate) prefer: Prefer,
}

/// Measures, writes the figures and prints them.
pub(crate) fn run(args: &Args) -> Result<()> {
    let trial = &args.trial;
    let name = format!("breakdown-{}", args.applications);
    let wanted = || {
        let mut workload = trial.read()?;
        let together = rows::together(&workload, args.applications)?;
        let path = args.profile.clone().unwrap_or_default();
        let policies = trial.common.policy_list();
        let profile = Profile::read(&path, &policies.names())?;
        let (rows, notes) = rows::rows(args, &workload, &profile, &policies)?;
        workload.notes.extend(notes);
        let raw = format!("{}-{name}.jsonl", files::stem(&workload.name));
        Ok(Wanted {
            subjects: vec![(together, true)],
            rows,
            rounds: trial.rounds,
            raw: Destination::File(trial.out.join(raw)),
            twins: None,
            workload,
        })
    };
    session::run(
        Stage::Breakdown,
        &trial.common,
        wanted,
        &mut |raws, moment| {
            let outcome = estimate::outcome(raws)?;
            outcome.write(&trial.out.join(format!("{name}.json")))?;
            if moment == Moment::End {
                println!("{}", estimate::tables(&outcome));
            }
            Ok(Next::More)
        },
    )
}
