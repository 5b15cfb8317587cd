// SPDX-License-Identifier: GPL-2.0-only
//! Puts an initramfs together. The same content gives the same bytes: every time stamp is 0, and
//! numbers follow the order of the calls.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use cpio::newc;

const DIRECTORY: u32 = 0o040755;
const EXECUTABLE: u32 = 0o100755;
const SYMLINK: u32 = 0o120777;
const CHARACTER: u32 = 0o020600;

/// An archive under construction.
#[derive(Default)]
pub(super) struct Cpio {
    bytes: Vec<u8>,
    seen: BTreeSet<String>,
}

impl Cpio {
    /// Adds a folder and its parents.
    pub(super) fn dir(&mut self, path: &str) -> Result<()> {
        self.entry(path, DIRECTORY, (0, 0), &[])
    }

    /// Adds a file anybody may run.
    pub(super) fn file(&mut self, path: &str, content: &[u8]) -> Result<()> {
        self.entry(path, EXECUTABLE, (0, 0), content)
    }

    /// Adds a file of this machine under the path it has here.
    pub(super) fn host_file(&mut self, path: &Path) -> Result<()> {
        self.host_file_as(path, path)
    }

    /// Adds a file of this machine under another path.
    pub(super) fn host_file_as(&mut self, path: &Path, there: &Path) -> Result<()> {
        let content = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        self.file(&there.to_string_lossy(), &content)
    }

    pub(super) fn link(&mut self, path: &str, to: &str) -> Result<()> {
        self.entry(path, SYMLINK, (0, 0), to.as_bytes())
    }

    pub(super) fn device(&mut self, path: &str, major: u32, minor: u32) -> Result<()> {
        self.entry(path, CHARACTER, (major, minor), &[])
    }

    pub(super) fn finish(self) -> Result<Vec<u8>> {
        newc::trailer(self.bytes).context("cannot close an initramfs")
    }

    fn entry(&mut self, path: &str, mode: u32, device: (u32, u32), content: &[u8]) -> Result<()> {
        let name = path.trim_matches('/');
        if let Some((parent, _)) = name.rsplit_once('/') {
            self.dir(parent)?;
        }
        if !self.seen.insert(name.to_string()) {
            return Ok(());
        }
        let size = u32::try_from(content.len());
        let size = size.with_context(|| format!("{path} is too long for an initramfs"))?;
        let entry = newc::Builder::new(name).ino(self.seen.len() as u32);
        let entry = entry.mode(mode).nlink(1).rdev_major(device.0);
        let mut entry = entry.rdev_minor(device.1).write(&mut self.bytes, size);
        let written = entry.write_all(content).and_then(|()| entry.finish());
        written.with_context(|| format!("cannot put {path} into an initramfs"))?;
        Ok(())
    }
}
