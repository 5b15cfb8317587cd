// SPDX-License-Identifier: GPL-2.0-only
//! Our switch: turns of a rotation as the kernel recorded them, and flips that user space asks for.

use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Result};
use labkit::charge::scheduler::Scheduler;
use labkit::charge::watch::Watch;
use labkit::meta::{OPS, START_LIMIT, STOP_LIMIT};
use labkit::scx::Counters;
use labkit::{retune, scx, sys};
use scx_meta::live::Live;
use scx_meta::policy::Policy;

use super::measure::Args;
use super::meta::{counted_since, ns, TurnLog};
use super::record::{Case, Counted, Decided, Flips, Load, Record, Turn};
use super::{loads, meta};
use crate::cli::Out;

/// So that a thousand flips take ten seconds.
const SHORT_TURN: Duration = Duration::from_millis(10);

/// As people run it.
const LONG_TURN: Duration = Duration::from_millis(100);

/// From one decision of user space to the next: enough for the backlog of a saturated machine.
const DECIDE_EVERY: Duration = Duration::from_millis(100);

/// Half of the turns that the map remembers.
const POLL_TURNS: u32 = 512;

/// A started rotation settles in this time: the load's tasks are spread.
const SETTLE: Duration = Duration::from_millis(300);

const RUN: Duration = Duration::from_secs(300);

/// A running scx_meta whose turns are recorded.
pub(crate) struct Rotation {
    scheduler: Scheduler,
    pub(crate) live: Live,
    policies: Vec<String>,
    handover: String,
    counters: Counters,
}

impl Rotation {
    /// Starts it with these policies, all of weight 1; `pin` holds one of them.
    pub(crate) fn start(
        program: &Path,
        policies: &[&str],
        handover: &str,
        turn: Duration,
        pin: Option<&str>,
    ) -> Result<Self> {
        let weights: Vec<_> = policies.iter().map(|name| format!("{name}=1")).collect();
        let mut options: Vec<String> = [
            "--policies",
            &policies.join(","),
            "--weights",
            &weights.join(","),
            "--handover",
            handover,
            "--base-slice",
            &format!("{}us", turn.as_micros()),
            "--record-turns",
        ]
        .map(String::from)
        .into();
        if let Some(policy) = pin {
            options.extend(["--pin".into(), policy.into()]);
        }
        // The watch costs time: it is not there while turns are recorded.
        let mut watch = Watch::start()?;
        let before = scx::enable_seq()?;
        let mut command = meta::command(program, &options);
        let (scheduler, _) = Scheduler::start(&mut command, OPS, &mut watch, START_LIMIT)?;
        Ok(Self {
            scheduler,
            live: meta::live()?,
            policies: policies.iter().copied().map(String::from).collect(),
            handover: handover.into(),
            counters: scx::await_counted(before)?,
        })
    }

    pub(crate) fn case(&self, load: Load, turn: Duration) -> Case {
        Case {
            policies: self.policies.clone(),
            handover: self.handover.clone(),
            load,
            turn_us: turn.as_micros() as u32,
        }
    }

    fn set_turn(&self, turn: Duration) -> Result<()> {
        let period = turn * self.policies.len() as u32;
        self.live.set_period_us(period.as_micros() as u32)?;
        self.live.apply()
    }

    pub(crate) fn counted(&self) -> Result<Counted> {
        counted_since(self.counters)
    }

    /// Ends it; an error if it has ended already.
    pub(crate) fn stop(self) -> Result<()> {
        let mut watch = Watch::start()?;
        self.scheduler
            .stop(libc::SIGINT, &mut watch, STOP_LIMIT)
            .map(drop)
    }
}

/// Rotations of two policies with each hand-over, and of all policies with the default one.
pub(crate) fn run(args: &Args, load: Load, cpus: usize, out: &mut Out) -> Result<()> {
    for handover in ["drain", "adopt"] {
        let start = |policies: &[&str]| {
            Rotation::start(&args.scx_meta, policies, handover, SHORT_TURN, None)
        };
        let two = start(&["fifo", "vtime"])?;
        let mut running = loads::start(load, cpus, RUN)?;
        for (turn, count) in [(SHORT_TURN, args.flips), (LONG_TURN, args.slow_flips)] {
            two.set_turn(turn)?;
            let record = record(&two, load, turn, count)?;
            out.record(&Record::Flips(record))?;
        }
        let decided = decided(&two, load, args.decisions)?;
        out.record(&Record::Decided(decided))?;
        running.check()?;
        drop(running);
        two.stop()?;

        if handover != super::measure::default_handover() {
            continue;
        }
        let all: Vec<_> = Policy::all().map(Policy::name).collect();
        let all = start(&all)?;
        let mut running = loads::start(load, cpus, RUN)?;
        out.record(&Record::Flips(record(&all, load, SHORT_TURN, args.flips)?))?;
        running.check()?;
        drop(running);
        all.stop()?;
    }
    Ok(())
}

fn record(rotation: &Rotation, load: Load, turn: Duration, count: usize) -> Result<Flips> {
    thread::sleep(SETTLE);
    let mut log = TurnLog::start(&rotation.live)?;
    while log.len() < count {
        let left = (count - log.len()) as u32 + 2;
        thread::sleep(turn * left.min(POLL_TURNS));
        ensure!(!sys::interrupted(), "interrupted");
        log.poll()?;
    }
    let counted = rotation.counted()?;
    let turns = log.finish();
    Ok(Flips {
        case: rotation.case(load, turn),
        turns,
        counted,
    })
}

/// User space holds the other policy, over and over; turns last until the next decision.
fn decided(rotation: &Rotation, load: Load, count: usize) -> Result<Decided> {
    let policies: Vec<Policy> = rotation
        .policies
        .iter()
        .map(|name| name.parse())
        .collect::<Result<_>>()?;
    let live = &rotation.live;
    live.set_pin(policies.first().copied())?;
    live.apply()?;
    thread::sleep(DECIDE_EVERY);
    let mut log = TurnLog::start(live)?;
    let mut decisions = Vec::with_capacity(count);
    // One more: the last one's turn is still under way.
    for i in 1..=count + 1 {
        let asked = sys::monotonic();
        retune::hold(live, policies[i % policies.len()])?;
        decisions.push(ns(asked));
        thread::sleep(DECIDE_EVERY);
        ensure!(!sys::interrupted(), "interrupted");
        if i % POLL_TURNS as usize == 0 {
            log.poll()?;
        }
    }
    log.poll()?;
    let turns = log.finish();
    live.set_pin(None)?;
    live.apply()?;
    Ok(Decided {
        case: rotation.case(load, Duration::ZERO),
        decisions: pair(&decisions, turns)?,
    })
}

/// Each decision with the turn that came of it: the first that began later.
fn pair(decisions: &[u64], turns: Vec<Turn>) -> Result<Vec<(u64, Turn)>> {
    ensure!(
        turns.len() + 1 == decisions.len(),
        "{} decisions made {} turns",
        decisions.len(),
        turns.len() + 1
    );
    let pairs: Vec<_> = decisions.iter().copied().zip(turns).collect();
    let early = pairs.iter().find(|(at, turn)| turn.entered_at < *at);
    ensure!(
        early.is_none(),
        "a turn began before it was decided: {early:?}"
    );
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(entered_at: u64) -> Turn {
        Turn {
            from: "fifo".into(),
            to: "vtime".into(),
            entered_at,
            flip_ns: 1,
            handover_ns: 0,
            first_ns: 1,
            most_ns: 1,
            length_ns: 100,
        }
    }

    #[test]
    fn each_decision_has_its_turn() {
        let pairs = pair(&[100, 200, 300], vec![turn(110), turn(215)]).unwrap();
        assert_eq!(pairs.len(), 2);
        assert_eq!((pairs[1].0, pairs[1].1.entered_at), (200, 215));
    }

    #[test]
    fn a_turn_that_nobody_asked_for_is_an_error() {
        assert!(pair(&[100, 200], vec![turn(110), turn(150)]).is_err());
        assert!(pair(&[100, 200, 300], vec![turn(90), turn(210)]).is_err());
    }
}
