// SPDX-License-Identifier: GPL-2.0-only
//! `scx_metabench`: see the library.

use std::process::ExitCode;

use clap::Parser;
use scx_metabench::cli::Cli;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("scx_metabench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
