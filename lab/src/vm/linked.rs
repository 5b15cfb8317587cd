// SPDX-License-Identifier: GPL-2.0-only
//! What a program needs beside itself to run in a guest that sees nothing of this machine's disk.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Job;
use crate::{command, paths};

/// Shared libraries that a file is linked with, and the loader.
pub(super) fn libraries(file: &Path) -> Vec<PathBuf> {
    // ldd fails on scripts and static programs: those need nothing.
    let Ok(libraries) = command::read(Command::new("ldd").arg(file)) else {
        return Vec::new();
    };
    let words = libraries.split_whitespace().map(Path::new);
    let files = words.filter(|word| word.is_absolute());
    files.map(Path::to_path_buf).collect()
}

/// Files that a job names: its program, and words of its arguments and its environment.
pub(super) fn named_files(job: &Job) -> Vec<PathBuf> {
    let program = job.argv.first();
    let program = program.and_then(|program| paths::which(&program.to_string_lossy()));
    let words = job.argv.iter().skip(1).chain(job.env.values());
    let named = words.filter_map(|word| named_file(word));
    program.into_iter().chain(named).collect()
}

/// What each machine has of its own.
const OWN: [&str; 4] = ["/proc", "/sys", "/dev", "/run"];

/// A word that is the path of a file.
fn named_file(word: &OsStr) -> Option<PathBuf> {
    let path = Path::new(word);
    let is_file = word.to_string_lossy().contains('/') && path.is_file();
    let own = OWN.iter().any(|folder| path.starts_with(folder));
    (is_file && !own).then(|| path.to_path_buf())
}
