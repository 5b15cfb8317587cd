// SPDX-License-Identifier: GPL-2.0-only
//! Writes an initramfs ("newc" cpio). The same content gives the same bytes:
//! every time stamp is 0, and numbers follow the order of the calls.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

const DIRECTORY: u32 = 0o040755;
const EXECUTABLE: u32 = 0o100755;
const SYMLINK: u32 = 0o120777;
const CHARACTER: u32 = 0o020600;

/// An archive under construction.
#[derive(Default)]
pub struct Cpio {
    bytes: Vec<u8>,
    seen: BTreeSet<String>,
    inode: u32,
}

impl Cpio {
    /// Adds a folder and its parents.
    pub fn dir(&mut self, path: &str) {
        self.parents(path);
        self.entry(path, DIRECTORY, (0, 0), &[]);
    }

    /// Adds a file anybody may run.
    pub fn file(&mut self, path: &str, content: &[u8]) {
        self.parents(path);
        self.entry(path, EXECUTABLE, (0, 0), content);
    }

    /// Adds a file of this machine under the path it has here.
    pub fn host_file(&mut self, path: &Path) -> Result<()> {
        self.host_file_as(path, path)
    }

    /// Adds a file of this machine under another path.
    pub fn host_file_as(&mut self, path: &Path, there: &Path) -> Result<()> {
        let content = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        self.file(&there.to_string_lossy(), &content);
        Ok(())
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, path: &str, to: &str) {
        self.parents(path);
        self.entry(path, SYMLINK, (0, 0), to.as_bytes());
    }

    /// Adds a character device.
    pub fn device(&mut self, path: &str, major: u32, minor: u32) {
        self.parents(path);
        self.entry(path, CHARACTER, (major, minor), &[]);
    }

    /// Closes the archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, (0, 0), &[]);
        self.bytes
    }

    fn parents(&mut self, path: &str) {
        if let Some((parent, _)) = path.trim_matches('/').rsplit_once('/') {
            self.dir(parent);
        }
    }

    fn entry(&mut self, path: &str, mode: u32, device: (u32, u32), content: &[u8]) {
        let name = path.trim_matches('/');
        if !self.seen.insert(name.to_string()) {
            return;
        }
        self.inode += 1;
        let fields = [
            self.inode,
            mode,
            0, // uid
            0, // gid
            1, // links
            0, // mtime
            content.len() as u32,
            0,
            0, // device it lies on
            device.0,
            device.1,
            name.len() as u32 + 1,
            0, // checksum, unused
        ];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes
                .extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    fn pad(&mut self) {
        while self.bytes.len() % 4 != 0 {
            self.bytes.push(0);
        }
    }
}
