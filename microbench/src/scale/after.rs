// SPDX-License-Identifier: GPL-2.0-only
//! The while after a flip, and things that happen only in it: interrupts, programs, and a
//! probe's wake-ups, on a machine that is busy.

use std::any::Any;
use std::mem::MaybeUninit;
use std::time::Duration;

use anyhow::Result;
use labkit::machine::Machine;
use labkit::probe::{Class, Probe, Sample};
use labkit::sys;
use scx_meta::live::Live;
use scx_meta::policy::Policy;
use scx_meta::turns::Turn;

use super::irq::Instrument;
use super::measure::{Args, HANDOVERS};
use super::record::{Interrupts, Programs, Record};
use super::rig::{self, Rig};
use super::work::{Hogs, Requests};
use crate::cli::Out;
use crate::progs;

/// "After a flip" lasts this long: the same as bpf/irq.bpf.c has it.
pub(crate) const AFTER: Duration = Duration::from_millis(20);

/// Turns in which there is a rest as well.
const TURN: Duration = Duration::from_millis(100);

/// No divisor of a turn.
const PROBE_EVERY: Duration = Duration::from_millis(3);

const SETTLE: Duration = Duration::from_millis(200);

/// Takes turns and pinned policies one after the other, several times.
pub(crate) fn run(args: &Args, machine: &Machine, out: &mut Out) -> Result<()> {
    for handover in HANDOVERS {
        let mut rig = Rig::start(&args.scx_meta, &["--record-turns", "--handover", handover])?;
        for load in LOADS {
            let running = start(load, machine.cpus * TASKS_PER_CPU)?;
            let mut bench = Bench {
                args,
                rig: &mut rig,
                handover,
                load,
            };
            bench.measure(out)?;
            drop(running);
        }
        rig.stop()?;
    }
    Ok(())
}

/// Loads that do the same under each policy: with both kinds of tasks at once, one policy would
/// serve more requests than another, and what differs would be the load.
const LOADS: [&str; 2] = ["requests", "busy tasks"];

/// Of a load: enough that some always wait.
const TASKS_PER_CPU: usize = 4;

/// Ends it when dropped.
fn start(load: &str, tasks: usize) -> Result<Box<dyn Any>> {
    Ok(match load {
        "requests" => Box::new(Requests::start(tasks)?),
        _ => Box::new(Hogs::start(tasks)?),
    })
}

struct Bench<'a> {
    args: &'a Args,
    rig: &'a mut Rig,
    handover: &'a str,
    load: &'a str,
}

impl Bench<'_> {
    fn measure(&mut self, out: &mut Out) -> Result<()> {
        for _ in 0..self.args.rounds {
            for pinned in whats()? {
                self.interrupts(pinned, out)?;
            }
        }
        let _statistics = progs::Statistics::enable()?;
        for _ in 0..self.args.rounds {
            for pinned in whats()? {
                self.programs(pinned, out)?;
            }
        }
        Ok(())
    }

    fn begin(&mut self, pinned: Option<Policy>, turn: Duration) -> Result<()> {
        match pinned {
            Some(policy) => self.rig.pin(policy)?,
            None => self.rig.rotate(&rig::fixed_pair()?, turn)?,
        }
        self.rig.let_run(SETTLE)
    }

    fn interrupts(&mut self, pinned: Option<Policy>, out: &mut Out) -> Result<()> {
        self.begin(pinned, TURN)?;
        let mut object = MaybeUninit::uninit();
        let instrument = Instrument::attach(&mut object)?;
        let probe = Probe::every(PROBE_EVERY, Class::Ordinary)?;
        // The while after flips is a fifth of the time: of that there must be enough as well.
        let window = self.args.window * if pinned.is_none() { 2 } else { 1 };
        let flips = self.rig.live.status()?.generation;
        let begin = sys::monotonic();
        instrument.reset()?;
        self.rig.let_run(window)?;
        let [after, rest] = instrument.read()?;
        let wall = sys::monotonic() - begin;
        let flips = self.rig.live.status()?.generation - flips;
        let samples = probe.samples()?;
        // A turn before: the first samples may lie after its flip.
        let turns = self.rig.begun_since(begin.saturating_sub(TURN))?;
        let after_wall_ns = overlap_ns(&turns, begin, begin + wall);
        let (probe_after_ns, probe_rest_ns) = split(&samples, &turns);
        out.record(&Record::Interrupts(Interrupts {
            load: self.load.into(),
            handover: self.handover.into(),
            pinned: pinned.map(|policy| policy.name().into()),
            wall_ns: wall.as_nanos() as u64,
            after_wall_ns,
            flips,
            after,
            rest,
            missing: instrument.missing.iter().map(|&name| name.into()).collect(),
            probe_after_ns,
            probe_rest_ns,
        }))
    }

    /// Turns of the very length, so that all of the time is after a flip.
    fn programs(&mut self, pinned: Option<Policy>, out: &mut Out) -> Result<()> {
        self.begin(pinned, AFTER)?;
        let before = (progs::Reading::now(), in_timer(&self.rig.live)?);
        let begin = sys::monotonic();
        self.rig.let_run(self.args.window)?;
        let after = (progs::Reading::now(), in_timer(&self.rig.live)?);
        let wall = sys::monotonic() - begin;
        let callbacks = after.0.since(&before.0);
        out.record(&Record::Programs(Programs {
            load: self.load.into(),
            handover: self.handover.into(),
            pinned: pinned.map(|policy| policy.name().into()),
            wall_ns: wall.as_nanos() as u64,
            flips: after.1.flips - before.1.flips,
            runs: callbacks.runs,
            run_ns: callbacks.time_ns,
            flip_ns: after.1.flip_ns - before.1.flip_ns,
            handover_ns: after.1.handover_ns - before.1.handover_ns,
        }))
    }
}

/// Turns, then each policy of the rotation by itself.
fn whats() -> Result<Vec<Option<Policy>>> {
    let pair = rig::fixed_pair()?;
    Ok([None].into_iter().chain(pair.map(Some)).collect())
}

/// How much of the time from `begin` to `end` lies within a while after a flip.
fn overlap_ns(turns: &[Turn], begin: Duration, end: Duration) -> u64 {
    let within = turns.iter().map(|turn| {
        let entered = Duration::from_nanos(turn.entered_at_ns);
        (entered + AFTER)
            .min(end)
            .saturating_sub(entered.max(begin))
    });
    within.sum::<Duration>().as_nanos() as u64
}

/// Wake-ups due within the while after a flip, and all others.
fn split(samples: &[Sample], turns: &[Turn]) -> (Vec<u64>, Vec<u64>) {
    let near = |sample: &&Sample| {
        let due = sample.due.as_nanos() as u64;
        turns.iter().any(|turn| {
            let since = due.checked_sub(turn.entered_at_ns);
            since.is_some_and(|since| u128::from(since) < AFTER.as_nanos())
        })
    };
    let (after, rest): (Vec<_>, Vec<_>) = samples.iter().partition(near);
    let late = |samples: Vec<&Sample>| {
        let samples = samples.into_iter();
        samples
            .map(|sample| sample.late.as_nanos() as u64)
            .collect()
    };
    (late(after), late(rest))
}

struct InTimer {
    flips: u64,
    flip_ns: u64,
    handover_ns: u64,
}

fn in_timer(live: &Live) -> Result<InTimer> {
    let mut spent = InTimer {
        flips: 0,
        flip_ns: 0,
        handover_ns: 0,
    };
    for policy in Policy::all() {
        let counters = live.counters(policy.id())?;
        spent.flips += counters.activations;
        spent.flip_ns += counters.flip_ns;
        spent.handover_ns += counters.handover_ns;
    }
    Ok(spent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn_at(ms: u64) -> Turn {
        Turn {
            number: 1,
            from: None,
            to: rig::policy("fifo").unwrap(),
            entered_at_ns: ms * 1_000_000,
            flip_ns: 0,
            handover_ns: 0,
            first_ns: 0,
            most_ns: 0,
            owner_ns: 0,
            all_ns: 0,
        }
    }

    #[test]
    fn only_wakeups_due_after_a_flip_are_near_it() {
        let at = |ms: u64, late: u64| Sample {
            due: Duration::from_millis(ms),
            late: Duration::from_nanos(late),
        };
        let samples = [at(99, 1), at(100, 2), at(119, 3), at(120, 4)];
        let (after, rest) = split(&samples, &[turn_at(100)]);
        assert_eq!((after, rest), (vec![2, 3], vec![1, 4]));
        assert_eq!(split(&samples, &[]).0, Vec::<u64>::new());
    }

    #[test]
    fn what_lies_outside_of_the_measurement_does_not_count() {
        let ms = Duration::from_millis;
        let turns = [turn_at(90), turn_at(190), turn_at(290)];
        // 10 ms of the first, the whole of the second, 5 ms of the third.
        let got = overlap_ns(&turns, ms(100), ms(295));
        assert_eq!(got, 35_000_000);
        assert_eq!(overlap_ns(&turns, ms(120), ms(180)), 0);
    }
}
