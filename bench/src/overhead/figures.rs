// SPDX-License-Identifier: GPL-2.0-only
//! The half of `bench overhead` that makes tables and figures of the raw data.

use anyhow::bail;
use anyhow::Result;

use crate::cli::FiguresArgs;

/// Reads the raw data and writes the report.
pub fn run(_args: &FiguresArgs) -> Result<()> {
    bail!("not built yet")
}
