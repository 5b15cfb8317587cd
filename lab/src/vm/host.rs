// SPDX-License-Identifier: GPL-2.0-only
//! What one VM leaves on the host while it runs: a folder for its sockets and
//! its processes. All of it goes on every way out.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, Once};

use anyhow::{Context, Result};
use labkit::sys;
use tempfile::TempDir;

use super::streams;
use crate::command::line;

/// Folders to remove when a signal ends us.
static FOLDERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
static HANDLER: Once = Once::new();

/// Status of a shell command that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// One VM's folder; it goes with this value.
pub(super) struct Host {
    dir: TempDir,
}

impl Host {
    pub(super) fn new() -> Result<Self> {
        HANDLER.call_once(|| {
            // Refused only where a handler is there already.
            let _ = ctrlc::set_handler(interrupted);
        });
        let dir = tempfile::Builder::new()
            .prefix("xtask-vm-")
            .tempdir()
            .context("cannot make a temporary folder")?;
        if let Ok(mut folders) = FOLDERS.lock() {
            folders.push(dir.path().to_path_buf());
        }
        Ok(Self { dir })
    }

    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A word no other VM has.
    pub(super) fn token(&self) -> String {
        let name = self.dir().file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    pub(super) fn said(&self) -> String {
        streams::logs(self.dir())
    }

    /// Starts a process that dies with us, however we end. What it says goes
    /// to a file named after it.
    pub(super) fn spawn(&self, command: &mut Command) -> Result<Process> {
        let program = Path::new(command.get_program());
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        let log = tempfile::Builder::new()
            .prefix(&format!("{name}-"))
            .suffix(".log")
            .tempfile_in(self.dir())?
            .keep()
            .map_err(io::Error::from)?
            .0;
        command.stdin(Stdio::null()).stdout(log.try_clone()?);
        let child = sys::in_own_group(command.stderr(log), libc::SIGKILL).spawn();
        let child = child.with_context(|| format!("cannot start: {}", line(command)))?;
        Ok(Process { child })
    }
}

/// A process that is killed when this value goes.
pub(super) struct Process {
    child: Child,
}

impl Process {
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The processes die by their parent-death signal.
fn interrupted() {
    if let Ok(folders) = FOLDERS.lock() {
        for dir in folders.iter() {
            let _ = std::fs::remove_dir_all(dir);
        }
    }
    std::process::exit(INTERRUPTED);
}
