// SPDX-License-Identifier: GPL-2.0-only
//! virtiofsd, which shares the host's files with the guest. QEMU 8 and newer
//! come without it; where no package has it, cargo builds it once.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use anyhow::Result;

use crate::command;
use crate::paths;

const VERSION: &str = "1.14.0";

/// Where it is; built if need be.
pub fn path() -> Result<PathBuf> {
    let root = paths::lab().join("virtiofsd");
    let packaged = ["/usr/libexec/virtiofsd", "/usr/lib/virtiofsd"].map(PathBuf::from);
    let built = root.join("bin/virtiofsd");
    let mut places = packaged.iter().chain([&built]);
    if let Some(file) = places.find(|file| file.is_file()) {
        return Ok(file.clone());
    }
    eprintln!("lab: building virtiofsd {VERSION} (once, about 2 minutes)");
    command::run(
        Command::new("cargo")
            .args(["install", "virtiofsd", "--version", VERSION, "--locked"])
            .arg("--root")
            .arg(&root)
            // Not into the workspace's own output folder.
            .env("CARGO_TARGET_DIR", root.join("build")),
    )?;
    std::fs::remove_dir_all(root.join("build")).context("cannot remove virtiofsd's build")?;
    Ok(built.clone())
}
