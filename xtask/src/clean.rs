// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask clean`: undoes what the lab put on disk.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};
use lab::{packages, paths};

use crate::bench;

/// Removes `target/lab` and `target/bench`; names the command that removes the packages.
pub(crate) fn run() -> Result<()> {
    let list = fs::read_to_string(packages::installed_list()).unwrap_or_default();
    let installed: BTreeSet<&str> = list.lines().collect();
    for dir in [paths::lab(), bench::dir()] {
        if dir.exists() {
            fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
        }
        println!("removed {}", dir.display());
    }
    if !installed.is_empty() {
        let names: Vec<&str> = installed.into_iter().collect();
        println!("the lab had installed packages; this removes them:");
        println!("  apt-get remove --autoremove {}", names.join(" "));
    }
    Ok(())
}
