// SPDX-License-Identifier: GPL-2.0-only
//! Measures whole workloads under scx_meta pinned to a policy and under the build of that policy
//! alone, by turns.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::contender::{Contender, Programs};
use super::record::{Record, Run};
use super::web::Web;
use super::workload::{Sizes, Workload};
use crate::cli::Out;

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Options {
    /// End to end: rounds; in each both schedulers of each policy are in charge once
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,

    /// End to end: runs of each workload in each round
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repeats: u32,

    /// The program nginx
    #[arg(long, value_name = "PATH")]
    pub(crate) nginx: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) sizes: Sizes,
}

pub(crate) fn method(options: &Options) -> String {
    format!(
        "End to end: {}; the two schedulers of a policy by turns in one boot, runs paired by \
         round.",
        options.sizes.describe()
    )
}

pub(crate) fn measure(options: &Options, programs: &Programs, out: &mut Out) -> Result<()> {
    let nginx = options.nginx.as_ref().context("--nginx is missing")?;
    let _web = Web::start(nginx)?;
    for round in 0..options.rounds as usize {
        for policy in programs.policies() {
            for contender in order(round) {
                programs.in_charge(contender, policy, || {
                    workloads(options, policy, contender, round, out)
                })?;
            }
        }
    }
    Ok(())
}

/// They take turns to begin, so that a machine that grows slower or faster favours nobody.
fn order(round: usize) -> [Contender; 2] {
    match round % 2 {
        0 => [Contender::Multi, Contender::Single],
        _ => [Contender::Single, Contender::Multi],
    }
}

fn workloads(
    options: &Options,
    policy: &str,
    contender: Contender,
    round: usize,
    out: &mut Out,
) -> Result<()> {
    for workload in [Workload::Messaging, Workload::Pipe, Workload::Web] {
        for repeat in 0..options.repeats as usize {
            out.record(&Record::Throughput(Run {
                policy: policy.into(),
                contender,
                round,
                repeat,
                workload,
                per_second: options.sizes.run(workload)?,
            }))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_two_begins_as_often_as_the_other() {
        let firsts: Vec<_> = (0..4).map(|round| order(round)[0]).collect();
        let multi = firsts.iter().filter(|first| **first == Contender::Multi);
        assert_eq!(multi.count(), 2);
        assert!((0..4).all(|round| order(round)[0] != order(round)[1]));
    }
}
