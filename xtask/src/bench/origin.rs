// SPDX-License-Identifier: GPL-2.0-only
//! What a reader of figures must know of their origin, beside the machine that measured them.

use std::env;
use std::ffi::OsString;
use std::process::Command;

use anyhow::Result;
use lab::{command, packages, paths};

/// The command that makes all of it again.
pub(super) fn again() -> String {
    let words: Vec<_> = words().map(|word| command::quote(&word)).collect();
    format!("cargo xtask {}", words.join(" "))
}

/// Nothing but the name of the bench was given: its defaults are the whole of it.
pub(super) fn is_whole() -> bool {
    words().filter(|word| word != "--yes").count() == 2
}

fn words() -> impl Iterator<Item = OsString> {
    env::args_os().skip(1)
}

/// With a word if the sources differ from it.
pub(super) fn commit() -> Result<String> {
    let git = |words: &[&str]| {
        let mut git = Command::new("git");
        command::read(git.arg("-C").arg(paths::repo()).args(words))
    };
    let Ok(commit) = git(&["rev-parse", "--short", "HEAD"]) else {
        return Ok("unknown: no repository".to_string());
    };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    let and = if changed.trim().is_empty() {
        ""
    } else {
        ", and changes that are not committed"
    };
    Ok(format!("{}{and}", commit.trim()))
}

/// The emulator's version.
pub(super) fn qemu() -> Result<Option<String>> {
    let Ok(qemu) = packages::qemu() else {
        return Ok(None);
    };
    let said = command::read(Command::new(qemu).arg("--version"))?;
    Ok(said.lines().next().map(str::to_string))
}
