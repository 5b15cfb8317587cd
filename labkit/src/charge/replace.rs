// SPDX-License-Identifier: GPL-2.0-only
//! A rotation by process replacement, as the paper did it: at the end of each turn one scx_meta
//! with a single policy ends, and the next is started. A turn is counted from when its scheduler is
//! in charge, so that each has its whole turn; in between the kernel's own scheduler decides.

use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{mpsc, Arc, Mutex};
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{bail, Context, Result};
use scx_meta::policy::Policy;
use serde::{Deserialize, Serialize};

use super::rotation::Rotation;
use super::WATCH_POLL;
use crate::charge::scheduler::{Scheduler, Started, Stopped};
use crate::charge::watch::Watch;
use crate::meta::{MEASURED, OPS, START_LIMIT, STOP_LIMIT};
use crate::scx;

/// What replacing came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Replaced {
    /// Replacements that were completed.
    pub count: u64,
    /// How long, in all of them, no sched_ext scheduler was in charge.
    pub nobody: Duration,
}

/// Replaces processes until it is stopped or dropped.
pub struct Replacer {
    /// Its end is the sign to stop.
    stop: Option<Sender<()>>,
    /// The processes end with this thread; it is there as long as they are.
    thread: Option<JoinHandle<Result<()>>>,
    replaced: Arc<Mutex<Replaced>>,
}

/// What the thread works with.
struct Turns {
    program: PathBuf,
    turns: Vec<(Policy, Duration)>,
    stop: Receiver<()>,
    replaced: Arc<Mutex<Replaced>>,
}

impl Replacer {
    /// Starts, and waits until the first is in charge.
    pub fn start(program: PathBuf, rotation: &Rotation) -> Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let (begin, begun) = mpsc::channel();
        let replaced = Arc::default();
        let turns = Turns {
            program,
            turns: rotation.turns(),
            stop: stopped,
            replaced: Arc::clone(&replaced),
        };
        let thread = thread::Builder::new()
            .name("replacer".into())
            .spawn(move || turns.run(&begin))
            .context("cannot start a thread")?;
        let mut replacer = Self {
            stop: Some(stop),
            thread: Some(thread),
            replaced,
        };
        match begun.recv() {
            Ok(()) => Ok(replacer),
            // It ended before it began.
            Err(_) => {
                replacer.end()?;
                bail!("the thread that replaces processes ended at once")
            }
        }
    }

    /// Fails when a replacement has.
    pub fn check(&mut self) -> Result<()> {
        let ended = self.thread.as_ref().is_none_or(JoinHandle::is_finished);
        if ended {
            self.end()?;
            bail!("the thread that replaces processes ended by itself");
        }
        Ok(())
    }

    /// Since its start.
    pub fn replaced(&self) -> Replaced {
        match self.replaced.lock() {
            Ok(replaced) => *replaced,
            Err(poisoned) => *poisoned.into_inner(),
        }
    }

    /// Ends it and the scheduler that is in charge.
    pub fn stop(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        self.stop.take();
        let Some(thread) = self.thread.take() else {
            return Ok(());
        };
        let ended = thread.join();
        let disabled = scx::await_disabled(STOP_LIMIT);
        match ended {
            Ok(ended) => ended.context("while replacing processes").and(disabled),
            Err(_) => bail!("the thread that replaces processes panicked"),
        }
    }
}

impl Drop for Replacer {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("{error:#}");
        }
    }
}

impl Turns {
    fn run(self, begin: &Sender<()>) -> Result<()> {
        let (mut running, _) = self.start(self.turns[0].0, &mut Watch::every(WATCH_POLL)?)?;
        // Gone only if we are to stop.
        let _ = begin.send(());
        for turn in 0.. {
            let (_, length) = self.turns[turn % self.turns.len()];
            if self.is_over(&mut running, length)? {
                break;
            }
            let (next, _) = self.turns[(turn + 1) % self.turns.len()];
            running = self.replace(running, next)?;
        }
        running.end(STOP_LIMIT)
    }

    /// Waits for the turn's end; true if it is the last. One alone has a turn without end.
    fn is_over(&self, running: &mut Scheduler, length: Duration) -> Result<bool> {
        loop {
            match self.stop.recv_timeout(length) {
                Err(RecvTimeoutError::Timeout) => running.check()?,
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(true),
            }
            if self.turns.len() > 1 {
                return Ok(false);
            }
        }
    }

    fn replace(&self, old: Scheduler, next: Policy) -> Result<Scheduler> {
        let mut watch = Watch::every(WATCH_POLL)?;
        let stopped = old.stop(libc::SIGTERM, &mut watch, STOP_LIMIT)?;
        let (new, started) = self.start(next, &mut watch)?;
        if let Ok(mut replaced) = self.replaced.lock() {
            replaced.count += 1;
            replaced.nobody += nobody(&stopped, &started);
        }
        Ok(new)
    }

    fn start(&self, policy: Policy, watch: &mut Watch) -> Result<(Scheduler, Started)> {
        let mut command = Command::new(&self.program);
        command.args(["--policies", policy.name()]).args(MEASURED);
        Scheduler::start(&mut command, OPS, watch, START_LIMIT)
    }
}

/// From when the old one was first seen to go until the new one was in charge.
fn nobody(stopped: &Stopped, started: &Started) -> Duration {
    let gone = stopped.changes.first().map_or(stopped.asked, |c| c.at);
    let back = started.changes.last().map_or(gone, |c| c.at);
    back.saturating_sub(gone)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;
    use crate::charge::watch::{Change, Charge};

    fn change(at_ms: u64, state: &str) -> Change {
        Change {
            after: Duration::from_millis(at_ms - 1),
            at: Duration::from_millis(at_ms),
            charge: Charge {
                state: state.into(),
                enable_seq: 1,
                ops: None,
            },
        }
    }

    #[test]
    fn nobody_is_in_charge_from_the_first_sign_of_the_stop_to_the_last_of_the_start() {
        let stopped = Stopped {
            asked: Duration::from_millis(100),
            changes: vec![change(110, "disabling"), change(130, "disabled")],
            exited: Duration::from_millis(150),
            status: ExitStatus::from_raw(0),
        };
        let started = Started {
            spawned: Duration::from_millis(160),
            changes: vec![change(900, "enabling"), change(950, "enabled")],
        };
        let took = nobody(&stopped, &started);
        assert_eq!(took, Duration::from_millis(950 - 110));
    }

    #[test]
    fn a_thread_that_cannot_start_a_scheduler_says_why() {
        let setting = crate::charge::setting::Setting::Replace {
            weights: vec![("fifo".into(), 1), ("vtime".into(), 1)],
            period_us: 100_000,
        };
        let all = scx_meta::weights::PolicyList::all();
        let rotation = Rotation::of(&setting, &all).unwrap();
        let error = Replacer::start("/no/such/program".into(), &rotation).err();
        let error = format!("{:#}", error.unwrap());
        // On a kernel without sched_ext the watch cannot even begin.
        assert!(
            error.contains("/no/such/program") || error.contains("sched_ext"),
            "{error}"
        );
    }
}
