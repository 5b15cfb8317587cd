// SPDX-License-Identifier: GPL-2.0-only
//! Builds of the same sources that differ in one thing, for comparison. They
//! have a cargo folder of their own, so that the normal build is never one of
//! them; the loader is a debug build in all, since only the BPF object counts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{bail, Context, Result};

use super::cargo;
use crate::{command, paths};

/// scx_meta as it is.
pub fn multi() -> Result<PathBuf> {
    variant("multi", "")
}

/// Every policy's name, with scx_meta built with that policy alone.
pub fn single(multi: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for policy in policies(multi)? {
        let flags = format!("-DMETA_ONLY=META_{}", policy.to_uppercase());
        let built = variant(&format!("only-{policy}"), &flags)?;
        differs(&built, multi, &flags)?;
        found.push((policy, built));
    }
    Ok(found)
}

/// Two rows, the same hooks: turns of these differ in nothing but the switch.
pub fn identical(multi: &Path) -> Result<PathBuf> {
    // Its own hooks are left without a caller.
    let flags = "-DMETA_HOOKS_vtime=fifo -Wno-unused-function";
    let built = variant("identical", flags)?;
    differs(&built, multi, flags)?;
    Ok(built)
}

/// The folder in which scx_cargo unpacked its headers for BPF programs, once
/// a variant was built.
pub fn bpf_headers() -> Result<PathBuf> {
    let builds = folder()?.join("debug/build");
    let entries = fs::read_dir(&builds)
        .with_context(|| format!("cannot read {}", builds.display()))?
        .flatten();
    entries
        .map(|entry| entry.path().join("out/scx_utils-bpf_h"))
        .filter(|headers| headers.is_dir())
        .max_by_key(|headers| fs::metadata(headers).and_then(|data| data.modified()).ok())
        .with_context(|| format!("no BPF headers below {}", builds.display()))
}

fn folder() -> Result<PathBuf> {
    paths::lab_dir("variants/build")
}

fn variant(name: &str, flags: &str) -> Result<PathBuf> {
    eprintln!("lab: building the variant {name}");
    let to = paths::lab_dir("variants")?.join(format!("scx_meta-{name}"));
    cargo::variant(flags, &folder()?, &to)?;
    Ok(to)
}

/// A flag that changes nothing would make every ratio 1.
fn differs(built: &Path, multi: &Path, flags: &str) -> Result<()> {
    if fs::read(built)? == fs::read(multi)? {
        bail!("a build with {flags} is the same as one without");
    }
    Ok(())
}

/// Asks scx_meta itself.
fn policies(scx_meta: &Path) -> Result<Vec<String>> {
    let said = command::read(Command::new(scx_meta).arg("--list-policies"))?;
    let names = first_words(&said);
    if names.is_empty() {
        bail!("{} --list-policies names none", scx_meta.display());
    }
    Ok(names)
}

/// First words of the lines below the head.
fn first_words(table: &str) -> Vec<String> {
    let rows = table.lines().skip(1);
    rows.filter_map(|row| row.split_whitespace().next())
        .map(str::to_string)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_the_first_column() {
        let said = "name  id  bpftool  description\nfifo  1  1 0 0 0  one queue\nnest  4  x\n";
        assert_eq!(first_words(said), ["fifo", "nest"]);
    }
}
