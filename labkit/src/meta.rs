// SPDX-License-Identifier: GPL-2.0-only
//! The handle of a running scx_meta: starts it or finds one that runs, awaits that it is in charge,
//! watches it, stops it. How it is retuned stands in [`retune`](super::retune).

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus};
use std::time::Duration;

use anyhow::{bail, ensure, Context, Result};

use super::{process, scx, sys};

/// Longest that a scheduler may take until it is in charge. Loading took 60 s beside four busy tasks,
/// emulated: only a hang takes longer than this.
pub const START_LIMIT: Duration = Duration::from_secs(240);

/// Longest that a scheduler may take to be gone. The kernel walks all tasks for that.
pub const STOP_LIMIT: Duration = Duration::from_secs(60);

/// Where scx_meta pins its maps.
pub const PIN_DIR: &str = "/sys/fs/bpf/scx_meta";

/// Options of one that is measured: one that comes back by itself would be measured as if nothing had been, and
/// the configuration of the machine must not decide what is measured.
pub const MEASURED: [&str; 4] = ["--on-ejection", "exit", "--config", "/dev/null"];

/// The name of its scheduler begins so.
pub const OPS: &str = "meta";

const POLL: Duration = Duration::from_millis(20);

/// A scx_meta. One that we started ends with this handle, one that was found does not.
pub struct Meta {
    shown: String,
    process: Process,
}

enum Process {
    Ours(Child),
    Found { pid: u32, pidfd: OwnedFd },
}

impl Meta {
    /// Starts it; what it says goes where the command says. It may not be in charge yet.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        let shown = process::shown(command);
        let child = command.spawn();
        Ok(Self {
            process: Process::Ours(child.with_context(|| format!("cannot start {shown}"))?),
            shown,
        })
    }

    /// Starts it and waits until it is in charge.
    pub fn start(command: &mut Command) -> Result<Self> {
        let mut meta = Self::spawn(command)?;
        meta.await_in_charge()?;
        Ok(meta)
    }

    /// The one that runs as this process.
    pub fn find(pid: u32) -> Result<Self> {
        let pidfd = sys::pidfd(pid).with_context(|| format!("no process {pid}"))?;
        Ok(Self {
            shown: format!("scx_meta (process {pid})"),
            process: Process::Found { pid, pidfd },
        })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        match &self.process {
            Process::Ours(child) => child.id(),
            Process::Found { pid, .. } => *pid,
        }
    }

    /// What it prints, if its command said that we read it.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        match &mut self.process {
            Process::Ours(child) => child.stdout.take(),
            Process::Found { .. } => None,
        }
    }

    /// Fails when it has ended: ejected, or by a fault of its own.
    pub fn check(&mut self) -> Result<()> {
        match &mut self.process {
            Process::Ours(child) => match child.try_wait().context("cannot watch scx_meta")? {
                None => Ok(()),
                Some(status) => bail!("{} ended ({status})", self.shown),
            },
            Process::Found { pidfd, .. } => {
                let ended = sys::wait_readable(pidfd.as_fd(), Duration::ZERO);
                ensure!(
                    !ended.context("cannot watch scx_meta")?,
                    "{} ended",
                    self.shown
                );
                Ok(())
            }
        }
    }

    /// Waits until the kernel has enabled it and its maps are pinned.
    pub fn await_in_charge(&mut self) -> Result<()> {
        let deadline = sys::monotonic() + START_LIMIT;
        while !is_in_charge() {
            self.check()?;
            ensure!(!sys::interrupted(), "interrupted");
            ensure!(
                sys::monotonic() < deadline,
                "{} is not in charge after {START_LIMIT:?}; sched_ext is {}",
                self.shown,
                scx::state()?
            );
            std::thread::sleep(POLL);
        }
        self.check()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: libc::c_int) -> Result<()> {
        sys::kill(self.pid(), signal).with_context(|| format!("cannot signal {}", self.shown))
    }

    /// Waits for its end; how it ended is known of one that we started.
    pub fn await_end(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let late = || format!("{} still runs after {limit:?}", self.shown);
        match &mut self.process {
            Process::Ours(child) => process::wait_for(child, limit)?
                .with_context(late)
                .map(Some),
            Process::Found { pidfd, .. } => {
                let ended = sys::wait_readable(pidfd.as_fd(), limit);
                ensure!(ended.context("cannot watch scx_meta")?, late());
                Ok(None)
            }
        }
    }

    /// Stops it, and makes sure that it ended well and left nothing behind.
    pub fn stop(mut self) -> Result<()> {
        self.check()?;
        self.signal(libc::SIGTERM)?;
        if let Some(status) = self.await_end(STOP_LIMIT)? {
            ensure!(status.success(), "{} ended ({status})", self.shown);
        }
        let state = scx::state()?;
        ensure!(
            state == "disabled",
            "scx_meta stopped, yet sched_ext is {state}"
        );
        ensure!(
            !Path::new(PIN_DIR).exists(),
            "scx_meta stopped but left its maps pinned in {PIN_DIR}"
        );
        Ok(())
    }

    /// Asks it to end, kills it if it does not, and waits until the kernel schedules by itself again,
    /// whatever state it is in.
    pub fn end(&mut self) -> Result<()> {
        // It may have ended already.
        let _ = self.signal(libc::SIGTERM);
        if self.await_end(STOP_LIMIT).is_err() {
            eprintln!("{} does not answer SIGTERM: killing it", self.shown);
            return self.kill();
        }
        await_disabled()
    }

    /// Ends it at once, and waits until the kernel schedules by itself again.
    pub fn kill(&mut self) -> Result<()> {
        // It may have ended already.
        let _ = self.signal(libc::SIGKILL);
        self.await_end(STOP_LIMIT)?;
        await_disabled()
    }

    /// Lets it outlive this handle.
    pub fn leave(self) -> Result<()> {
        let pidfd = sys::pidfd(self.pid()).with_context(|| format!("{} is gone", self.shown))?;
        let mut left = self;
        let pid = left.pid();
        left.process = Process::Found { pid, pidfd };
        Ok(())
    }
}

impl Drop for Meta {
    fn drop(&mut self) {
        let Process::Ours(child) = &mut self.process else {
            return;
        };
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        // SIGTERM first, so that it takes its pins along.
        let _ = sys::kill(child.id(), libc::SIGTERM);
        if !matches!(process::wait_for(child, STOP_LIMIT), Ok(Some(_))) {
            eprintln!("{} does not answer SIGTERM: killing it", self.shown);
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn await_disabled() -> Result<()> {
    scx::await_disabled(STOP_LIMIT).context("scx_meta has ended")
}

/// Is a scx_meta in charge, with its maps pinned?
pub fn is_in_charge() -> bool {
    let ours = |ops: Option<String>| ops.is_some_and(|ops| ops.starts_with(OPS));
    scx::state().is_ok_and(|state| state == "enabled")
        && scx::ops().is_ok_and(ours)
        // The last one that it pins.
        && fs::exists(Path::new(PIN_DIR).join("apply")).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    fn shell(script: &str) -> Meta {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdout(Stdio::piped());
        Meta::spawn(&mut command).unwrap()
    }

    fn ended(meta: &mut Meta) -> String {
        meta.await_end(Duration::from_secs(20)).unwrap();
        meta.check().unwrap_err().to_string()
    }

    #[test]
    fn one_that_ended_by_itself_is_an_error_with_its_status() {
        let error = ended(&mut shell("exit 3"));
        assert!(error.contains("exit status: 3"), "{error}");
    }

    #[test]
    fn one_that_was_found_is_watched_and_survives_its_handle() {
        let mut ours = shell("exec sleep 60");
        let mut found = Meta::find(ours.pid()).unwrap();
        found.check().unwrap();
        drop(Meta::find(ours.pid()).unwrap());
        ours.check().unwrap();
        ours.signal(libc::SIGKILL).unwrap();
        assert!(ended(&mut ours).contains("signal: 9"));
        assert!(ended(&mut found).contains("ended"));
    }

    #[test]
    fn dropping_what_we_started_stops_it() {
        let meta = shell("exec sleep 60");
        let pid = meta.pid();
        drop(meta);
        assert!(sys::kill(pid, 0).is_err());
    }

    #[test]
    fn one_that_was_left_goes_on() {
        let meta = shell("exec sleep 60");
        let pid = meta.pid();
        meta.leave().unwrap();
        sys::kill(pid, libc::SIGKILL).unwrap();
    }
}
