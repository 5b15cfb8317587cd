// SPDX-License-Identifier: GPL-2.0-only
//! `scx_metabench breakdown`: n applications that prefer different policies, all at once. The
//! paper left open how many a metascheduler can serve before each has too little of its time.

mod rows;

use std::time::Duration;

use anyhow::Result;
use scx_meta::weights;
use strategy::Strategy;

use crate::pipeline::{Planned, Step};
use crate::record::Stage;
use crate::trial::args::{ProfileArgs, TrialArgs};
use crate::workload::Workload;

/// Options of `breakdown`.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Args {
    /// Those of every trial
    #[command(flatten)]
    pub(crate) trial: TrialArgs,

    /// n: the first so many applications of the workload, all at once
    #[arg(long, value_name = "N")]
    pub(crate) applications: usize,

    /// What they prefer
    #[command(flatten)]
    pub(crate) profile: ProfileArgs,

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
}

impl Step for Args {
    const STAGE: Stage = Stage::Breakdown;

    fn trial(&self) -> &TrialArgs {
        &self.trial
    }

    fn name(&self) -> String {
        format!("breakdown-{}", self.applications)
    }

    fn plan(&self, workload: &mut Workload) -> Result<Planned> {
        let together = rows::together(workload, self.applications)?;
        let (rows, notes) = rows::rows(self, workload)?;
        workload.notes.extend(notes);
        Ok(Planned {
            subjects: vec![(together, true)],
            rows,
        })
    }
}
