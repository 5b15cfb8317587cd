// SPDX-License-Identifier: GPL-2.0-only
//! scx_meta.

use std::process::ExitCode;

fn main() -> ExitCode {
    scx_meta::cli::main()
}
