// SPDX-License-Identifier: GPL-2.0-only
//! A static busybox for the guest, unpacked below `target/lab`: installing
//! the package would replace the system's busybox.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::apt::Apt;
use crate::{packages, paths};

/// Where it is; fetched if need be.
pub fn path() -> Result<PathBuf> {
    let dir = paths::lab().join("busybox");
    let places = [dir.join("usr/bin/busybox"), dir.join("bin/busybox")];
    if let Some(file) = places.iter().find(|file| file.is_file()) {
        return Ok(file.clone());
    }
    packages::need_debian("fetch busybox-static")?;
    Apt::release()?.unpack("busybox-static", &dir)?;
    places
        .into_iter()
        .find(|file| file.is_file())
        .context("no busybox in the package busybox-static")
}
