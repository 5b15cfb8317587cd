// SPDX-License-Identifier: GPL-2.0-only
//! Somebody else's scheduler, in charge as a process.

use std::process::Command;

use anyhow::{ensure, Context, Result};

use super::{others, WATCH_POLL};
use crate::charge::scheduler::Scheduler;
use crate::charge::watch::Watch;
use crate::meta::{START_LIMIT, STOP_LIMIT};
use crate::scx;

/// One that runs. Dropping it unloads it.
pub struct Outside {
    command: Vec<String>,
    ops: String,
    /// None once it was ended.
    scheduler: Option<Scheduler>,
    enable_seq: u64,
}

impl Outside {
    /// Starts it, and waits until it is in charge.
    pub fn start(command: &[String]) -> Result<Self> {
        let (program, options) = command.split_first().context("no command")?;
        let ops = others::ops(program);
        let before = scx::enable_seq()?;
        let mut watch = Watch::every(WATCH_POLL)?;
        let mut start = Command::new(program);
        start.args(options);
        let (scheduler, _) = Scheduler::start(&mut start, &ops, &mut watch, START_LIMIT)?;
        drop(watch);
        Ok(Self {
            command: command.to_vec(),
            ops,
            scheduler: Some(scheduler),
            enable_seq: scx::await_counted(before)?.enable_seq,
        })
    }

    /// Is it this one?
    pub fn is(&self, command: &[String]) -> bool {
        self.command == command
    }

    /// Fails when it is not in charge any more, or was loaded again.
    pub fn check(&mut self) -> Result<()> {
        self.scheduler.as_mut().map_or(Ok(()), Scheduler::check)?;
        let state = scx::state()?;
        let ops = scx::ops()?.unwrap_or_default();
        ensure!(
            state == "enabled" && ops.starts_with(&self.ops),
            "{} should be in charge, but sched_ext is {state} {ops}",
            self.ops
        );
        ensure!(
            scx::enable_seq()? == self.enable_seq,
            "{} was loaded again while it should have stayed",
            self.ops
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

impl Drop for Outside {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("scx_metabench: while ending {}: {error:#}", self.ops);
        }
    }
}
