// SPDX-License-Identifier: GPL-2.0-only
//! Somebody else's scheduler, in charge as a process.

use std::process::Command;

use anyhow::{Context, Result};

use super::others;
use super::process::Process;

/// One that runs. Dropping it unloads it.
pub struct Outside {
    command: Vec<String>,
    process: Process,
}

impl Outside {
    /// Starts it, and waits until it is in charge.
    pub fn start(command: &[String]) -> Result<Self> {
        let (program, options) = command.split_first().context("no command")?;
        let ops = others::ops(program);
        let process = Process::start(&ops, &ops, Command::new(program).args(options))?;
        Ok(Self {
            command: command.to_vec(),
            process,
        })
    }

    /// Is it this one?
    pub fn is(&self, command: &[String]) -> bool {
        self.command == command
    }

    /// Fails when it is not in charge any more, or was loaded again.
    pub fn check(&mut self) -> Result<()> {
        self.process.check()
    }

    /// Unloads it, even if we are asked to stop.
    pub fn stop(self) -> Result<()> {
        self.process.stop()
    }
}
