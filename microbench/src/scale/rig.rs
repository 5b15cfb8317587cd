// SPDX-License-Identifier: GPL-2.0-only
//! A scx_meta that runs, and what a measurement does with it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{bail, ensure, Context, Result};
use labkit::meta::{Meta, MEASURED};
use labkit::{retune, sys};
use scx_meta::live::Live;
use scx_meta::machine::Machine;
use scx_meta::policy::Policy;
use scx_meta::turns::{self, Turn};

use super::record::{Flip, OwnedTurn};

/// How often turns are given more time until enough were recorded.
const TRIES: usize = 4;

/// Turns that are waited for before they are read. The map forgets older ones,
/// and more may pass than are waited for.
const AT_ONCE: usize = turns::REMEMBERED / 2;

/// A running scx_meta. Dropping it stops it.
pub(crate) struct Rig {
    meta: Meta,
    pub(crate) live: Live,
}

/// The command, for a process that ends with us.
pub(crate) fn command(program: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(MEASURED)
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    sys::in_own_group(&mut command, libc::SIGKILL);
    command
}

impl Rig {
    /// Starts scx_meta and waits until it is in charge.
    pub(crate) fn start(program: &Path, options: &[&str]) -> Result<Self> {
        let meta = Meta::start(&mut command(program, options))?;
        let live = Live::open(&Machine::default())?;
        Ok(Self { meta, live })
    }

    pub(crate) fn check(&mut self) -> Result<()> {
        self.meta.check()
    }

    pub(crate) fn stop(self) -> Result<()> {
        self.meta.stop()
    }

    /// Lets these policies take turns of equal length.
    pub(crate) fn rotate(&self, policies: &[Policy], turn: Duration) -> Result<()> {
        retune::take_turns(&self.live, policies, turn)
    }

    pub(crate) fn pin(&self, policy: Policy) -> Result<()> {
        retune::hold(&self.live, policy)
    }

    /// Sleeps, and fails when the scheduler has ended meanwhile.
    pub(crate) fn let_run(&mut self, time: Duration) -> Result<()> {
        thread::sleep(time);
        ensure!(!sys::interrupted(), "interrupted");
        self.check()
    }

    /// At least `count` flips among these policies, in turns of this length.
    pub(crate) fn flips(
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
    pub(crate) fn turns_since(&self, since: Duration) -> Result<Vec<Turn>> {
        let mut turns = self.begun_since(since)?;
        turns.pop();
        Ok(turns)
    }

    /// The recorded turns that began later; the last one is under way.
    pub(crate) fn begun_since(&self, since: Duration) -> Result<Vec<Turn>> {
        let mut turns = turns::read(&self.live)?;
        turns.retain(|turn| u128::from(turn.entered_at_ns) >= since.as_nanos());
        Ok(turns)
    }
}

pub(crate) fn policy(name: &str) -> Result<Policy> {
    Policy::all()
        .find(|policy| policy.name() == name)
        .with_context(|| format!("scx_meta has no policy {name}"))
}

/// The pair that is compared across machines and loads.
pub(crate) fn fixed_pair() -> Result<[Policy; 2]> {
    Ok([policy("fifo")?, policy("vtime")?])
}

/// A switch by its turn; none for the turn that a load began with.
pub(crate) fn flip(turn: &Turn) -> Option<Flip> {
    Some(Flip {
        from: turn.from?.name().into(),
        to: turn.to.name().into(),
        flip_ns: turn.flip_ns,
        handover_ns: turn.handover_ns,
    })
}

pub(crate) fn owned(turn: &Turn) -> OwnedTurn {
    OwnedTurn {
        share: turn.owner_share(),
        first_ns: turn.first_ns,
        most_ns: turn.most_ns,
    }
}

pub(crate) fn policies() -> Vec<Policy> {
    Policy::all().collect()
}
