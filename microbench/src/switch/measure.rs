// SPDX-License-Identifier: GPL-2.0-only
//! The half of `bench switch` that runs in the guest: options, and which parts run.

use std::path::PathBuf;
use std::time::Duration;
use std::{fs, thread};

use anyhow::{ensure, Context, Result};
use labkit::machine::Machine;
use labkit::sys;
use scx_meta::logging;
use scx_meta::tunables::{Handover, Tunables};

use super::record::{Load, Record, Settings};
use super::{disturbance, flips, loads, preloaded, replacement};
use crate::cli::Out;
use crate::named::Named;

const TICKS_FOR: Duration = Duration::from_secs(1);

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The scheduler
    #[arg(long, value_name = "FILE")]
    pub(crate) scx_meta: PathBuf,

    /// Another scheduler, to be replaced by the next such, as a process (repeatable)
    #[arg(long = "other", value_name = "NAME=FILE")]
    pub(crate) others: Vec<Named>,

    /// What to measure (repeatable) [default: all]
    #[arg(long = "part", value_name = "PART", value_enum)]
    pub(crate) parts: Vec<Part>,

    /// Process replacements of each sort and load, and as many of preloaded programs
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) replacements: usize,

    /// Replacements of other schedulers while all CPUs are busy: fewer, each takes ten seconds
    /// emulated
    #[arg(long, value_name = "N", default_value_t = 6)]
    pub(crate) others_saturated: usize,

    /// Flips at short turns, of each rotation and load
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) flips: usize,

    /// Flips at turns of 100 ms
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) slow_flips: usize,

    /// Flips that user space asks for
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) decisions: usize,

    /// Seconds that the probe measures the default hand-over, moderately loaded; a seventh of it
    /// for all else
    #[arg(long, value_name = "SECS", default_value_t = 70.0)]
    pub(crate) probe_seconds: f64,
}

/// What to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// What a replacement takes, of processes and of preloaded programs
    Replacement,
    /// What a flip takes
    Flip,
    /// How late others run after a flip
    Disturbance,
}

/// How the kernel calls it: schedulers of the scx project name their ops after the program,
/// without `scx_`.
pub(crate) fn ops_of(other: &Named) -> &str {
    let word = other.name.split_whitespace().next().unwrap_or(&other.name);
    word.strip_prefix("scx_").unwrap_or(word)
}

pub(crate) fn run(args: &Args, machine: &Machine, out: &mut Out) -> Result<()> {
    // Messages of libbpf and the scx library belong to stderr, and only warnings.
    logging::init(false);
    // The task that decides never waits for a CPU, whatever replaces what; its children are ordinary.
    sys::enter_real_time().context("SCHED_RR")?;
    out.record(&Record::Settings(settings(machine)?))?;
    let wanted = |part| args.parts.is_empty() || args.parts.contains(&part);
    for load in [Load::Idle, Load::Saturated] {
        if wanted(Part::Replacement) {
            replacement::run(args, load, machine.cpus, out)?;
            preloaded::run(args, load, machine.cpus, out)?;
        }
        if wanted(Part::Flip) {
            flips::run(args, load, machine.cpus, out)?;
        }
    }
    if wanted(Part::Disturbance) {
        disturbance::run(args, machine.cpus, out)?;
    }
    Ok(())
}

/// scx_meta's without `--handover`.
pub(crate) fn default_handover() -> &'static str {
    handover_name(Tunables::default().handover)
}

/// As `--handover` takes it.
pub(crate) fn handover_name(handover: Handover) -> &'static str {
    match handover {
        Handover::Drain => "drain",
        Handover::Adopt => "adopt",
    }
}

fn settings(machine: &Machine) -> Result<Settings> {
    let load = loads::start(Load::Saturated, machine.cpus, TICKS_FOR)?;
    let (before, began) = (timer_interrupts()?, sys::monotonic());
    thread::sleep(TICKS_FOR);
    let ticks = timer_interrupts()? - before;
    let seconds = (sys::monotonic() - began).as_secs_f64();
    drop(load);
    let slice = Tunables::default().slice.duration();
    Ok(Settings {
        default_handover: default_handover().into(),
        slice_us: slice.as_micros() as u32,
        ticks_per_second: ticks as f64 / seconds,
    })
}

/// Of the first CPU: `LOC:  485  418  Local timer interrupts`.
fn timer_interrupts() -> Result<u64> {
    let text = fs::read_to_string("/proc/interrupts").context("cannot read /proc/interrupts")?;
    let line = text.lines().find(|line| line.trim().starts_with("LOC:"));
    let count = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    let count = count.context("/proc/interrupts counts no local timer interrupts")?;
    ensure!(count > 0, "the first CPU has no timer interrupts");
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_have_names_files_and_ops() {
        let other: Named = "scx_rusty 1.1.4=/x/scx_rusty".parse().unwrap();
        assert_eq!(ops_of(&other), "rusty");
        assert_eq!(other.path, PathBuf::from("/x/scx_rusty"));
        let error = "rusty".parse::<Named>().unwrap_err().to_string();
        assert!(error.contains("`rusty` is not NAME=FILE"), "{error}");
    }
}
