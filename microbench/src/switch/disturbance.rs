// SPDX-License-Identifier: GPL-2.0-only
//! How late a probe wakes up beside flips. Meant for a virtual clock, to which the
//! emulator adds no noise.

use std::thread;
use std::time::Duration;

use anyhow::{ensure, Result};
use labkit::machine::CpuTime;
use labkit::probe::{Class, Sample};
use labkit::{probe, sys};

use super::flips::Rotation;
use super::loads;
use super::measure::{default_handover, Args};
use super::meta::{ns, TurnLog};
use super::record::{Load, Probe, ProbeFlip, Record};
use crate::cli::Out;

const POLICIES: [&str; 2] = ["fifo", "vtime"];

/// Two make the period of 100 ms that the project promises something about.
const TURN: Duration = Duration::from_millis(50);

/// No divisor of a turn or of a tick, so that wake-ups visit every part of a turn.
const PROBE_EVERY: Duration = Duration::from_micros(509);

/// Under saturation a wake-up may wait for several slices, and a probe that waits takes no
/// samples: more of them, each rarely. They must not become a load themselves.
const SATURATED_PROBES: u32 = 8;

/// Less than half of the turns that the map remembers.
const POLL_EVERY: Duration = Duration::from_secs(20);

const SETTLE: Duration = Duration::from_millis(500);

/// A p99 within a few percent takes ten thousand wake-ups beside flips; only the case that the
/// project promises something about gets them.
const SHORTER: u32 = 7;

/// Longer than any case.
const RUN: Duration = Duration::from_secs(600);

/// Each load with each hand-over; as controls with each policy held, and with a probe that no
/// policy makes wait.
pub(crate) fn run(args: &Args, cpus: usize, out: &mut Out) -> Result<()> {
    let long = Duration::from_secs_f64(args.probe_seconds);
    let short = long / SHORTER;
    let default = default_handover();
    for load in [Load::Moderate, Load::Saturated] {
        for handover in ["drain", "adopt"] {
            let time = match load == Load::Moderate && handover == default {
                true => long,
                false => short,
            };
            let rotation = Rotation::start(&args.scx_meta, &POLICIES, handover, TURN, None)?;
            let probe = beside_flips(rotation, load, cpus, Class::Ordinary, time)?;
            out.record(&Record::Probe(probe))?;
        }
        let rotation = Rotation::start(&args.scx_meta, &POLICIES, default, TURN, None)?;
        let floor = beside_flips(rotation, load, cpus, Class::RealTime, short)?;
        out.record(&Record::Probe(floor))?;
        for policy in POLICIES {
            let rotation = Rotation::start(&args.scx_meta, &POLICIES, default, TURN, Some(policy))?;
            let control = beside_nothing(rotation, policy, load, cpus, short)?;
            out.record(&Record::Probe(control))?;
        }
    }
    Ok(())
}

fn beside_flips(
    rotation: Rotation,
    load: Load,
    cpus: usize,
    class: Class,
    time: Duration,
) -> Result<Probe> {
    let mut running = loads::start(load, cpus, RUN)?;
    let mut log = TurnLog::start(&rotation.live)?;
    let (wakes, busy) = probe(load, class, time, || log.poll())?;
    let counted = rotation.counted()?;
    running.check()?;
    drop(running);
    let flips = log.finish().into_iter().map(|turn| ProbeFlip {
        at: turn.entered_at,
        to: turn.to,
    });
    let flips = flips.collect();
    let case = rotation.case(load, TURN);
    rotation.stop()?;
    Ok(Probe {
        case,
        real_time: class == Class::RealTime,
        flips,
        wakes,
        counted,
        busy,
    })
}

/// The policy is held; the flips are where a rotation would have them, by name as well.
fn beside_nothing(
    rotation: Rotation,
    policy: &str,
    load: Load,
    cpus: usize,
    time: Duration,
) -> Result<Probe> {
    let mut running = loads::start(load, cpus, RUN)?;
    let began = sys::monotonic();
    let (wakes, busy) = probe(load, Class::Ordinary, time, || Ok(()))?;
    let counted = rotation.counted()?;
    running.check()?;
    drop(running);
    let mut case = rotation.case(load, Duration::ZERO);
    case.policies = vec![policy.into()];
    rotation.stop()?;
    Ok(Probe {
        case,
        real_time: false,
        flips: pseudo_flips(began, sys::monotonic()),
        wakes,
        counted,
        busy,
    })
}

fn pseudo_flips(from: Duration, to: Duration) -> Vec<ProbeFlip> {
    let count = (to - from).as_nanos() / TURN.as_nanos();
    (1..=count as u32)
        .map(|i| ProbeFlip {
            at: ns(from + TURN * i),
            to: POLICIES[i as usize % POLICIES.len()].into(),
        })
        .collect()
}

/// Wake-ups in the order in which they were due, and how busy the CPUs were; `poll` is called before
/// the map of turns forgets any, and at the end.
fn probe(
    load: Load,
    class: Class,
    time: Duration,
    mut poll: impl FnMut() -> Result<()>,
) -> Result<(Vec<(u64, u64)>, f64)> {
    thread::sleep(SETTLE);
    let probes = match load {
        Load::Saturated => SATURATED_PROBES,
        Load::Idle | Load::Moderate => 1,
    };
    let before = CpuTime::read()?;
    let mut running = Vec::new();
    for i in 0..probes {
        // Apart, so that they do not wake each other's CPU.
        thread::sleep(PROBE_EVERY * i / probes);
        running.push(probe::Probe::every(PROBE_EVERY * probes, class)?);
    }
    let end = sys::monotonic() + time;
    while sys::monotonic() < end {
        thread::sleep(POLL_EVERY.min(end.saturating_sub(sys::monotonic())));
        ensure!(!sys::interrupted(), "interrupted");
        poll()?;
    }
    let busy = CpuTime::read()?.busy_since(before);
    let mut wakes = Vec::new();
    for probe in running {
        let samples = probe.samples()?;
        wakes.extend(
            samples
                .iter()
                .map(|Sample { due, late }| (ns(*due), ns(*late))),
        );
    }
    wakes.sort_unstable();
    Ok((wakes, busy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_has_flips_where_a_rotation_would() {
        let from = Duration::from_secs(1);
        let flips = pseudo_flips(from, from + TURN * 3 + TURN / 2);
        let ats: Vec<_> = flips.iter().map(|flip| flip.at).collect();
        assert_eq!(ats, [1_050_000_000, 1_100_000_000, 1_150_000_000]);
        assert_ne!(flips[0].to, flips[1].to);
        assert_eq!(flips[0].to, flips[2].to);
    }
}
