// SPDX-License-Identifier: GPL-2.0-only
//! libFuzzer's bytes as what the pinned maps hold.

#![no_main]

#[path = "../inputs/map_values.rs"]
mod map_values;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| map_values::check(bytes));
