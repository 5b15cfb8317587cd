// SPDX-License-Identifier: GPL-2.0-only
//! The program's life, in a thread of its own: load, pin, attach, watch; and again, with what people
//! set meanwhile, when the kernel demands it or has ejected us.
//!
//! What ended is gone by then, and the kernel's own scheduler in charge: there is nothing to load
//! the next program beside.

use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

use anyhow::{bail, Context, Result};

use super::exit::{Cause, Exit};
use super::gate::Gate;
use super::grace::GracePeriods;
use super::manager::Pulse;
use super::plan::Plan;
use super::program::{Running, Standby};
use super::report::Reporter;
use super::rescue::Rescue;
use super::retry::{Answer, OnEjection, Patience, EJECTIONS, EJECTIONS_WITHIN};
use super::{carry, last_words};
use crate::live::{Knobs, Live, PIN_DIR};
use crate::machine::Machine;
use crate::{hotplug, output, void};

/// How often the loader looks whether the kernel ejected the program.
/// Each look is a wake-up of an idle machine.
const EXIT_POLL: Duration = Duration::from_millis(500);

/// CPUs that come and go are waited for until they stop to, but no longer than this.
const SETTLE_LIMIT: Duration = Duration::from_secs(10);

/// How a run ended that did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// As it should: a signal, the time is up, or nobody reads the reports any more.
    Asked,
    /// The kernel ended the scheduler, by itself or at a human's word: why.
    Ended(String),
}

/// How one program ended.
enum Ending {
    Asked,
    /// CPUs came or went before it was attached.
    Outdated,
    Ended(Exit),
}

/// What is remembered from one program to the next.
pub(super) struct Life<'a> {
    plan: &'a Plan,
    machine: &'a Machine,
    gate: &'a Gate,
    /// Told when a program is in charge.
    in_charge: &'a dyn Fn(Instant),
    pulse: Pulse,
    knobs: Knobs,
    /// The maps that are pinned, of the program before.
    pinned: Option<Live>,
    was_in_charge: bool,
    ejections: Patience,
    events: Patience,
}

impl<'a> Life<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        machine: &'a Machine,
        gate: &'a Gate,
        in_charge: &'a dyn Fn(Instant),
        pulse: Pulse,
    ) -> Self {
        Self {
            plan,
            machine,
            gate,
            in_charge,
            pulse,
            knobs: plan.knobs.clone(),
            pinned: None,
            was_in_charge: false,
            ejections: Patience::with_ejections(),
            events: Patience::with_events(),
        }
    }

    /// Until it is stopped, or nothing more is to be done.
    pub(super) fn live(mut self) -> Result<Outcome> {
        loop {
            let tried = self.one_program();
            self.gate.done();
            let ended = match tried {
                Ok(Ending::Asked) => Some(Outcome::Asked),
                Ok(Ending::Outdated) => self.after_event(),
                Ok(Ending::Ended(exit)) => match exit.cause() {
                    Cause::Restart => self.after_event(),
                    Cause::Fault => self.after_fault(exit.why())?,
                    Cause::None | Cause::Asked => Some(Outcome::Ended(exit.why())),
                },
                Err(error) if !self.was_in_charge => return Err(error),
                Err(error) => {
                    log::info!("not loaded again: {error:#}");
                    self.after_fault(format!("{error:#}"))?
                }
            };
            if let Some(outcome) = ended {
                return Ok(outcome);
            }
        }
    }

    fn one_program(&mut self) -> Result<Ending> {
        let mut object = MaybeUninit::uninit();
        let standby = Standby::load(self.plan, &self.knobs, self.machine, &mut object)?;
        if standby.is_outdated() {
            return Ok(Ending::Outdated);
        }
        if !self.gate.begin() {
            return Ok(Ending::Asked);
        }
        self.publish(standby.maps()?)?;
        let attached = standby.try_attach()?;
        Ok(match attached {
            Ok(running) => self.stay(running),
            Err(exit) => Ending::Ended(exit),
        })
    }

    /// What people wrote to the old maps until now stands in the new ones.
    fn publish(&mut self, maps: Live) -> Result<()> {
        let publish = || self.gate.publish(&maps);
        match &self.pinned {
            None => publish()?,
            Some(old) => {
                let carried = carry::over(old, &maps, &self.plan.policies, publish);
                self.knobs = carried.context("carrying weights, period and pin over")?;
            }
        }
        self.pinned = Some(maps);
        Ok(())
    }

    /// In charge until the end, whose reason is told.
    fn stay(&mut self, mut running: Running<'_>) -> Ending {
        let attached = Instant::now();
        // Until it is unloaded.
        let grace = GracePeriods::ensure(self.machine);
        let rescue = Rescue::ensure(self.machine);
        self.was_in_charge = true;
        if !self.gate.is_stopped() {
            (self.in_charge)(attached);
            self.announce();
        }
        #[cfg(feature = "guest-tests")]
        crate::faults::panic_if_told();
        let asked = self.watch(&mut running, attached);
        // While the kernel is about to end it, /proc tells more than later.
        let exit = running.exit();
        if exit.cause() == Cause::Fault {
            self.explain(&exit, running.live());
        }
        rescue.expect_unload();
        let exit = running.finish();
        drop((rescue, grace));
        match asked && exit.cause() != Cause::Fault {
            true => Ending::Asked,
            false => Ending::Ended(exit),
        }
    }

    fn announce(&self) {
        let Knobs {
            weights,
            period_us,
            pin,
        } = &self.knobs;
        let period = humantime::format_duration(Duration::from_micros((*period_us).into()));
        let runs = match weights.in_rotation() {
            0 if self.plan.auto.is_some() => self.plan.choice(),
            0 | 1 => weights.describe(),
            _ => format!("{}; a rotation takes {period}", weights.describe()),
        };
        let pin = pin.map(|policy| format!(", pinned to {policy}"));
        log::info!(
            "scx_meta runs: {runs}{}; maps in {PIN_DIR}; Ctrl-C stops it",
            pin.unwrap_or_default(),
        );
        let slice = self.plan.tunables.slice.duration();
        if let Some(warning) = weights.warn_of_short_turns(*period_us, slice) {
            log::warn!("{warning}");
        }
        let honoured = self.plan.honours_weights()
            && self
                .plan
                .in_charge(&self.knobs)
                .into_iter()
                .all(void::honours_weights);
        if let Some(warning) = void::warning(self.machine, honoured) {
            log::warn!("{warning}");
        }
    }

    /// Returns when the program is to end (true) or has ended (false).
    fn watch(&self, running: &mut Running<'_>, attached: Instant) -> bool {
        let run = &self.plan.run;
        let every = run.report_every();
        let mut reporter = every.map(|every| Reporter::new(every, run.stats_json, attached));
        let mut complained = false;
        // A figure that cannot be read, as where memory is short, ends nothing.
        let mut tolerate = |result: Result<()>| {
            if let Err(error) = result {
                if !std::mem::replace(&mut complained, true) {
                    log::warn!("{error:#}");
                }
            }
        };
        let asked = loop {
            if running.has_ended() {
                break false;
            }
            self.pulse.beat();
            tolerate(running.follow(self.machine));
            let now = Instant::now();
            let mut idle = EXIT_POLL;
            if let Some(reporter) = &mut reporter {
                tolerate(reporter.print_if_due(running.live(), now));
                idle = idle.min(reporter.next.saturating_duration_since(now));
                if output::reports_are_unwanted() {
                    break true;
                }
            }
            if self.gate.stopped_within(idle) {
                break true;
            }
        };
        if let Some(reporter) = &mut reporter {
            tolerate(reporter.print(running.live()));
        }
        asked
    }

    /// The kernel's dump, its line, and what we know beside it.
    fn explain(&self, exit: &Exit, live: &Live) {
        if let Some(dump) = exit.dump() {
            log::info!("the kernel's dump:\n{dump}\nend of the dump");
        }
        log::info!("the kernel ended the scheduler: {}", exit.why());
        for line in last_words::of(exit, live, self.plan.run.partial) {
            log::info!("  {line}");
        }
    }

    /// CPUs come and go in groups: waits until they do no more.
    fn after_event(&mut self) -> Option<Outcome> {
        let Answer::Again(pause, _) = self.events.after(Instant::now()) else {
            return Some(Outcome::Ended("CPUs come and go".into()));
        };
        log::info!("CPUs changed: loading again; weights, period and pin are kept");
        let limit = Instant::now() + SETTLE_LIMIT;
        loop {
            let before = hotplug::events();
            if self.gate.stopped_within(pause) {
                return Some(Outcome::Asked);
            }
            if hotplug::events() == before || Instant::now() > limit {
                return None;
            }
        }
    }

    /// An ejection that nobody asked for, or a load after one that failed. Why has been said.
    fn after_fault(&mut self, why: String) -> Result<Option<Outcome>> {
        if !self.was_in_charge {
            bail!("the kernel refused the scheduler: {why}");
        }
        let ended = |why: String| Ok(Some(Outcome::Ended(why)));
        if self.gate.is_stopped() || self.plan.run.on_ejection == OnEjection::Exit {
            return ended(why);
        }
        let within = humantime::format_duration(EJECTIONS_WITHIN);
        let (pause, times) = match self.ejections.after(Instant::now()) {
            Answer::Again(pause, times) => (pause, times),
            Answer::GiveUp(times) => {
                return ended(format!(
                    "{why}; this is time {times} within {within}: giving up"
                ));
            }
        };
        let pause_text = humantime::format_duration(pause);
        log::info!(
            "loading again in {pause_text}, for time {times} of at most {EJECTIONS} within {within}; \
             weights, period and pin are kept"
        );
        if self.gate.stopped_within(pause) {
            return Ok(Some(Outcome::Asked));
        }
        match self.machine.loaded_scheduler() {
            Some(other) => ended(format!("{why}; since then {other} is in charge")),
            None => Ok(None),
        }
    }
}
