// SPDX-License-Identifier: GPL-2.0-only
//! The cost of a flip, against policies, tasks, the length of turns, and from which policy to which.
//! The machine is nearly idle: it is the flip that is measured, not what it competes with.

use std::time::Duration;

use anyhow::Result;
use labkit::sleepers::Sleepers;

use super::measure::Args;
use super::record::{Record, Setting};
use super::rig::{self, Rig};
use crate::cli::Out;

/// Turns, where their length is not what is varied.
const TURN: Duration = Duration::from_millis(10);

/// So many tasks that are mostly asleep are there anyway.
const FEW_TASKS: usize = 10;
const FEW_EVERY: Duration = Duration::from_millis(100);

/// Time from one wake-up of each of many sleepers to its next: ten thousand of them wake up a
/// thousand times a second.
const MANY_EVERY: Duration = Duration::from_secs(10);
const MANY_TASKS: [usize; 4] = [10, 100, 1_000, 10_000];

const TURNS: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_millis(100),
    Duration::from_millis(10),
    Duration::from_millis(1),
];

/// All policies loaded, and each of them left once: the flip keeps them in the order in which they
/// were left, so that its cost would depend on what was measured before.
fn start(args: &Args) -> Result<Rig> {
    let mut rig = Rig::start(&args.scx_meta, &["--record-turns"])?;
    let policies = rig::policies();
    rig.rotate(&policies, TURN)?;
    rig.let_run(TURN * 3 * policies.len() as u32)?;
    Ok(rig)
}

/// Each two policies by turns, all being loaded.
pub(crate) fn pairs(args: &Args, out: &mut Out) -> Result<()> {
    let _tasks = Sleepers::start(FEW_TASKS, FEW_EVERY)?;
    let mut rig = start(args)?;
    let policies = rig::policies();
    for (i, &one) in policies.iter().enumerate() {
        for &other in &policies[i + 1..] {
            let flips = rig.flips(&[one, other], TURN, 2 * args.flips)?;
            let setting = Setting::Pair;
            out.record(&Record::Flips { setting, flips })?;
        }
    }
    rig.stop()
}

/// Two, three and more policies loaded and in rotation.
pub(crate) fn policies(args: &Args, out: &mut Out) -> Result<()> {
    let _tasks = Sleepers::start(FEW_TASKS, FEW_EVERY)?;
    let mut policies = rig::policies();
    // Its hooks pass over CPUs, which is another matter: it joins last.
    policies.sort_by_key(|policy| policy.name() == "central");
    for count in 2..=policies.len() {
        let taken = &policies[..count];
        let names: Vec<_> = taken.iter().map(|policy| policy.name()).collect();
        let mut rig = Rig::start(
            &args.scx_meta,
            &["--record-turns", "--policies", &names.join(",")],
        )?;
        // So that each pair of the rotation gets as many as are asked for.
        let flips = rig.flips(taken, TURN, count * args.flips)?;
        let setting = Setting::Policies(count);
        out.record(&Record::Flips { setting, flips })?;
        rig.stop()?;
    }
    Ok(())
}

/// More and more tasks, mostly asleep, under one scheduler.
pub(crate) fn tasks(args: &Args, out: &mut Out) -> Result<()> {
    let mut rig = start(args)?;
    let mut groups = Vec::new();
    let mut there = 0;
    for tasks in MANY_TASKS {
        groups.push(Sleepers::start(tasks - there, MANY_EVERY)?);
        there = tasks;
        let flips = rig.flips(&rig::fixed_pair()?, TURN, 2 * args.flips)?;
        let setting = Setting::Tasks(tasks);
        out.record(&Record::Flips { setting, flips })?;
    }
    rig.stop()
}

pub(crate) fn turns(args: &Args, out: &mut Out) -> Result<()> {
    let _tasks = Sleepers::start(FEW_TASKS, FEW_EVERY)?;
    let mut rig = start(args)?;
    for turn in TURNS {
        let flips = rig.flips(&rig::fixed_pair()?, turn, 2 * args.flips)?;
        let setting = Setting::Turn(turn.as_micros() as u64);
        out.record(&Record::Flips { setting, flips })?;
    }
    rig.stop()
}
