// SPDX-License-Identifier: GPL-2.0-only
//! What `cargo xtask run` shows: a real mixed load, scx_meta with its policies
//! taking turns under it, new weights half-way, and what came of it.
//!
//! ```text
//! load ── settle ── scx_meta ── phase 1: equal weights ── bpftool ── phase 2 ── stop ── summary
//! ```
//!
//! A phase is measured from the pinned maps over whole rotations. Each exit, a failure or a signal
//! included, ends the load and scx_meta.

mod control;
mod report;
pub mod snapshot;

use std::env;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{ensure, Context, Result};

use self::control::Loader;
use self::report::Run;
use self::snapshot::{Change, Snapshot};
use crate::load::Load;
use crate::machine::{CpuTime, Machine};
use crate::probe::{Class, Probe};
use crate::scx::Counters;
use crate::{load, scx, sys};

/// The policies in rotation, and their weights from the middle of the run on.
const RETUNED: [(&str, u32); 11] = [
    ("fifo", 4),
    ("vtime", 2),
    ("central", 1),
    ("nest", 3),
    ("qmap", 3),
    ("pair", 1),
    ("rusty", 2),
    ("rustland", 2),
    ("eevdf", 3),
    ("bpfland", 2),
    ("cosmos", 2),
];

/// A shorter run leaves phases of a few rotations, in which shares do not settle.
const MIN_SECONDS: u64 = 8;

const MAX_SECONDS: u64 = 60 * 60;

/// New weights are in force after 10 ms, or at the next turn's end on a machine that idles.
const RETUNE_SETTLE: Duration = Duration::from_millis(500);

/// If bpftool was slow on a saturated machine, the second phase still gets this part of the run.
const MIN_PHASE: u32 = 4;

/// A phase whose length is this part of itself away from whole rotations is taken: shares are then
/// wrong by 0.2 points at most.
const ROTATION_ERROR: u32 = 500;

/// Readings tried to come that close; the closest one is taken.
const READINGS: usize = 5;

/// Statistics come each second, later on a saturated machine.
const SILENCE: Duration = Duration::from_secs(30);

/// Options of the run inside the guest.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Length of the measured run, in seconds (8 to 3600)
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = parse_seconds)]
    pub seconds: u64,

    /// The scx_meta to run [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    pub scx_meta: Option<PathBuf>,
}

/// Reads `--seconds`; refuses what is too short to settle.
pub fn parse_seconds(text: &str) -> Result<u64> {
    let seconds: u64 = text.parse().context("not a whole number of seconds")?;
    ensure!(
        seconds >= MIN_SECONDS,
        "shares do not settle in {seconds} s: at least {MIN_SECONDS}"
    );
    ensure!(seconds <= MAX_SECONDS, "more than {MAX_SECONDS} s");
    Ok(seconds)
}

/// Does the main job on this machine and reports it.
pub fn run(args: &Args) -> Result<()> {
    sys::catch_interrupts().context("cannot catch signals")?;
    let state = scx::state()?;
    ensure!(
        state == "disabled",
        "sched_ext is {state}: another scheduler is in charge (see `scx_meta doctor`)"
    );
    if let Err(error) = sys::enter_real_time() {
        println!("no real-time class for the readings ({error}): they may come late");
    }
    let scx_meta = args.scx_meta.clone().map_or_else(beside_us, Ok)?;
    let result = Session::start(scx_meta, args.seconds)?.run()?;
    println!("\n{}", result.summary());
    println!("{}", result.json()?);
    Ok(())
}

fn beside_us() -> Result<PathBuf> {
    let us = env::current_exe().context("cannot tell where this program is")?;
    Ok(us.with_file_name("scx_meta"))
}

/// A run in progress. Fields drop in order: scx_meta goes before its load.
struct Session {
    loader: Loader,
    load: Load,
    machine: Machine,
    seconds: u64,
    loaded_at: Instant,
    /// The newest statistics line.
    last_line: Snapshot,
    last_line_at: Instant,
}

impl Session {
    fn start(scx_meta: PathBuf, seconds: u64) -> Result<Self> {
        let machine = Machine::here()?;
        control::warm_up(&scx_meta)?;
        println!("Starting the load on {} CPUs:", machine.cpus);
        let load = Load::start(&load::mixed(machine.cpus), Duration::from_secs(seconds))?;
        for (what, command) in load.describe() {
            println!("  {what:<10}  {command}");
        }
        let names = RETUNED.map(|(name, _)| name);
        let mut loader = Loader::start(&scx_meta, &names)?;
        let last_line = loader.wait_loaded()?;
        let now = Instant::now();
        Ok(Self {
            loader,
            load,
            machine,
            seconds,
            loaded_at: now,
            last_line,
            last_line_at: now,
        })
    }

    fn run(mut self) -> Result<Run> {
        let seconds = Duration::from_secs(self.seconds);
        let kernel_before = Counters::read()?;
        let cpu_before = CpuTime::read()?;
        let probe = Probe::start(Class::Ordinary)?;
        let machine_probe = Probe::start(Class::RealTime)?;
        let begin = self.read()?;

        println!("\nLoaded. The policies take turns, with equal weights:");
        let (first, _) = self.phase(&begin, self.loaded_at + seconds / 2)?;

        println!("\nHalf-way: new weights, straight into the pinned map:");
        control::retune(&self.last_line, &RETUNED)?;
        self.watch(Instant::now() + RETUNE_SETTLE)?;

        println!("\nThe same policies, by the new weights:");
        let retuned = self.read()?;
        check_weights(&retuned.snapshot)?;
        let until = (self.loaded_at + seconds).max(Instant::now() + seconds / MIN_PHASE);
        let (second, end) = self.phase(&retuned, until)?;

        let latency = probe.finish()?;
        // A container may refuse the class; `run` has said so.
        let machine_latency = machine_probe.finish().ok();
        let busy = CpuTime::read()?.busy_since(cpu_before);
        let kernel_after = Counters::read()?;
        self.load.check()?;
        self.loader.stop()?;

        let bypasses = kernel_after.bypasses.zip(kernel_before.bypasses);
        let flip_max_ns = end.policies.iter().map(|policy| policy.flip_max_ns).max();
        Ok(Run {
            machine: self.machine,
            seconds: self.seconds,
            phases: vec![first, second],
            whole: Change::between(&begin.snapshot, &end)?,
            flip_max_ns: flip_max_ns.unwrap_or(0),
            latency,
            machine_latency,
            bypass_activations: bypasses.map(|(after, before)| after.saturating_sub(before)),
            enable_seq_delta: kernel_after.enable_seq - kernel_before.enable_seq,
            busy,
        })
    }

    /// Reads the pinned maps.
    fn read(&self) -> Result<Mark> {
        let asked = Instant::now();
        let snapshot = self.loader.status()?;
        let at = Instant::now();
        Ok(Mark {
            snapshot,
            at,
            reading: at - asked,
        })
    }

    /// Watches until whole rotations have passed since `begin`, about at `until`; returns what
    /// happened in them, and the last reading.
    fn phase(&mut self, begin: &Mark, until: Instant) -> Result<(Change, Snapshot)> {
        let mut next = begin.last_whole_before(until);
        let mut best: Option<(Change, Snapshot)> = None;
        for _ in 0..READINGS {
            self.watch(next)?;
            let end = self.read()?;
            let change = Change::between(&begin.snapshot, &end.snapshot)?;
            let off_ns = change.off_rotation_ns().unsigned_abs();
            next = end.at + until_whole(&change, end.reading);
            let is_good = off_ns <= (change.elapsed / ROTATION_ERROR).as_nanos() as u64;
            let best_ns = best
                .as_ref()
                .map(|(best, _)| best.off_rotation_ns().unsigned_abs());
            if best_ns.is_none_or(|best_ns| off_ns < best_ns) {
                best = Some((change, end.snapshot));
            }
            if is_good {
                break;
            }
        }
        let (change, end) = best.context("no reading of scx_meta")?;
        change.check_everyone_ran()?;
        Ok((change, end))
    }

    /// Shows each second's turns until the given time.
    fn watch(&mut self, until: Instant) -> Result<()> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if let Some(line) = self
                .loader
                .next_line(left.min(Duration::from_millis(100)))?
            {
                self.show(line)?;
            }
            self.load.check()?;
            ensure!(
                self.last_line_at.elapsed() < SILENCE,
                "scx_meta gave no statistics for {SILENCE:?}"
            );
            if left.is_zero() {
                return Ok(());
            }
        }
    }

    fn show(&mut self, line: Snapshot) -> Result<()> {
        let change = Change::between(&self.last_line, &line)?;
        println!(
            "{}",
            report::turns(line.clock(), &change, line.active.as_deref())
        );
        self.last_line = line;
        self.last_line_at = Instant::now();
        Ok(())
    }
}

/// A reading of the pinned maps: each takes about as long as the next, most of it before the maps
/// are read.
struct Mark {
    snapshot: Snapshot,
    at: Instant,
    /// How long the reading took.
    reading: Duration,
}

impl Mark {
    /// When to start another reading so that it ends whole rotations after this one, the last one
    /// before `until`.
    fn last_whole_before(&self, until: Instant) -> Instant {
        let period = self.snapshot.period().max(Duration::from_millis(1));
        let rotations = until.saturating_duration_since(self.at).as_nanos() / period.as_nanos();
        self.at + period * rotations.max(1) as u32 - self.reading.min(period)
    }
}

/// How long to wait before a reading that takes `reading` again, so that it ends on a whole
/// rotation.
fn until_whole(change: &Change, reading: Duration) -> Duration {
    let period = change.period.as_nanos().max(1) as i64;
    let wait = (-change.off_rotation_ns() - reading.as_nanos() as i64).rem_euclid(period);
    Duration::from_nanos(wait as u64)
}

/// bpftool said that it succeeded; this is whether scx_meta sees it.
fn check_weights(now: &Snapshot) -> Result<()> {
    let weights = now.weights();
    for (name, weight) in RETUNED {
        ensure!(
            weights.contains(&(name, u64::from(weight))),
            "after bpftool set {name} to {weight}, scx_meta shows {weights:?}"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::snapshot::tests::{snapshot, MS};
    use super::*;

    #[test]
    fn runs_too_short_to_settle_are_refused() {
        let error = parse_seconds("7").unwrap_err().to_string();
        assert!(error.contains("do not settle"), "{error}");
        assert_eq!(parse_seconds("8").unwrap(), 8);
        assert!(parse_seconds("3601").is_err() && parse_seconds("a while").is_err());
    }

    #[test]
    fn the_next_reading_ends_on_a_whole_rotation() {
        let at = |ms| snapshot(1, &[("fifo", 1, ms * MS, 1, 1)]);
        let wait = |elapsed, reading| {
            let change = Change::between(&at(0), &at(elapsed)).unwrap();
            until_whole(&change, Duration::from_millis(reading)).as_millis()
        };
        assert_eq!(wait(4 * 400 + 150, 50), 200);
        assert_eq!(wait(4 * 400 - 30, 50), 380);
        assert_eq!(wait(4 * 400 - 30, 10), 20);
    }

    #[test]
    fn weights_that_did_not_arrive_are_an_error() {
        let rows = RETUNED.map(|(name, weight)| (name, u64::from(weight), 1, 1, 1));
        check_weights(&snapshot(1, &rows)).unwrap();
        let mut rows = rows;
        rows[2].1 = 9;
        let error = check_weights(&snapshot(1, &rows)).unwrap_err().to_string();
        assert!(error.contains("central to 1"), "{error}");
    }
}
