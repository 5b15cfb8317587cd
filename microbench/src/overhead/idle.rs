// SPDX-License-Identifier: GPL-2.0-only
//! Measures what an idle machine does: timer interrupts and context switches, with nobody but the
//! scheduler's own loader there.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use labkit::sys;

use super::contender::{Contender, Programs};
use super::record::{self, Record};
use crate::cli::Out;

/// By turns in each round.
const CONTENDERS: [Contender; 4] = [
    Contender::Kernel,
    Contender::Single,
    Contender::Multi,
    Contender::Rotating,
];

/// A machine on which a scheduler has just started comes to rest.
const SETTLE: Duration = Duration::from_millis(1500);

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Options {
    /// Idle: rounds
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) idle_rounds: u32,

    /// Idle: length of each look, in seconds
    #[arg(long, value_name = "SECS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) idle_seconds: u64,

    /// Idle: the policy that scx_meta and the one-policy build hold
    #[arg(long, value_name = "POLICY", default_value = "fifo")]
    pub(crate) idle_policy: String,
}

pub(crate) fn method(options: &Options) -> String {
    format!(
        "Idle: local timer interrupts and context switches of all CPUs (/proc/interrupts, \
         /proc/stat) in {} s of doing nothing, pinned to {}; all in turn in each round.",
        options.idle_seconds, options.idle_policy
    )
}

pub(crate) fn measure(options: &Options, programs: &Programs, out: &mut Out) -> Result<()> {
    let time = Duration::from_secs(options.idle_seconds);
    for round in 0..options.idle_rounds as usize {
        for contender in CONTENDERS {
            let mut look = || look(contender, round, time, out);
            if contender == Contender::Kernel {
                look()?;
            } else {
                programs.in_charge(contender, &options.idle_policy, look)?;
            }
        }
    }
    Ok(())
}

fn look(contender: Contender, round: usize, time: Duration, out: &mut Out) -> Result<()> {
    sleep(SETTLE)?;
    let (before, start) = (Counts::read()?, sys::monotonic());
    sleep(time)?;
    let (after, end) = (Counts::read()?, sys::monotonic());
    out.record(&Record::Idle(record::Look {
        contender,
        round,
        seconds: (end - start).as_secs_f64(),
        timer_interrupts: after.timer_interrupts - before.timer_interrupts,
        context_switches: after.context_switches - before.context_switches,
    }))
}

fn sleep(time: Duration) -> Result<()> {
    sys::sleep_until(sys::monotonic() + time).context("clock_nanosleep")
}

struct Counts {
    timer_interrupts: u64,
    context_switches: u64,
}

impl Counts {
    fn read() -> Result<Self> {
        let read =
            |path: &str| fs::read_to_string(path).with_context(|| format!("cannot read {path}"));
        Ok(Self {
            timer_interrupts: timer_interrupts(&read("/proc/interrupts")?)
                .context("/proc/interrupts has no line LOC")?,
            context_switches: context_switches(&read("/proc/stat")?)
                .context("/proc/stat has no line ctxt")?,
        })
    }
}

/// ` LOC:       4711        815   Local timer interrupts`
fn timer_interrupts(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("LOC:"))?;
    let counts = line
        .split_whitespace()
        .map_while(|word| word.parse::<u64>().ok());
    Some(counts.sum())
}

fn context_switches(text: &str) -> Option<u64> {
    let count = text.lines().find_map(|line| line.strip_prefix("ctxt "))?;
    count.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interrupts_of_all_cpus_add_up() {
        let text = "           CPU0       CPU1\n  0:  30  0 IO-APIC\nLOC:   4711   815   Local timer interrupts\n";
        assert_eq!(timer_interrupts(text), Some(5526));
        assert_eq!(timer_interrupts("NMI: 0 0\n"), None);
        assert_eq!(context_switches("cpu 1 2\nctxt 99\n"), Some(99));
    }

    #[test]
    fn this_machine_can_be_read() {
        let counts = Counts::read().unwrap();
        assert!(counts.context_switches > 0);
    }
}
