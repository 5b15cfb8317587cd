// SPDX-License-Identifier: GPL-2.0-only
//! cargo-nextest, which runs the tests; where this machine has none, cargo builds it once. Here is
//! what the lab does for it: a test in its guest, and its report.

pub mod guest;
pub mod junit;

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{command, paths};

const VERSION: &str = "0.9.143";

/// A PATH on which cargo finds it; built if need be.
pub fn path() -> Result<std::ffi::OsString> {
    let root = paths::lab().join("nextest");
    let own = root.join("bin");
    let path = env::var_os("PATH").unwrap_or_default();
    if paths::which("cargo-nextest").is_none() && !own.join("cargo-nextest").is_file() {
        build(&root)?;
    }
    let folders = env::split_paths(&path).chain([own]);
    env::join_paths(folders).context("PATH has a folder that cannot be in it")
}

fn build(root: &PathBuf) -> Result<()> {
    eprintln!("lab: building cargo-nextest {VERSION} (once, several minutes)");
    command::run(
        Command::new("cargo")
            .args(["install", "cargo-nextest", "--version", VERSION])
            // Without what would update it over the network.
            .args(["--locked", "--no-default-features"])
            .args(["--features", "default-no-update"])
            .arg("--root")
            .arg(root)
            // It must be quick to build: it waits for tests most of the time.
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
            // Not into the workspace's own output folder.
            .env("CARGO_TARGET_DIR", root.join("build")),
    )?;
    std::fs::remove_dir_all(root.join("build")).context("cannot remove nextest's build")
}
