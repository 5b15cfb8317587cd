// SPDX-License-Identifier: GPL-2.0-only
//! Sees to it that nothing we start outlives us, whatever kills us: makes the groups, and tells the
//! sentry (see `sentry`) what they are.

use std::cell::Cell;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{bail, Context, Result};
use labkit::{process, sys};

use super::cgroup::Cgroup;
use super::group::{Group, Kept};
use super::processes::Members;
use super::sentry::{Word, SUBCOMMAND};

/// This program, even if its file was replaced since it started.
const OURSELVES: &str = "/proc/self/exe";

/// What `ps` shows.
const NAME: &str = "scx_metabench";

/// Longest that the sentry may need to kill and remove everything.
const END_LIMIT: Duration = Duration::from_secs(60);

/// While this lives, groups can be made. Dropping it ends all of them.
pub struct Guard {
    sentry: Child,
    line: Arc<Line>,
    place: Place,
    groups: Cell<u32>,
}

/// Where groups are made.
enum Place {
    /// Below this cgroup.
    Cgroup(Cgroup),
    /// Nowhere; marks of members begin so.
    Marked(String),
}

/// The pipe to the sentry.
pub(super) struct Line {
    /// Gone when there is nothing more to say.
    pipe: Mutex<Option<ChildStdin>>,
}

impl Guard {
    /// Starts the guard. Where there are no cgroups it says so once, and makes do without.
    pub fn start() -> Result<Self> {
        Self::start_with(Path::new(OURSELVES), Cgroup::own())
    }

    /// Starts it with another build of this program, below another cgroup or, if that is an error,
    /// without cgroups.
    pub fn start_with(program: &Path, own: Result<Cgroup>) -> Result<Self> {
        let mut command = Command::new(program);
        command
            .arg0(NAME)
            .arg(SUBCOMMAND)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // Whoever makes all of us stop at once needs the sentry last.
        let mut sentry = sys::outliving_us(&mut command)
            .spawn()
            .with_context(|| format!("cannot start the guard, {}", process::shown(&command)))?;
        let line = Line {
            pipe: Mutex::new(sentry.stdin.take()),
        };
        let ours = format!("{NAME}-{}", std::process::id());
        let place = match own.and_then(|own| own.create(&ours)) {
            Ok(cgroup) => Place::Cgroup(cgroup),
            Err(error) => {
                eprintln!(
                    "scx_metabench: no cgroups here, process groups must do: a service that \
                     detaches itself may be left behind ({error:#})"
                );
                let since = sys::monotonic().as_nanos();
                Place::Marked(format!("{ours}-{since}/"))
            }
        };
        line.tell(&place.word()?)?;
        Ok(Self {
            sentry,
            line: Arc::new(line),
            place,
            groups: Cell::new(0),
        })
    }

    /// Makes a group for a service or a load; names are for people, and need not be unique.
    pub fn group(&self, name: &str) -> Result<Group> {
        let number = self.groups.get() + 1;
        self.groups.set(number);
        let kept = match &self.place {
            Place::Cgroup(cgroup) => Kept::Cgroup(cgroup.create(&folder_name(name))?),
            Place::Marked(mark) => Kept::Members(members(format!("{mark}{number}/"))),
        };
        Ok(Group::new(name, kept, Arc::clone(&self.line)))
    }

    /// Fails when the guard has died: then a kill of us would leave something behind.
    pub fn check(&mut self) -> Result<()> {
        match self
            .sentry
            .try_wait()
            .context("cannot wait for the guard")?
        {
            None => Ok(()),
            Some(status) => bail!("the guard, `{NAME} {SUBCOMMAND}`, ended ({status})"),
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.sentry.id()
    }

    /// The cgroup that all groups are below, if there are cgroups.
    pub fn cgroup(&self) -> Option<&Path> {
        match &self.place {
            Place::Cgroup(cgroup) => Some(cgroup.path()),
            Place::Marked(_) => None,
        }
    }

    fn end(&mut self) -> Result<()> {
        self.line.close();
        match process::wait_for(&mut self.sentry, END_LIMIT)? {
            Some(status) if status.success() => return Ok(()),
            Some(_) => {}
            None => self.sentry.kill().context("cannot kill the guard")?,
        }
        // Then it is ours to do.
        self.place.kill()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("scx_metabench: {error:#}");
        }
    }
}

impl Place {
    fn kill(&self) -> Result<()> {
        match self {
            Self::Cgroup(cgroup) => cgroup.kill(),
            Self::Marked(mark) => members(mark.clone()).kill(),
        }
    }

    fn word(&self) -> Result<Word> {
        Ok(match self {
            Self::Cgroup(cgroup) => {
                let path = cgroup
                    .path()
                    .to_str()
                    .context("a cgroup that is not text")?;
                Word::Cgroup(path.into())
            }
            Self::Marked(mark) => Word::Members {
                session: sys::session(),
                mark: mark.clone(),
            },
        })
    }
}

impl Line {
    /// Whole or not at all: the kernel does not split what is as short as this.
    pub(super) fn tell(&self, word: &Word) -> Result<()> {
        let Ok(pipe) = self.pipe.lock() else {
            bail!("a thread panicked while it spoke to the guard");
        };
        match &mut pipe.as_ref() {
            Some(pipe) => pipe
                .write_all(format!("{word}\n").as_bytes())
                .context("the guard does not listen any more"),
            // The guard is ending everything by now.
            None => Ok(()),
        }
    }

    fn close(&self) {
        if let Ok(mut pipe) = self.pipe.lock() {
            pipe.take();
        }
    }
}

fn members(mark: String) -> Members {
    Members {
        mark,
        session: sys::session(),
        leaders: Vec::new(),
    }
}

/// A name of a folder, of a name for people.
fn folder_name(name: &str) -> String {
    let is_odd = |c: char| !c.is_alphanumeric() && !"-_".contains(c);
    name.replace(is_odd, "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_our_folder_or_to_the_kernels_files() {
        assert_eq!(folder_name("web-1"), "web-1");
        assert_eq!(folder_name("../a b"), "___a_b");
        assert_eq!(folder_name("cgroup.procs"), "cgroup_procs");
    }
}
