// SPDX-License-Identifier: GPL-2.0-only
//! `scx_microbench`; `cargo xtask bench` runs both of its halves.

use std::process::ExitCode;

use clap::Parser;
use scx_microbench::cli::Cli;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("scx_microbench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
