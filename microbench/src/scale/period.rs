// SPDX-License-Identifier: GPL-2.0-only
//! How much work is left at each period, by turns and by replacing one process by another, and who
//! gets the CPUs in each turn.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use labkit::machine::Machine;
use labkit::meta::{Meta, STOP_LIMIT};
use labkit::{scx, sys};
use scx_meta::policy::Policy;

use super::measure::{Args, HANDOVERS};
use super::record::{Owner, Record, Work};
use super::rig::{self, Rig};
use super::work::{Hogs, Requests};
use crate::cli::Out;

const PERIODS_MS: [u64; 8] = [2000, 1000, 400, 100, 40, 20, 10, 2];

/// Of all policies, not of two.
const ALL_PERIODS_MS: [u64; 3] = [400, 100, 40];

/// Turns that replacing a process can do at all.
const REPLACED_TURNS: [Duration; 2] = [Duration::from_secs(4), Duration::from_secs(2)];

/// Enough to saturate, as many as invariant tests use.
const HOGS: usize = 8;

/// Rotations whose turns are asked for their owners: longer ones would take minutes. Turns of 100 ms
/// are what the documents speak of.
const OWNER_PERIODS_MS: [u64; 7] = [400, 200, 100, 40, 20, 10, 2];
const OWNER_TURNS: u32 = 20;

/// Enough that several requests always wait.
const PAIRS_PER_CPU: usize = 4;

const SETTLE: Duration = Duration::from_millis(200);

/// How often a replacement looks who is in charge.
const CHARGE_POLL: Duration = Duration::from_millis(20);

/// Work done, interleaved: each round has every way and every period.
pub(crate) fn run(args: &Args, machine: &Machine, out: &mut Out) -> Result<()> {
    let identical = args.identical.as_deref();
    let identical = identical.context("--identical: the part `period` needs it")?;
    let pairs = machine.cpus * PAIRS_PER_CPU;
    for round in 0..args.rounds {
        for handover in HANDOVERS {
            let ours = Way {
                periods_ms: &PERIODS_MS,
                name: handover,
                program: &args.scx_meta,
                options: &["--handover", handover],
            };
            ours.measure(args, round, pairs, &rig::policies(), out)?;
        }
        let same = Way {
            periods_ms: &PERIODS_MS,
            name: "identical",
            program: identical,
            // The default, and the one that does more at a switch.
            options: &["--handover", "adopt"],
        };
        same.measure(args, round, pairs, &[], out)?;
    }
    Ok(())
}

/// Work done while one process replaces another, against the same policies pinned in the same boot.
/// Not for the serial clock: CPUs take turns there, and busy ones make a start take twice as long.
pub(crate) fn replacement(args: &Args, machine: &Machine, out: &mut Out) -> Result<()> {
    let pairs = machine.cpus * PAIRS_PER_CPU;
    for round in 0..args.rounds {
        let pinned = Way {
            periods_ms: &[],
            name: "replacement",
            program: &args.scx_meta,
            options: &[],
        };
        pinned.measure(args, round, pairs, &[], out)?;
        replace(args, round, pairs, out)?;
    }
    Ok(())
}

struct Way<'a> {
    periods_ms: &'a [u64],
    name: &'a str,
    program: &'a Path,
    options: &'a [&'a str],
}

impl Way<'_> {
    /// Two policies at all periods, and `all` at some, with each of them pinned in the same boot
    /// and by the same process.
    fn measure(
        &self,
        args: &Args,
        round: usize,
        pairs: usize,
        all: &[Policy],
        out: &mut Out,
    ) -> Result<()> {
        let mut rig = Rig::start(self.program, self.options)?;
        let requests = Requests::start(pairs)?;
        rig.let_run(SETTLE)?;
        let pair = rig::fixed_pair()?;
        let mut segments: Vec<(Vec<Policy>, u64)> = Vec::new();
        let pinned = if all.is_empty() { &pair[..] } else { all };
        segments.extend(pinned.iter().map(|&policy| (vec![policy], 0)));
        segments.extend(self.periods_ms.iter().map(|ms| (pair.into(), *ms)));
        if !all.is_empty() {
            segments.extend(ALL_PERIODS_MS.map(|period_ms| (all.into(), period_ms)));
        }
        // A machine that drifts does so for half of the rounds in the other direction.
        if round % 2 == 1 {
            segments.reverse();
        }
        for (policies, period_ms) in segments {
            let period = Duration::from_millis(period_ms);
            match policies[..] {
                [only] => rig.pin(only)?,
                _ => rig.rotate(&policies, period / policies.len() as u32)?,
            }
            rig.let_run(SETTLE.max(period / 2))?;
            let before = (requests.answered(), sys::monotonic());
            rig.let_run(whole(args.window, period))?;
            out.record(&Record::Work(Work {
                round,
                way: self.name.into(),
                policies: names(&policies),
                period_us: period_ms * 1000,
                wall_ns: (sys::monotonic() - before.1).as_nanos() as u64,
                answered: requests.answered() - before.0,
                in_charge: 1.0,
            }))?;
        }
        drop(requests);
        rig.stop()
    }
}

/// The shortest time that is at least `window` and a whole number of periods.
fn whole(window: Duration, period: Duration) -> Duration {
    if period.is_zero() {
        return window;
    }
    let rotations = window.as_nanos().div_ceil(period.as_nanos());
    period * rotations as u32
}

fn names(policies: &[Policy]) -> Vec<String> {
    policies.iter().map(|policy| policy.name().into()).collect()
}

/// Turns by replacing one process by another, one rotation of each length. The processes are in the
/// real-time class: as ordinary ones among so many busy tasks they never came to load anything
/// within a turn.
fn replace(args: &Args, round: usize, pairs: usize, out: &mut Out) -> Result<()> {
    let requests = Requests::start(pairs)?;
    thread::sleep(SETTLE);
    let pair = rig::fixed_pair()?;
    for turn in REPLACED_TURNS {
        let mut enabled = 0;
        let mut looks = 0;
        let before = (requests.answered(), sys::monotonic());
        for (policy, number) in pair.iter().zip(1..) {
            let options = ["--policies", policy.name()];
            let mut process = Meta::spawn(sys::in_real_time(&mut rig::command(
                &args.scx_meta,
                &options,
            )))?;
            let end = before.1 + turn * number;
            while sys::monotonic() < end {
                thread::sleep(CHARGE_POLL.min(end.saturating_sub(sys::monotonic())));
                ensure!(!sys::interrupted(), "interrupted");
                process.check()?;
                looks += 1;
                enabled += u32::from(is_enabled()?);
            }
            stop_early(process)?;
        }
        out.record(&Record::Work(Work {
            round,
            way: "replacement".into(),
            policies: names(&pair),
            period_us: (turn * pair.len() as u32).as_micros() as u64,
            wall_ns: (sys::monotonic() - before.1).as_nanos() as u64,
            answered: requests.answered() - before.0,
            in_charge: f64::from(enabled) / f64::from(looks),
        }))?;
    }
    Ok(())
}

fn is_enabled() -> Result<bool> {
    Ok(scx::state()? == "enabled")
}

/// Stops it, though it may not have come so far as to catch the signal.
fn stop_early(mut process: Meta) -> Result<()> {
    process.check()?;
    process.signal(libc::SIGINT)?;
    let status = process.await_end(STOP_LIMIT)?;
    let status = status.context("how it ended is not known")?;
    ensure!(
        status.success() || status.signal() == Some(libc::SIGINT),
        "scx_meta ended ({status})"
    );
    Ok(())
}

/// The CPU time that the policy in charge gets in each turn, and how long other tasks wait.
pub(crate) fn owners(args: &Args, out: &mut Out) -> Result<()> {
    for handover in HANDOVERS {
        let mut rig = Rig::start(&args.scx_meta, &["--record-turns", "--handover", handover])?;
        let hogs = Hogs::start(HOGS)?;
        rig.let_run(SETTLE)?;
        let pair = rig::fixed_pair()?;
        for period_ms in OWNER_PERIODS_MS {
            let period = Duration::from_millis(period_ms);
            let turn = period / pair.len() as u32;
            rig.rotate(&pair, turn)?;
            rig.let_run(SETTLE.max(turn * 2))?;
            hogs.forget();
            let since = sys::monotonic();
            // Two more: the one that has begun, and the one under way at the end.
            rig.let_run(args.window.max(turn * (OWNER_TURNS + 2)))?;
            let turns = rig.turns_since(since)?;
            out.record(&Record::Owner(Owner {
                handover: handover.into(),
                period_us: period_ms * 1000,
                hogs: HOGS,
                turns: turns.iter().map(rig::owned).collect(),
                longest_wait_ns: hogs.longest_wait().as_nanos() as u64,
            }))?;
        }
        drop(hogs);
        rig.stop()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_whole_rotations() {
        let ms = Duration::from_millis;
        assert_eq!(whole(ms(1000), ms(400)), ms(1200));
        assert_eq!(whole(ms(1000), ms(2000)), ms(2000));
        assert_eq!(whole(ms(1000), ms(2)), ms(1000));
        assert_eq!(whole(ms(1000), Duration::ZERO), ms(1000));
    }
}
