// SPDX-License-Identifier: GPL-2.0-only
//! scx_meta, loaded once for many settings.

use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{bail, ensure, Result};
use scx_meta::auto::Learned;
use scx_meta::live::Live;
use scx_meta::machine::Machine;
use scx_meta::policy::Policy;
use scx_meta::weights::PolicyList;

use super::process::Process;
use super::rotation::Rotation;
use super::signals::Signals;
use super::POLL;
use crate::meta::{MEASURED, OPS};
use crate::{retune, sys};

/// A policy that is to be held is in charge after this, or never: the program looks at once.
const FLIP_LIMIT: Duration = Duration::from_secs(10);

/// Rotations after which at least one turn has ended, however late the timer is.
const SURE_ROTATIONS: u32 = 10;

/// A scx_meta in charge. Dropping it unloads it.
pub struct Loaded {
    program: PathBuf,
    /// None of one that chooses by itself: it serves no other setting.
    policies: Option<PolicyList>,
    process: Process,
    live: Live,
    wanted: Wanted,
}

/// What it was told.
enum Wanted {
    Nothing,
    Hold(Policy),
    Rotate {
        rotation: Rotation,
        /// How many flips there were by then, and when that was.
        generation: u64,
        since: Duration,
    },
}

impl Loaded {
    /// Loads it with these policies, and more options.
    pub fn start(program: PathBuf, policies: &PolicyList, more: &[String]) -> Result<Self> {
        let names: Vec<_> = policies.iter().map(Policy::name).collect();
        let options = ["--policies".into(), names.join(",")];
        let options = [&options, more].concat();
        Ok(Self {
            policies: Some(policies.clone()),
            ..Self::with_options(program, &options)?
        })
    }

    /// Loads it with these options.
    pub fn with_options(program: PathBuf, options: &[String]) -> Result<Self> {
        let mut command = Command::new(&program);
        command.args(options).args(MEASURED);
        let process = Process::start("scx_meta", OPS, &mut command)?;
        Ok(Self {
            program,
            policies: None,
            process,
            live: Live::open(&Machine::default())?,
            wanted: Wanted::Nothing,
        })
    }

    /// Is it this program with these policies?
    pub fn is(&self, program: &PathBuf, policies: &PolicyList) -> bool {
        self.program == *program && self.policies.as_ref() == Some(policies)
    }

    /// Holds one policy, and waits until it is in charge.
    pub fn hold(&mut self, policy: Policy) -> Result<()> {
        retune::hold(&self.live, policy)?;
        self.wanted = Wanted::Hold(policy);
        let deadline = sys::monotonic() + FLIP_LIMIT;
        while self.live.status()?.active != policy.id() {
            self.process.check_alive()?;
            ensure!(!sys::interrupted(), "interrupted");
            ensure!(
                sys::monotonic() < deadline,
                "{policy} is not in charge {FLIP_LIMIT:?} after it was pinned"
            );
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Lets it choose by itself; it must have been loaded for that.
    pub fn choose(&mut self) -> Result<()> {
        ensure!(
            self.live.learned()?.is_some(),
            "scx_meta was loaded without --auto"
        );
        retune::release(&self.live)?;
        self.wanted = Wanted::Nothing;
        Ok(())
    }

    /// Begins a rotation.
    pub fn rotate(&mut self, rotation: Rotation) -> Result<()> {
        let period = Duration::from_micros(rotation.period_us().into());
        retune::rotate(&self.live, rotation.shares(), period)?;
        self.wanted = Wanted::Rotate {
            rotation,
            generation: self.live.status()?.generation,
            since: sys::monotonic(),
        };
        Ok(())
    }

    /// Tasks that were pulled out of queues which the setting does not use. Those of policies that
    /// take turns are left with tasks at every turn's end: that belongs to the setting.
    pub fn left_behind(&self) -> Result<u64> {
        let mut sum = 0;
        let policies = self.policies.iter().flat_map(PolicyList::iter);
        for policy in policies.filter(|p| !self.wanted.uses(*p)) {
            sum += self.live.counters(policy.id())?.drained;
        }
        Ok(sum)
    }

    /// What it has found out, if it chooses by itself.
    pub fn learned(&self) -> Result<Option<Learned>> {
        self.live.learned()
    }

    /// Of the policy that is held.
    pub fn signals(&self) -> Result<Option<Signals>> {
        match self.wanted {
            Wanted::Hold(policy) => Signals::of(&self.live, policy).map(Some),
            Wanted::Nothing | Wanted::Rotate { .. } => Ok(None),
        }
    }

    /// Fails when it is not in charge any more, or does not do what it was told.
    pub fn check(&mut self) -> Result<()> {
        self.process.check()?;
        self.check_wanted()
    }

    fn check_wanted(&self) -> Result<()> {
        let status = self.live.status()?;
        match &self.wanted {
            Wanted::Hold(policy) if status.active != policy.id() => {
                let active = Policy::from_id(status.active).map_or("nobody", Policy::name);
                bail!("{policy} should be held, but {active} is in charge");
            }
            Wanted::Rotate {
                rotation,
                generation,
                since,
            } => {
                let period = Duration::from_micros(rotation.period_us().into());
                let is_sure = sys::monotonic() - *since > SURE_ROTATIONS * period;
                let stands = status.generation == *generation;
                let turns = rotation.turns().len();
                ensure!(
                    turns < 2 || !is_sure || !stands,
                    "scx_meta should rotate, but no turn ended in {SURE_ROTATIONS} rotations"
                );
                Ok(())
            }
            Wanted::Nothing | Wanted::Hold(_) => Ok(()),
        }
    }

    /// Unloads it, even if we are asked to stop.
    pub fn stop(self) -> Result<()> {
        self.process.stop()
    }
}

impl Wanted {
    fn uses(&self, policy: Policy) -> bool {
        match self {
            Self::Nothing => true,
            Self::Hold(held) => *held == policy,
            Self::Rotate { rotation, .. } => rotation.contains(policy),
        }
    }
}
