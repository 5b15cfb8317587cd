// SPDX-License-Identifier: GPL-2.0-only
//! A run of the loader. One thread looks after the program (life.rs); the one that calls `run`
//! waits for what may end it: a signal, the deadline, or the other's end. So a stop is obeyed at
//! once even while the kernel verifies a program, which takes seconds on a busy machine.
//!
//! ```text
//! run ── signals ──┐                        gate: may it be attached, must it be waited for?
//!  │               ▼                          │
//!  └── life: load ─► pin ─► attach ─► watch ──┴─► detach      retry: load again? how soon?
//!       ▲  program  carry             report        exit, last_words: why did it end?
//!       └────────── a restart that the kernel demands, an ejection ──────────┘
//! ```

mod carry;
mod exit;
mod fill;
mod gate;
mod grace;
mod holder;
mod last_words;
mod life;
mod manager;
pub(crate) mod plan;
mod program;
mod report;
mod rescue;
pub(crate) mod retry;
mod signals;
mod tasks;

use std::panic::AssertUnwindSafe;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{mpsc, Arc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{panic, thread};

use anyhow::{bail, ensure, Context, Result};
use nix::sys::signal::Signal;
use scx_utils::try_set_rlimit_infinity;

use self::gate::{Gate, Stopping};
use self::life::Life;
pub(crate) use self::life::Outcome;
use self::manager::Manager;
pub(crate) use self::plan::{Plan, RunOptions};
pub use self::program::{Running, Standby};
pub(crate) use self::signals::StopSignals;
use crate::live::PinDir;
use crate::machine::Machine;

/// The loader's threads of the real-time class, by their names.
pub(crate) const REAL_TIME_THREADS: [&str; 2] = [holder::NAME, rescue::NAME];

/// As large as a main thread's: libbpf does not expect less.
const STACK: usize = 8 << 20;

/// What the waiting thread hears.
enum Event {
    /// A program is in charge, since then.
    InCharge(Instant),
    Signal,
    /// The thread that looks after the program has ended.
    Over,
}

/// What SIGHUP does in place of a stop; false: nothing.
pub(crate) type OnHangup = Box<dyn Fn() -> bool + Send>;

/// Runs until it is stopped. The process is to end then: a load that was under way may still be, in
/// a thread that can no longer attach anything.
pub(crate) fn run(
    plan: Plan,
    machine: Machine,
    signals: StopSignals,
    on_hangup: OnHangup,
) -> Result<Outcome> {
    machine.require_all()?;
    if plan.uses_central_cpu() {
        check_central_cpu(&plan, &machine.cpu_list("online")?)?;
    }
    try_set_rlimit_infinity();
    let manager = Manager::of_environment()?;
    let pulse = manager.pulse();
    let gate = Arc::new(Gate::new(Some(PinDir::claim()?)));
    let _pins = gate.pins();
    let (sender, events) = mpsc::channel();
    let to_us = sender.clone();
    // We are gone only when the process is about to end.
    signals.watch(move |signal| {
        if signal != Signal::SIGHUP || !on_hangup() {
            drop(to_us.send(Event::Signal));
        }
    })?;
    let seconds = plan.run.seconds;
    let gate_of_life = Arc::clone(&gate);
    let life = look_after(sender, move |sender| {
        let in_charge = |since| drop(sender.send(Event::InCharge(since)));
        Life::new(&plan, &machine, &gate_of_life, &in_charge, pulse).live()
    })?;
    supervise(life, &events, &gate, seconds, &manager)
}

fn check_central_cpu(plan: &Plan, online: &[u32]) -> Result<()> {
    ensure!(
        online.contains(&plan.tunables.central_cpu),
        "--central-cpu {}: not an online CPU; online are {online:?}",
        plan.tunables.central_cpu,
    );
    Ok(())
}

/// Starts the thread of that life; however it ends, that is told.
fn look_after(
    sender: Sender<Event>,
    life: impl FnOnce(&Sender<Event>) -> Result<Outcome> + Send + 'static,
) -> Result<JoinHandle<Result<Outcome>>> {
    let body = move || {
        // A panic has detached the program on its way here, and has been told.
        let result = panic::catch_unwind(AssertUnwindSafe(|| life(&sender)));
        drop(sender.send(Event::Over));
        match result {
            Ok(outcome) => outcome,
            Err(_) => bail!("a bug ended the scheduler; the kernel's own is in charge"),
        }
    };
    thread::Builder::new()
        .name("life".into())
        .stack_size(STACK)
        .spawn(body)
        .context("starting a thread")
}

/// Waits for the life's end, or for a reason to end it.
fn supervise(
    life: JoinHandle<Result<Outcome>>,
    events: &Receiver<Event>,
    gate: &Gate,
    seconds: Option<Duration>,
    manager: &Manager,
) -> Result<Outcome> {
    let mut deadline: Option<Instant> = None;
    loop {
        let event = match deadline {
            None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(at) => events.recv_timeout(at.saturating_duration_since(Instant::now())),
        };
        match event {
            // A reload does not give it more time.
            Ok(Event::InCharge(since)) => {
                manager.ready();
                deadline = deadline.or_else(|| since.checked_add(seconds?));
            }
            Ok(Event::Signal) | Err(RecvTimeoutError::Timeout) => {
                deadline = None;
                manager.stopping();
                if gate.stop() == Stopping::EndNow {
                    return Ok(Outcome::Asked);
                }
            }
            Ok(Event::Over) | Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    match life.join() {
        Ok(outcome) => outcome,
        Err(_) => bail!("a bug ended the thread that looks after the scheduler"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(600);
    const SHORT: Duration = Duration::from_millis(10);

    /// Supervises a life of this kind, and gives it this signal.
    fn run(
        seconds: Option<Duration>,
        signal: bool,
        life: impl FnOnce(&Gate, &Sender<Event>) -> Result<Outcome> + Send + 'static,
    ) -> Result<Outcome> {
        let gate = Arc::new(Gate::new(None));
        let (sender, events) = mpsc::channel();
        if signal {
            sender.send(Event::Signal).unwrap();
        }
        let of_life = Arc::clone(&gate);
        let life = look_after(sender, move |sender| life(&of_life, sender)).unwrap();
        supervise(life, &events, &gate, seconds, &Manager::nobody())
    }

    #[test]
    fn a_signal_ends_a_load_that_is_under_way() {
        let outcome = run(None, true, |_, _| {
            thread::sleep(LONG);
            bail!("it was waited for")
        });
        assert_eq!(outcome.unwrap(), Outcome::Asked);
    }

    #[test]
    fn the_deadline_ends_a_reload_and_is_counted_from_the_first_attach() {
        let began = Instant::now();
        let outcome = run(Some(20 * SHORT), false, |gate, sender| {
            for _ in 0..2 {
                assert!(gate.begin());
                sender.send(Event::InCharge(Instant::now())).unwrap();
                gate.done();
                thread::sleep(SHORT);
            }
            thread::sleep(LONG);
            bail!("it was waited for")
        });
        assert_eq!(outcome.unwrap(), Outcome::Asked);
        assert!(began.elapsed() < LONG / 10);
    }

    #[test]
    fn a_program_in_charge_is_detached_before_the_end() {
        let outcome = run(Some(SHORT), false, |gate, sender| {
            assert!(gate.begin());
            sender.send(Event::InCharge(Instant::now())).unwrap();
            assert!(gate.stopped_within(LONG));
            thread::sleep(SHORT);
            Ok(Outcome::Ended("detached".into()))
        });
        assert_eq!(outcome.unwrap(), Outcome::Ended("detached".into()));
    }

    #[test]
    fn a_panic_is_an_error_and_not_the_end_of_the_supervision() {
        let error = run(None, false, |_, _| panic!("on purpose")).unwrap_err();
        assert!(error.to_string().contains("a bug ended"), "{error}");
    }
}
