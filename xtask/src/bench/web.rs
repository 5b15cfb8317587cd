// SPDX-License-Identifier: GPL-2.0-only
//! A web server for the guest: nginx, unpacked below `target/lab`, since
//! installing its package starts it on this machine.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::apt::Apt;
use crate::{packages, paths};

/// Where it is; fetched if need be.
pub fn nginx() -> Result<PathBuf> {
    let dir = paths::lab().join("nginx");
    let unpacked = dir.join("usr/sbin/nginx");
    if unpacked.is_file() {
        return Ok(unpacked);
    }
    if let Some(installed) = paths::which("nginx") {
        return Ok(installed);
    }
    packages::need_debian("fetch nginx")?;
    Apt::release()?.unpack("nginx", &dir)?;
    unpacked
        .is_file()
        .then_some(unpacked)
        .context("no nginx in the package nginx")
}
