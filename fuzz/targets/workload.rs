// SPDX-License-Identifier: GPL-2.0-only
//! libFuzzer's bytes as a `workload.toml`.

#![no_main]

#[path = "../inputs/workload.rs"]
mod workload;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| workload::check(bytes));
