// SPDX-License-Identifier: GPL-2.0-only
//! The unit of contrib/, with the program where packages put it.

use anyhow::{ensure, Result};

const UNIT: &str = include_str!("../../contrib/scx_meta.service");

/// Where a person copies it to.
const BY_HAND: &str = "/usr/local/sbin/scx_meta";

const PACKAGED: &str = "/usr/sbin/scx_meta";

pub(crate) fn of_a_package() -> Result<String> {
    ensure!(UNIT.contains(BY_HAND), "the unit does not start {BY_HAND}");
    // The comment at its top says how to install it by hand.
    let (_, unit) = UNIT.split_once("[Unit]").unwrap_or_default();
    Ok(format!(
        "# SPDX-License-Identifier: GPL-2.0-only\n[Unit]{}",
        unit.replace(BY_HAND, PACKAGED)
    ))
}
