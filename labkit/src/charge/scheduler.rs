// SPDX-License-Identifier: GPL-2.0-only
//! A scheduler as a process: start it, wait until it is in charge, stop it; each with times.

use std::os::fd::AsFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{bail, ensure, Context, Result};

use crate::charge::watch::{Change, Charge, Watch};
use crate::probe::Class;
use crate::tail::Tail;
use crate::{process, sys};

/// How often a wait for the start looks whether the process still lives.
const LIFE_POLL: Duration = Duration::from_millis(50);

/// Longer than any run.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A scheduler's process. Dropping it kills the process; the kernel then unloads what it had.
pub struct Scheduler {
    command: String,
    child: Child,
    tail: Tail,
    /// Answers when the process ended.
    end: Option<JoinHandle<Option<Duration>>>,
}

/// A start; times are CLOCK_MONOTONIC.
#[derive(Clone, Debug)]
pub struct Started {
    /// Just before the process was made.
    pub spawned: Duration,
    /// Who was in charge in between, and at last this scheduler.
    pub changes: Vec<Change>,
}

/// A stop; times are CLOCK_MONOTONIC.
#[derive(Clone, Debug)]
pub struct Stopped {
    /// Just before the signal was sent.
    pub asked: Duration,
    /// Who was in charge in between, and at last the kernel's own scheduler.
    pub changes: Vec<Change>,
    /// The process had ended.
    pub exited: Duration,
    /// How.
    pub status: ExitStatus,
}

impl Started {
    /// From making the process until its scheduler was seen in charge.
    pub fn took(&self) -> Duration {
        took(self.spawned, &self.changes)
    }
}

impl Stopped {
    /// From the signal until the kernel's own scheduler was seen in charge.
    pub fn took(&self) -> Duration {
        took(self.asked, &self.changes)
    }
}

fn took(since: Duration, changes: &[Change]) -> Duration {
    let last = changes.last().map_or(since, |change| change.at);
    last.saturating_sub(since)
}

impl Scheduler {
    /// Starts the command and waits until a scheduler whose name begins with `ops` is in charge.
    /// To be called from the main thread: the process ends with the thread that started it.
    pub fn start(
        command: &mut Command,
        ops: &str,
        watch: &mut Watch,
        limit: Duration,
    ) -> Result<(Self, Started)> {
        let shown = process::shown(command);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // What was in charge before is not this scheduler's doing.
        watch.drain();
        let spawned = sys::monotonic();
        let mut child = sys::in_own_group(command, libc::SIGKILL)
            .spawn()
            .with_context(|| format!("cannot start {shown}"))?;
        let tail = Tail::of(&mut child);
        let mut scheduler = Self {
            command: shown,
            child,
            tail,
            end: None,
        };
        scheduler.end = Some(scheduler.watch_end(watch.class())?);
        let changes = scheduler.wait_in_charge(ops, watch, limit)?;
        Ok((scheduler, Started { spawned, changes }))
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Fails when the process has ended: ejected, or by a fault of its own.
    pub fn check(&mut self) -> Result<()> {
        match self
            .child
            .try_wait()
            .context("cannot wait for a scheduler")?
        {
            None => Ok(()),
            Some(status) => bail!("{} ended ({status}){}", self.command, self.tail),
        }
    }

    /// Sends the signal, and waits until the kernel's own scheduler is in charge and the process
    /// has ended.
    pub fn stop(
        mut self,
        signal: libc::c_int,
        watch: &mut Watch,
        limit: Duration,
    ) -> Result<Stopped> {
        self.check()?;
        watch.drain();
        let asked = sys::monotonic();
        sys::kill(self.pid(), signal).with_context(|| format!("cannot stop {}", self.command))?;
        let changes = watch.wait(limit, Charge::is_disabled)?;
        let changes = changes.with_context(|| {
            format!(
                "{} is still in charge {limit:?} after signal {signal}{}",
                self.command, self.tail
            )
        })?;
        let status = process::wait_for(&mut self.child, limit)?.with_context(|| {
            format!(
                "{} still runs {limit:?} after it was stopped{}",
                self.command, self.tail
            )
        })?;
        let end = self.end.take().and_then(|end| end.join().ok().flatten());
        Ok(Stopped {
            asked,
            changes,
            exited: end.context("nobody saw the scheduler's process end")?,
            status,
        })
    }

    /// Asks it to end and waits for that, whoever asks us to stop meanwhile; kills it when `limit`
    /// has passed.
    pub fn end(mut self, limit: Duration) -> Result<()> {
        // It may have ended already, by itself.
        let _ = sys::kill(self.pid(), libc::SIGTERM);
        let ended = process::wait_for(&mut self.child, limit)?;
        ensure!(
            ended.is_some(),
            "{} still ran {limit:?} after SIGTERM and was killed{}",
            self.command,
            self.tail
        );
        Ok(())
    }

    fn wait_in_charge(
        &mut self,
        ops: &str,
        watch: &mut Watch,
        limit: Duration,
    ) -> Result<Vec<Change>> {
        let deadline = sys::monotonic() + limit;
        let mut changes = Vec::new();
        loop {
            if let Some(change) = watch.next(LIFE_POLL)? {
                let is_ours = change.charge.is_enabled(ops);
                changes.push(change);
                if is_ours {
                    return Ok(changes);
                }
                continue;
            }
            self.check()?;
            ensure!(
                sys::monotonic() < deadline,
                "{} did not load {ops} within {limit:?}; last seen: {:?}{}",
                self.command,
                changes.last().map(|change| &change.charge),
                self.tail
            );
        }
    }

    /// A thread that only waits for the process's end, so that the time is right whatever else
    /// is being waited for.
    fn watch_end(&self, class: Class) -> Result<JoinHandle<Option<Duration>>> {
        let pidfd = sys::pidfd(self.pid()).context("cannot watch a scheduler's process")?;
        let watch = move || {
            if class == Class::RealTime {
                sys::enter_real_time().ok()?;
            }
            let ended = sys::wait_readable(pidfd.as_fd(), FOREVER).ok()?;
            ended.then(sys::monotonic)
        };
        thread::Builder::new()
            .name("end-watch".into())
            .spawn(watch)
            .context("cannot start a thread")
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        process::end_group(&mut self.child);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::charge::watch::tests::fake_root;

    const LIMIT: Duration = Duration::from_secs(20);

    fn shell(root: &Path, script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(root);
        command
    }

    /// Writes over the state, as the kernel would, and never cuts the file.
    const PUT: &str = "put() { printf '%-8s\\n' $1 1<>state; }; ";

    #[test]
    fn start_and_stop_have_times_in_order() {
        let root = fake_root();
        let mut watch = Watch::of(root.path().into(), Class::Ordinary).unwrap();
        let script = format!(
            "{PUT} trap 'put disabled; exit 0' TERM; sleep 0.1; put enabled; \
             while :; do sleep 0.02; done"
        );
        let mut command = shell(root.path(), &script);
        let (mut scheduler, started) =
            Scheduler::start(&mut command, "meta", &mut watch, LIMIT).unwrap();
        assert!(started.took() >= Duration::from_millis(100), "{started:?}");
        scheduler.check().unwrap();
        let stopped = scheduler.stop(libc::SIGTERM, &mut watch, LIMIT).unwrap();
        assert!(stopped.status.success());
        assert!(stopped.asked < stopped.exited && stopped.exited <= sys::monotonic());
        assert!(stopped.took() > Duration::ZERO, "{stopped:?}");
    }

    #[test]
    fn a_scheduler_that_fails_is_quoted() {
        let root = fake_root();
        let mut watch = Watch::of(root.path().into(), Class::Ordinary).unwrap();
        let mut command = shell(root.path(), "echo no BTF >&2; exit 3");
        let started = Scheduler::start(&mut command, "meta", &mut watch, LIMIT);
        let error = started.err().unwrap().to_string();
        assert!(
            error.contains("exit status: 3") && error.contains("no BTF"),
            "{error}"
        );
    }

    #[test]
    fn another_scheduler_in_charge_is_named_when_time_is_up() {
        let root = fake_root();
        let mut watch = Watch::of(root.path().into(), Class::Ordinary).unwrap();
        let mut command = shell(root.path(), &format!("{PUT} put enabled; exec sleep 60"));
        let limit = Duration::from_millis(300);
        let started = Scheduler::start(&mut command, "rusty", &mut watch, limit);
        let error = started.err().unwrap().to_string();
        assert!(
            error.contains("did not load rusty") && error.contains("meta_1.0"),
            "{error}"
        );
    }

    #[test]
    fn dropping_it_kills_it() {
        let root = fake_root();
        let mut watch = Watch::of(root.path().into(), Class::Ordinary).unwrap();
        let mut command = shell(root.path(), &format!("{PUT} put enabled; exec sleep 60"));
        let (scheduler, _) = Scheduler::start(&mut command, "meta", &mut watch, LIMIT).unwrap();
        let pid = scheduler.pid();
        drop(scheduler);
        assert!(sys::kill(pid, 0).is_err());
    }

    #[test]
    fn it_is_asked_to_end_and_killed_if_it_does_not() {
        for (trap, ends) in [("exit 0", true), ("", false)] {
            let root = fake_root();
            let mut watch = Watch::of(root.path().into(), Class::Ordinary).unwrap();
            let script =
                format!("{PUT} trap '{trap}' TERM; put enabled; while :; do sleep 0.02; done");
            let mut command = shell(root.path(), &script);
            let (scheduler, _) = Scheduler::start(&mut command, "meta", &mut watch, LIMIT).unwrap();
            let pid = scheduler.pid();
            let limit = if ends {
                LIMIT
            } else {
                Duration::from_millis(300)
            };
            assert_eq!(scheduler.end(limit).is_ok(), ends);
            assert!(sys::kill(pid, 0).is_err());
        }
    }
}
