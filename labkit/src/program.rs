// SPDX-License-Identifier: GPL-2.0-only
//! A program that is a load: in a process group of its own, which ends with its guard.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{bail, ensure, Context, Result};

use super::{process, sys};

/// Processes that one command started.
pub struct Program {
    shown: String,
    child: Child,
}

impl Program {
    /// Starts it, deaf and mute but for its errors. It ends with the thread that started it.
    pub fn start(command: &mut Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let shown = process::shown(command);
        let child = sys::in_own_group(command, libc::SIGKILL)
            .spawn()
            .with_context(|| format!("cannot start {shown}"))?;
        Ok(Self { shown, child })
    }

    /// Fails when it has ended.
    pub fn check(&mut self) -> Result<()> {
        match self.child.try_wait().context("cannot watch a program")? {
            None => Ok(()),
            Some(status) => bail!("{} ended ({status})", self.shown),
        }
    }

    /// Waits for its end, which must be a good one.
    pub fn finish(mut self, limit: Duration) -> Result<ExitStatus> {
        let status = process::wait_for(&mut self.child, limit)?;
        let status = status.with_context(|| format!("{} still runs {limit:?} on", self.shown))?;
        ensure!(status.success(), "{} ended ({status})", self.shown);
        Ok(status)
    }

    /// The process that leads the group.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        process::end_group(&mut self.child);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    fn shell(script: &str) -> Program {
        Program::start(Command::new("sh").args(["-c", script])).unwrap()
    }

    #[test]
    fn an_end_that_is_not_good_is_told_with_its_command() {
        let error = shell("exit 3").finish(LIMIT).unwrap_err().to_string();
        assert!(error.contains("sh -c exit 3"), "{error}");
        assert!(error.contains("exit status: 3"), "{error}");
        shell("exit 0").finish(LIMIT).unwrap();
    }

    #[test]
    fn a_program_that_never_ends_has_a_limit() {
        let mut program = shell("exec sleep 60");
        program.check().unwrap();
        let error = program.finish(Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("still runs"), "{error}");
    }
}
