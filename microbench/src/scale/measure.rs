// SPDX-License-Identifier: GPL-2.0-only
//! The half of `bench scale` that runs in the guest.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;
use labkit::machine::Machine;
use labkit::sys;

use super::{after, busy, cost, period};
use crate::cli::Out;

/// Both ways of handing over, by their option's values.
pub(super) const HANDOVERS: [&str; 2] = ["drain", "adopt"];

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The scheduler
    #[arg(long, value_name = "PATH")]
    pub(crate) scx_meta: PathBuf,

    /// A build of it in which vtime is fifo, for the part `period`
    #[arg(long, value_name = "PATH")]
    pub(crate) identical: Option<PathBuf>,

    /// What to measure (repeatable) [default: everything]
    #[arg(long = "part", value_name = "NAME", value_enum)]
    pub(crate) parts: Vec<Part>,

    /// Flips of each setting
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) flips: usize,

    /// How often what is compared is measured, by turns
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) rounds: usize,

    /// How long each time
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = humantime::parse_duration)]
    pub(crate) window: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Flip cost from each policy to each
    Pairs,
    /// Flip cost against the number of policies
    Policies,
    /// Flip cost against the number of sleeping tasks
    Tasks,
    /// Flip cost against the length of turns
    Turns,
    /// Interrupts, programs and a probe after a flip
    After,
    /// Throughput against the period
    Period,
    /// Throughput while processes replace each other
    Replacement,
    /// Who gets the CPUs, against the period
    Owners,
    /// Many busy tasks
    Busy,
}

pub(crate) fn run(args: &Args, machine: &Machine, out: &mut Out) -> Result<()> {
    // Whoever measures must read on time; what it starts is ordinary again.
    sys::enter_real_time().context("SCHED_RR")?;
    let parts = match args.parts.is_empty() {
        true => Part::value_variants(),
        false => &args.parts,
    };
    for part in parts {
        let begin = sys::monotonic();
        measure(*part, args, machine, out).with_context(|| format!("part {part:?}"))?;
        let took = sys::monotonic() - begin;
        eprintln!("scale: {part:?} took {:.1} s", took.as_secs_f64());
    }
    Ok(())
}

fn measure(part: Part, args: &Args, machine: &Machine, out: &mut Out) -> Result<()> {
    match part {
        Part::Pairs => cost::pairs(args, out),
        Part::Policies => cost::policies(args, out),
        Part::Tasks => cost::tasks(args, out),
        Part::Turns => cost::turns(args, out),
        Part::After => after::run(args, machine, out),
        Part::Period => period::run(args, machine, out),
        Part::Replacement => period::replacement(args, machine, out),
        Part::Owners => period::owners(args, out),
        Part::Busy => busy::run(args, machine, out),
    }
}
