// SPDX-License-Identifier: GPL-2.0-only
//! cargo-nextest, which runs the tests; where this machine has none, cargo builds it once. Here is
//! what the lab does for it: a test in its guest, and its report.

pub mod guest;
pub mod junit;

use std::env;
use std::path::Path;

use anyhow::{Context, Result};

use crate::paths;
use crate::programs::tool;

const VERSION: &str = "0.9.143";

/// A PATH on which cargo finds it; built if need be.
pub fn path() -> Result<std::ffi::OsString> {
    // Without what would update it over the network.
    let features = ["--no-default-features", "--features", "default-no-update"];
    let root = paths::lab().join("nextest");
    let program = tool::ensure("cargo-nextest", VERSION, &features, &root)?;
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(program.parent().map(Path::to_path_buf));
    env::join_paths(folders).context("PATH has a folder that cannot be in it")
}
