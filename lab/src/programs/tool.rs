// SPDX-License-Identifier: GPL-2.0-only
//! Programs that extend cargo, built once where this machine has none.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{command, paths};

const DEB_VERSION: &str = "3.8.0";

/// cargo-deb.
pub fn cargo_deb() -> Result<PathBuf> {
    if let Some(here) = paths::which("cargo-deb") {
        return Ok(here);
    }
    let root = paths::lab().join("cargo-deb");
    let own = root.join("bin/cargo-deb");
    if !own.is_file() {
        build("cargo-deb", DEB_VERSION, &[], &root)?;
    }
    Ok(own)
}

/// Into this folder, below `bin`.
pub(crate) fn build(name: &str, version: &str, features: &[&str], root: &Path) -> Result<()> {
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
