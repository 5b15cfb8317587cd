// SPDX-License-Identifier: GPL-2.0-only
//! Tests that need root and sched_ext (those of services: root alone), one at a time; `cargo xtask test`
//! runs them in a VM. Their subject is the change of schedulers: none that tests share may be alive.
//! SCX_META_BIN names the loader; without it that beside scx_metabench is taken.

#![allow(clippy::unwrap_used)]

mod ab;
mod arena;
mod charge;
mod killed;
mod service;

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use labkit::{meta, process, shared};

/// Longest wait for anything: most of what is waited for loads a scheduler first.
const LIMIT: Duration = meta::START_LIMIT;

fn loader() -> PathBuf {
    let beside_it = || Path::new(env!("CARGO_BIN_EXE_scx_metabench")).with_file_name("scx_meta");
    env::var_os("SCX_META_BIN").map_or_else(beside_it, PathBuf::from)
}

/// No other test has a scheduler while this lives, and none is in charge.
fn alone() -> shared::Lock {
    let lock = shared::lock().unwrap();
    shared::end().unwrap();
    lock
}

fn await_that(what: &str, condition: impl FnMut() -> bool) {
    let step = Duration::from_millis(10);
    assert!(process::await_that(LIMIT, step, condition), "no {what}");
}

/// The processes that sleep so long, by their numbers.
fn sleepers(length: &str) -> Vec<u32> {
    let command_line = format!("sleep\0{length}\0");
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|process| {
            let line = fs::read(process.path().join("cmdline"));
            line.is_ok_and(|line| line == command_line.as_bytes())
        })
        .filter_map(|process| process.file_name().to_str()?.parse().ok())
        .collect()
}
