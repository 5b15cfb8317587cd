// SPDX-License-Identifier: GPL-2.0-only
//! Many busy tasks: what a flip and a hand-over cost then, and whether everybody is still there.

use std::time::Duration;

use anyhow::Result;
use labkit::machine::Machine;
use labkit::sys;
use scx_meta::live::Live;
use scx_meta::policy::Policy;

use super::measure::{Args, HANDOVERS};
use super::record::{Busy, Record};
use super::rig::{self, Rig};
use super::work::Hogs;
use crate::cli::Out;

const TASKS: [usize; 4] = [10, 40, 100, 400];
const TURN: Duration = Duration::from_millis(100);

/// The kernel ejects a scheduler that makes a task wait longer. A quarter of it must be enough for
/// all tasks to have had their slice.
const WATCHDOG: Duration = Duration::from_secs(30);
const SLICE: Duration = Duration::from_millis(20);

const SETTLE: Duration = Duration::from_millis(200);
/// How often the counters are read until nothing is in flight.
const QUIET_TRIES: u32 = 40;
const QUIET_POLL: Duration = Duration::from_millis(50);

/// Measures with as many busy tasks as this machine can serve in time.
pub(crate) fn run(args: &Args, machine: &Machine, out: &mut Out) -> Result<()> {
    for handover in HANDOVERS {
        for tasks in TASKS.into_iter().filter(|tasks| fits(*tasks, machine.cpus)) {
            measure(args, handover, tasks, machine.cpus, out)?;
        }
    }
    Ok(())
}

fn fits(tasks: usize, cpus: usize) -> bool {
    SLICE * (tasks / cpus) as u32 <= WATCHDOG / 4
}

fn measure(args: &Args, handover: &str, tasks: usize, cpus: usize, out: &mut Out) -> Result<()> {
    let mut rig = Rig::start(&args.scx_meta, &["--record-turns", "--handover", handover])?;
    let hogs = Hogs::start(tasks)?;
    rig.rotate(&rig::fixed_pair()?, TURN)?;
    rig.let_run(SETTLE)?;
    hogs.forget();
    let since = sys::monotonic();
    // All tasks have had their slice by then, and some of them two.
    let round = SLICE * (tasks / cpus) as u32;
    rig.let_run(args.window + round)?;
    let turns = rig.turns_since(since)?;
    let longest_wait_ns = hogs.longest_wait().as_nanos() as u64;
    drop(hogs);
    let (entered, left) = custody(&mut rig)?;
    let (handed_in, handover_ns) = handed_over(&rig.live)?;
    out.record(&Record::Busy(Busy {
        handover: handover.into(),
        hogs: tasks,
        flips: turns.iter().filter_map(rig::flip).collect(),
        turns: turns.iter().map(rig::owned).collect(),
        longest_wait_ns,
        handed_in,
        handover_ns,
        entered,
        left,
    }))?;
    rig.stop()
}

/// Tasks that entered custody and that left it, since load, once they are equal or a while passed.
/// Every policy's must be: what one policy has too many must not make up for another's loss.
fn custody(rig: &mut Rig) -> Result<(u64, u64)> {
    let mut sums = (0, 0);
    for _ in 0..QUIET_TRIES {
        rig.let_run(QUIET_POLL)?;
        let mut quiet = true;
        sums = (0, 0);
        for policy in Policy::all() {
            let counters = rig.live.counters(policy.id())?;
            let entered = counters.enqueued + counters.handed_in;
            let left = counters.ran + counters.removed + counters.handed_out;
            quiet &= entered == left;
            sums = (sums.0 + entered, sums.1 + left);
        }
        if quiet {
            break;
        }
    }
    Ok(sums)
}

fn handed_over(live: &Live) -> Result<(u64, u64)> {
    let mut sums = (0, 0);
    for policy in Policy::all() {
        let counters = live.counters(policy.id())?;
        sums.0 += counters.handed_in;
        sums.1 += counters.handover_ns;
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_a_quarter_of_the_watchdog_serves() {
        assert!(fits(400, 2) && fits(750, 2));
        assert!(!fits(752, 2) && !fits(400, 1));
    }
}
