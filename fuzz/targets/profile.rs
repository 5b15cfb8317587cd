// SPDX-License-Identifier: GPL-2.0-only
//! libFuzzer's bytes as a file for `scx_meta --profile`.

#![no_main]

#[path = "../inputs/profile.rs"]
mod profile;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| profile::check(bytes));
