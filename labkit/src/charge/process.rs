// SPDX-License-Identifier: GPL-2.0-only
//! A scheduler that is in charge as one process, from its start to its end.

use std::process::Command;

use anyhow::{ensure, Result};

use super::scheduler::Scheduler;
use super::watch::Watch;
use super::WATCH_POLL;
use crate::meta::{START_LIMIT, STOP_LIMIT};
use crate::scx;

/// One that runs. Dropping it unloads it.
pub struct Process {
    /// What errors call it.
    name: String,
    /// What the kernel calls it begins so.
    ops: String,
    /// None once it was ended.
    scheduler: Option<Scheduler>,
    enable_seq: u64,
}

impl Process {
    /// Starts it, and waits until it is in charge.
    pub fn start(name: &str, ops: &str, command: &mut Command) -> Result<Self> {
        let before = scx::enable_seq()?;
        let mut watch = Watch::every(WATCH_POLL)?;
        let (scheduler, _) = Scheduler::start(command, ops, &mut watch, START_LIMIT)?;
        drop(watch);
        Ok(Self {
            name: name.into(),
            ops: ops.into(),
            scheduler: Some(scheduler),
            enable_seq: scx::await_counted(before)?.enable_seq,
        })
    }

    /// Fails when the process has ended.
    pub fn check_alive(&mut self) -> Result<()> {
        self.scheduler.as_mut().map_or(Ok(()), Scheduler::check)
    }

    /// Fails when it is not in charge any more, or was loaded again.
    pub fn check(&mut self) -> Result<()> {
        self.check_alive()?;
        let name = &self.name;
        let state = scx::state()?;
        let ops = scx::ops()?.unwrap_or_default();
        ensure!(
            state == "enabled" && ops.starts_with(&self.ops),
            "{name} should be in charge, but sched_ext is {state} {ops}"
        );
        ensure!(
            scx::enable_seq()? == self.enable_seq,
            "{name} was loaded again while it should have stayed (did CPUs come or go?)"
        );
        Ok(())
    }

    /// Unloads it, even if we are asked to stop.
    pub fn stop(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        let Some(scheduler) = self.scheduler.take() else {
            return Ok(());
        };
        let ended = scheduler.end(STOP_LIMIT);
        let disabled = scx::await_disabled(STOP_LIMIT);
        ended.and(disabled)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("while ending {}: {error:#}", self.name);
        }
    }
}
