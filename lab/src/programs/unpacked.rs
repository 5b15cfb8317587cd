// SPDX-License-Identifier: GPL-2.0-only
//! Programs of packages that are unpacked and not installed: a static busybox would replace the
//! system's, and nginx would start on this machine.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::apt::Apt;
use crate::{packages, paths};

/// A static busybox, fetched if need be.
pub fn busybox() -> Result<PathBuf> {
    let places = ["usr/bin/busybox", "bin/busybox"];
    match found("busybox", &places) {
        Some(file) => Ok(file),
        None => fetch("busybox-static", "busybox", &places),
    }
}

/// A web server: an unpacked one, else the system's; fetched if there is none.
pub fn nginx() -> Result<PathBuf> {
    let places = ["usr/sbin/nginx"];
    match found("nginx", &places).or_else(|| paths::which("nginx")) {
        Some(file) => Ok(file),
        None => fetch("nginx", "nginx", &places),
    }
}

fn found(name: &str, places: &[&str]) -> Option<PathBuf> {
    let dir = paths::lab().join(name);
    let mut files = places.iter().map(|place| dir.join(place));
    files.find(|file| file.is_file())
}

fn fetch(package: &str, name: &str, places: &[&str]) -> Result<PathBuf> {
    packages::need_debian(&format!("fetch {package}"))?;
    Apt::release()?.unpack(package, &paths::lab().join(name))?;
    found(name, places).with_context(|| format!("no {name} in the package {package}"))
}
