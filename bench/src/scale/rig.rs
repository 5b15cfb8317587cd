// SPDX-License-Identifier: GPL-2.0-only
//! A scx_meta that runs, and what a measurement does with it.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use anyhow::bail;
use anyhow::ensure;
use anyhow::Context;
use anyhow::Result;
use labkit::process;
use labkit::sys;
use scx_meta::live::Live;
use scx_meta::policy::Policy;
use scx_meta::preflight;
use scx_meta::turns;
use scx_meta::turns::Turn;

use super::record::Flip;
use super::record::OwnedTurn;

/// Longest wait for a scheduler to load or to go, emulated and under load.
const LIMIT: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(20);

/// How often turns are given more time until enough were recorded.
const TRIES: usize = 4;

/// Turns that are waited for before they are read. The map forgets older ones,
/// and more may pass than are waited for.
const AT_ONCE: usize = turns::REMEMBERED / 2;

/// A running scx_meta. Dropping it kills it.
pub struct Rig {
    process: Process,
    /// Its maps.
    pub live: Live,
}

/// The process alone, which may not be in charge yet.
pub struct Process {
    command: String,
    child: Child,
}

impl Process {
    /// Starts it; what it says goes to our error output.
    pub fn spawn(program: &Path, options: &[&str]) -> Result<Self> {
        Self::start(&mut command(program, options))
    }

    /// As [`Self::spawn`], in the real-time class: what is busy does not delay its start.
    pub fn spawn_real_time(program: &Path, options: &[&str]) -> Result<Self> {
        Self::start(sys::in_real_time(&mut command(program, options)))
    }

    fn start(command: &mut Command) -> Result<Self> {
        let shown = process::shown(command);
        let child = sys::in_own_group(command, libc::SIGKILL)
            .spawn()
            .with_context(|| format!("cannot start {shown}"))?;
        Ok(Self {
            command: shown,
            child,
        })
    }

    /// Fails when it has ended.
    pub fn check(&mut self) -> Result<()> {
        match self
            .child
            .try_wait()
            .context("cannot wait for a scheduler")?
        {
            None => Ok(()),
            Some(status) => bail!("{} ended ({status})", self.command),
        }
    }

    /// Ends it as Ctrl-C does, and waits for that.
    pub fn stop(self) -> Result<()> {
        let command = self.command.clone();
        let status = self.interrupt()?;
        ensure!(status.success(), "{command} ended ({status})");
        Ok(())
    }

    /// As [`Self::stop`], though it may not have come so far as to catch the signal.
    pub fn stop_early(self) -> Result<()> {
        let command = self.command.clone();
        let status = self.interrupt()?;
        ensure!(
            status.success() || status.signal() == Some(libc::SIGINT),
            "{command} ended ({status})"
        );
        Ok(())
    }

    fn interrupt(mut self) -> Result<ExitStatus> {
        self.check()?;
        sys::kill(self.child.id(), libc::SIGINT)
            .with_context(|| format!("cannot stop {}", self.command))?;
        let status = process::wait_for(&mut self.child, LIMIT)?;
        status.with_context(|| format!("{} does not end", self.command))
    }
}

fn command(program: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Rig {
    /// Starts scx_meta and waits until it is in charge.
    pub fn start(program: &Path, options: &[&str]) -> Result<Self> {
        let mut process = Process::spawn(program, options)?;
        let deadline = sys::monotonic() + LIMIT;
        let machine = preflight::Machine::default();
        loop {
            process.check()?;
            if is_enabled() {
                if let Ok(live) = Live::open(&machine) {
                    return Ok(Self { process, live });
                }
            }
            ensure!(!sys::interrupted(), "interrupted");
            ensure!(
                sys::monotonic() < deadline,
                "{} is not in charge after {LIMIT:?}",
                process.command
            );
            thread::sleep(POLL);
        }
    }

    /// Fails when it has ended.
    pub fn check(&mut self) -> Result<()> {
        self.process.check()
    }

    /// Ends it.
    pub fn stop(self) -> Result<()> {
        self.process.stop()
    }

    /// Lets these policies take turns of equal length.
    pub fn rotate(&self, policies: &[Policy], turn: Duration) -> Result<()> {
        let period = turn * policies.len() as u32;
        let period_us = u32::try_from(period.as_micros()).context("a period is too long")?;
        // Raise before lowering: the rotation never runs dry.
        for raise in [true, false] {
            for (policy, _) in self.live.weights()? {
                if policies.contains(&policy) == raise {
                    self.live.set_weight(policy, u32::from(raise))?;
                }
            }
        }
        self.live.set_period_us(period_us)?;
        self.live.set_pin(None)?;
        self.live.apply()
    }

    /// Holds one policy.
    pub fn pin(&self, policy: Policy) -> Result<()> {
        self.live.set_pin(Some(policy))?;
        self.live.apply()
    }

    /// Sleeps, and fails when the scheduler has ended meanwhile.
    pub fn let_run(&mut self, time: Duration) -> Result<()> {
        thread::sleep(time);
        ensure!(!sys::interrupted(), "interrupted");
        self.check()
    }

    /// At least `count` flips among these policies, in turns of this length.
    pub fn flips(
        &mut self,
        policies: &[Policy],
        turn: Duration,
        count: usize,
    ) -> Result<Vec<Flip>> {
        self.rotate(policies, turn)?;
        // The first turns may still be what was before.
        self.let_run(turn * 2)?;
        let mut flips = Vec::new();
        for _ in 0..TRIES + count / AT_ONCE {
            let missing = count.saturating_sub(flips.len()).min(AT_ONCE);
            let since = sys::monotonic();
            self.let_run(turn * (missing as u32 + 2))?;
            flips.extend(self.turns_since(since)?.iter().filter_map(flip));
            if flips.len() >= count {
                return Ok(flips);
            }
        }
        bail!(
            "only {} of {count} flips in turns of {turn:?} were recorded",
            flips.len()
        )
    }

    /// The recorded turns that began later and are over.
    pub fn turns_since(&self, since: Duration) -> Result<Vec<Turn>> {
        let mut turns = self.begun_since(since)?;
        turns.pop();
        Ok(turns)
    }

    /// The recorded turns that began later; the last one is under way.
    pub fn begun_since(&self, since: Duration) -> Result<Vec<Turn>> {
        let mut turns = turns::read(&self.live)?;
        turns.retain(|turn| u128::from(turn.entered_at_ns) >= since.as_nanos());
        Ok(turns)
    }
}

/// Is a scheduler in charge?
pub fn is_enabled() -> bool {
    fs::read_to_string(labkit::scx::path("state")).is_ok_and(|state| state.trim() == "enabled")
}

/// The policy of this name.
pub fn policy(name: &str) -> Result<Policy> {
    Policy::all()
        .find(|policy| policy.name() == name)
        .with_context(|| format!("scx_meta has no policy {name}"))
}

/// The pair that is compared across machines and loads.
pub fn fixed_pair() -> Result<[Policy; 2]> {
    Ok([policy("fifo")?, policy("vtime")?])
}

/// A switch by its turn; none for the turn that a load began with.
pub fn flip(turn: &Turn) -> Option<Flip> {
    Some(Flip {
        from: turn.from?.name().into(),
        to: turn.to.name().into(),
        flip_ns: turn.flip_ns,
        handover_ns: turn.handover_ns,
    })
}

/// What a turn says about adoption.
pub fn owned(turn: &Turn) -> OwnedTurn {
    OwnedTurn {
        share: turn.owner_share(),
        first_ns: turn.first_ns,
        most_ns: turn.most_ns,
    }
}

/// Every policy.
pub fn policies() -> Vec<Policy> {
    Policy::all().collect()
}
