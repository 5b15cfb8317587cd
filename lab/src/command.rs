// SPDX-License-Identifier: GPL-2.0-only
//! Runs other programs; a failure names the whole command line.

use std::collections::hash_map::DefaultHasher;
use std::ffi::OsStr;
use std::hash::{Hash, Hasher};
use std::process::{Command, Output, Stdio};

use anyhow::{bail, Context, Result};

/// The command as one could type it.
pub fn line(command: &Command) -> String {
    let mut words = vec![quote(command.get_program())];
    words.extend(command.get_args().map(quote));
    words.join(" ")
}

/// One word, quoted for a POSIX shell where it needs to be.
pub fn quote(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-+=./:,@%^".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A number for a text, the same on every run of this program.
pub fn hash(text: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Runs to the end, output passed through; not 0 is an error.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot start: {}", line(command)))?;
    if !status.success() {
        bail!("failed ({status}): {}", line(command));
    }
    Ok(())
}

/// Runs to the end and returns what it printed, whatever the status.
pub fn output(command: &mut Command) -> Result<Output> {
    command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start: {}", line(command)))
}

/// Standard output of a command that must succeed, and that says on the other one how far it is.
pub fn read_out(command: &mut Command) -> Result<String> {
    let out = output(command.stderr(Stdio::inherit()))?;
    if !out.status.success() {
        bail!("failed ({}): {}", out.status, line(command));
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Standard output of a command that must succeed, which is passed through as well.
pub fn read_and_show(command: &mut Command) -> Result<String> {
    let said = read_out(command)?;
    print!("{said}");
    Ok(said)
}

/// Standard output of a command that must succeed.
pub fn read(command: &mut Command) -> Result<String> {
    let out = output(command)?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr);
        bail!("failed ({}): {}\n{said}", out.status, line(command));
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}
