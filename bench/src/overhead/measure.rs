// SPDX-License-Identifier: GPL-2.0-only
//! The half of `bench overhead` that runs in the guest.

use std::io::Write;

use anyhow::bail;
use anyhow::Result;
use labkit::machine::Machine;

use crate::raw::Writer;

/// Options.
#[derive(clap::Args, Debug)]
pub struct Args {}

/// Measures, and writes what it saw.
pub fn run<W: Write>(_args: &Args, _machine: &Machine, _out: &mut Writer<W>) -> Result<()> {
    bail!("not built yet")
}
