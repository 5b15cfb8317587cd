// SPDX-License-Identifier: GPL-2.0-only
//! What needs root and sched_ext, one test at a time; `cargo xtask test` runs it in a VM.
//! SCX_META_BIN names the loader.

#![allow(clippy::unwrap_used)]

mod charge;
mod killed;

use std::env;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;
use std::time::Instant;

/// Longest wait for anything.
const LIMIT: Duration = Duration::from_secs(60);

fn loader() -> PathBuf {
    let path = env::var_os("SCX_META_BIN").expect("SCX_META_BIN names the loader");
    PathBuf::from(path)
}

fn await_that(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LIMIT, "no {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
