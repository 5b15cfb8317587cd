// SPDX-License-Identifier: GPL-2.0-only
//! One block: a scheduler in charge, its predecessor's queues empty, and one run of the load.
//!
//! After each load everything that should be alive is looked at: a figure that was taken beside a
//! dead service, or under the wrong scheduler, must not be written down.

use std::path::Path;
use std::slice;
use std::time::Duration;

use anyhow::{anyhow, Context, Result};
use fastrand::Rng;
use labkit::charge::setting::Setting;
use labkit::charge::InCharge;
use labkit::sys;

use super::load::{Conditions, Done};
use super::scene::Scene;
use super::{load, window};
use crate::reading::Run;
use crate::record::{Block, Chosen, Part, Replaced};
use crate::workload::{Application, Load};

/// Least time between a change of scheduler and the load.
const SETTLE: Duration = Duration::from_millis(500);

/// How often a wait looks whether somebody asked us to stop.
const POLL: Duration = Duration::from_millis(100);

/// A load that takes so many times its length hangs.
const SLOWEST: u32 = 5;

/// For loads of a second: to start and to end takes time of its own.
const SLOWEST_START: Duration = Duration::from_secs(60);

/// A subject, and what is known of it by now.
pub(crate) struct Subject<'a> {
    pub(crate) application: &'a Application,
    /// How long its load took at most.
    pub(crate) longest: Option<Duration>,
}

/// A block that is about to be measured.
pub(crate) struct Place<'a> {
    /// Super-block, from 0.
    pub(crate) round: u32,
    /// Within the super-block, from 0.
    pub(crate) position: u32,
    /// Label; none for EEVDF at an end.
    pub(crate) row: Option<&'a str>,
    pub(crate) setting: &'a Setting,
}

/// The world of a trial: tests have another one.
pub(crate) struct Rig<'a> {
    pub(crate) charge: &'a mut dyn InCharge,
    pub(crate) scene: &'a mut dyn Scene,
    /// Has somebody asked us to stop?
    pub(crate) interrupted: &'a dyn Fn() -> bool,
    /// How long a scheduler that chooses by itself is shown a steady load before it counts.
    pub(crate) lead: Duration,
}

pub(crate) struct Bench<'a, 'b> {
    pub(crate) rig: &'a mut Rig<'b>,
    pub(crate) folder: &'a Path,
    pub(crate) rng: &'a mut Rng,
}

impl Bench<'_, '_> {
    /// Measures one block; none if somebody asked us to stop.
    pub(crate) fn block(&mut self, subject: &mut Subject, place: &Place) -> Result<Option<Block>> {
        let application = subject.application;
        let setting = place.setting;
        let asked = sys::monotonic();
        self.rig.charge.put(setting)?;
        self.rig.charge.settle(SETTLE)?;
        let phase_us = window::phase_us(setting, self.rng);
        self.wait(Duration::from_micros(phase_us.unwrap_or_default().into()))?;
        let settled = sys::monotonic().saturating_sub(asked);

        let lead = self.lead(application, setting);
        if lead > 0 && self.load(subject, lead).context("lead")?.is_none() {
            return Ok(None);
        }
        let seconds = window::seconds(application.window, setting);
        let before = self.rig.charge.signals()?;
        let Some(done) = self.load(subject, seconds)? else {
            return Ok(None);
        };
        let after = self.rig.charge.signals()?;
        Ok(Some(Block {
            subject: application.name.clone(),
            round: place.round,
            position: place.position,
            row: place.row.map(str::to_owned),
            seconds: done.took.as_secs_f64(),
            phase_us,
            settled_ms: settled.as_secs_f64() * 1000.0,
            replaced: self.rig.charge.replaced().map(|replaced| Replaced {
                count: replaced.count,
                nobody_ms: replaced.nobody.as_secs_f64() * 1000.0,
            }),
            parts: parts(application, &done)?,
            lead_s: lead as f64,
            chosen: done.chosen,
            signals: after.zip(before).map(|(after, before)| after.since(before)),
        }))
    }

    /// How long somebody who chooses is shown the load before it counts; none where the load changes
    /// by itself: finding that out is part of it.
    fn lead(&self, application: &Application, setting: &Setting) -> u64 {
        let chooses = matches!(setting, Setting::Auto { .. });
        match chooses && application.turns.is_empty() {
            true => self.rig.lead.as_secs(),
            false => 0,
        }
    }

    /// Sleeps, but not past a wish to stop.
    fn wait(&self, time: Duration) -> Result<()> {
        let until = sys::monotonic() + time;
        while !(self.rig.interrupted)() {
            let now = sys::monotonic();
            if now >= until {
                break;
            }
            sys::sleep_until(until.min(now + POLL)).context("cannot sleep")?;
        }
        Ok(())
    }

    /// Runs the loads once; none if somebody asked us to stop.
    pub(crate) fn load(&mut self, subject: &mut Subject, seconds: u64) -> Result<Option<Done>> {
        if (self.rig.interrupted)() {
            return Ok(None);
        }
        let done = self.loads(subject, seconds);
        let alive = self.alive();
        let done = match (done, alive) {
            (Ok(done), Ok(())) => done,
            (Ok(_), Err(dead)) => return Err(dead),
            (Err(failed), Ok(())) => return Err(failed),
            // Most likely the load failed because of it.
            (Err(failed), Err(dead)) => return Err(anyhow!("{dead:#}; and {failed:#}")),
        };
        if let Some(done) = &done {
            subject.longest = subject.longest.max(Some(done.took));
        }
        Ok(done)
    }

    /// All at once, or one after the other.
    fn loads(&self, subject: &Subject, seconds: u64) -> Result<Option<Done>> {
        let Application { loads, turns, .. } = subject.application;
        let conditions = Conditions {
            seconds,
            folder: self.folder,
            limit: subject.limit(seconds),
            scene: &*self.rig.scene,
            interrupted: self.rig.interrupted,
        };
        if turns.is_empty() {
            let Some(mut done) = load::run(loads, &conditions)? else {
                return Ok(None);
            };
            done.chosen = self.chosen()?;
            return Ok(Some(done));
        }
        let mut all = Done::default();
        for (load, turn) in loads.iter().zip(turns) {
            let conditions = Conditions {
                // A warm-up is shorter.
                seconds: window::seconds(*turn, &Setting::Eevdf).min(seconds),
                ..conditions
            };
            let Some(done) = load::run(slice::from_ref(load), &conditions)? else {
                return Ok(None);
            };
            all.took += done.took;
            all.runs.extend(done.runs);
            all.chosen.extend(self.chosen()?);
        }
        Ok(Some(all))
    }

    /// Who was chosen by now, if somebody chooses.
    fn chosen(&self) -> Result<Vec<Chosen>> {
        let learned = self.rig.charge.learned()?;
        let now_ns = sys::monotonic().as_nanos() as u64;
        Ok(learned
            .map(|learned| Chosen::of(&learned, now_ns))
            .into_iter()
            .collect())
    }

    fn alive(&mut self) -> Result<()> {
        self.rig.scene.check()?;
        self.rig.charge.check()
    }
}

impl Subject<'_> {
    /// After which time a load hangs. Of one with a length of its own nobody knows before it ran.
    fn limit(&self, seconds: u64) -> Option<Duration> {
        let own = self.application.loads.iter().any(window::has_own_length);
        if own && self.longest.is_none() {
            return None;
        }
        let longest = self.longest.unwrap_or_default();
        Some(longest.max(Duration::from_secs(seconds)) * SLOWEST + SLOWEST_START)
    }
}

fn parts(application: &Application, done: &Done) -> Result<Vec<Part>> {
    let read = |(load, runs): (&Load, &Vec<Run>)| {
        let reading = load.reader.read(runs);
        let reading = reading.with_context(|| format!("the load of {}", load.name))?;
        Ok(Part {
            name: load.name.clone(),
            throughput: reading.throughput,
            latency: reading.latency,
        })
    };
    application.loads.iter().zip(&done.runs).map(read).collect()
}
