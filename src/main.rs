// SPDX-License-Identifier: GPL-2.0-only
//! scx_meta: runs the command line, turns an error into one line and exit 1.

use std::io::ErrorKind;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    match scx_meta::cli::run() {
        Ok(code) => code,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "scx_meta: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whoever read our output has seen enough, as in `scx_meta --stats 1 | head`.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    })
}
