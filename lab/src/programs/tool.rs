// SPDX-License-Identifier: GPL-2.0-only
//! Programs that extend cargo, built once where this machine has none.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{command, paths};

const DEB_VERSION: &str = "3.8.0";

pub fn cargo_deb() -> Result<PathBuf> {
    ensure(
        "cargo-deb",
        DEB_VERSION,
        &[],
        &paths::lab().join("cargo-deb"),
    )
}

/// The one that this machine has, else one of ours below `bin` of this folder.
pub(crate) fn ensure(name: &str, version: &str, features: &[&str], root: &Path) -> Result<PathBuf> {
    if let Some(here) = paths::which(name) {
        return Ok(here);
    }
    let own = root.join("bin").join(name);
    if !own.is_file() {
        build(name, version, features, root)?;
    }
    Ok(own)
}

fn build(name: &str, version: &str, features: &[&str], root: &Path) -> Result<()> {
    eprintln!("lab: building {name} {version} (once, several minutes)");
    let build = root.join("build");
    command::run(
        Command::new("cargo")
            .args(["install", name, "--version", version, "--locked"])
            .args(features)
            .arg("--root")
            .arg(root)
            // It must be quick to build: it waits for others most of the time.
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
            // Not into the workspace's own output folder.
            .env("CARGO_TARGET_DIR", &build),
    )?;
    fs::remove_dir_all(&build).with_context(|| format!("cannot remove {}", build.display()))
}
