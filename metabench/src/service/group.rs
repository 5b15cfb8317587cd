// SPDX-License-Identifier: GPL-2.0-only
//! All processes of one service or load, so that none is left when it ends.

use std::process::{Child, Command};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use labkit::{process, sys};

use super::cgroup::Cgroup;
use super::guard::Line;
use super::processes::{Members, MARK};
use super::sentry::Word;

/// How often a wait for the end looks.
const POLL: Duration = Duration::from_millis(20);

/// Processes that end together. Dropping it kills them.
pub struct Group {
    name: String,
    kept: Kept,
    line: Arc<Line>,
}

/// How they are kept together.
pub(super) enum Kept {
    Cgroup(Cgroup),
    Members(Members),
}

impl Group {
    pub(super) fn new(name: &str, kept: Kept, line: Arc<Line>) -> Self {
        Self {
            name: name.into(),
            kept,
            line,
        }
    }

    /// Starts a command in the group. To be called from the main thread: the process ends with the
    /// thread that started it.
    pub fn spawn(&mut self, command: &mut Command) -> Result<Child> {
        sys::in_own_group(command, libc::SIGKILL);
        match &self.kept {
            Kept::Cgroup(cgroup) => sys::in_cgroup(command, cgroup.procs()?),
            Kept::Members(members) => command.env(MARK, &members.mark),
        };
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}", process::shown(command)))?;
        if let Kept::Members(members) = &mut self.kept {
            members.leaders.push(child.id());
            self.line.tell(&Word::Group(child.id()))?;
        }
        Ok(child)
    }

    /// Ids of those that live.
    pub fn processes(&self) -> Result<Vec<u32>> {
        match &self.kept {
            Kept::Cgroup(cgroup) => cgroup.processes(),
            Kept::Members(members) => Ok(members.find()),
        }
    }

    /// Asks all to end, and kills those that have not within `grace`.
    pub fn end(mut self, grace: Duration) -> Result<()> {
        self.ask(grace)
            .and_then(|()| self.kill())
            .with_context(|| format!("cannot end {}", self.name))
    }

    fn ask(&self, grace: Duration) -> Result<()> {
        let deadline = Instant::now() + grace;
        for pid in self.processes()? {
            // It may be gone by now.
            let _ = sys::kill(pid, libc::SIGTERM);
        }
        while !self.processes()?.is_empty() && Instant::now() < deadline {
            thread::sleep(POLL);
        }
        Ok(())
    }

    fn kill(&mut self) -> Result<()> {
        match &mut self.kept {
            Kept::Cgroup(cgroup) => cgroup.kill(),
            Kept::Members(members) => {
                members.kill()?;
                // The ids are free for others as soon as they are waited for.
                let leaders = std::mem::take(&mut members.leaders);
                let mut leaders = leaders.into_iter();
                leaders.try_for_each(|leader| self.line.tell(&Word::Gone(leader)))
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            eprintln!("scx_metabench: {}: {error:#}", self.name);
        }
    }
}
