// SPDX-License-Identifier: GPL-2.0-only
//! scx_meta: runs the command line, turns an error into one line and exit 1.

use std::io::ErrorKind;
use std::panic;
use std::process::ExitCode;

use scx_meta::{cli, output};

/// As Rust ends a process whose main thread panicked.
const PANICKED: u8 = 101;

fn main() -> ExitCode {
    // What runs has been ended, and its pins removed, by the time a panic comes here.
    let code = match panic::catch_unwind(cli::run) {
        Ok(Ok(code)) => code,
        Ok(Err(error)) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            output::say(&format!("scx_meta: {error:#}"));
            ExitCode::FAILURE
        }
        Err(_) => ExitCode::from(PANICKED),
    };
    output::finish();
    code
}

/// Whoever read our output has seen enough, as in `scx_meta status | head`.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    })
}
