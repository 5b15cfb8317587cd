// SPDX-License-Identifier: GPL-2.0-only
//! The tests of the model's parts that are written in C and know nothing of QEMU: each is a program
//! of lab/vclock/test that ends with 0.

use std::process::Command;

use crate::{command, paths};

fn passes(name: &str, parts: &[&str]) {
    let folder = paths::repo().join(super::SOURCES);
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join(name);
    let mut cc = Command::new("cc");
    cc.args(["-O1", "-g", "-Wall", "-Wextra", "-Werror"]);
    cc.args(["-fsanitize=undefined", "-fno-sanitize-recover", "-o"]);
    cc.arg(&program)
        .arg(folder.join("test").join(name).with_extension("c"));
    cc.args(parts.iter().map(|part| folder.join(part)));
    command::run(&mut cc).unwrap();
    command::run(&mut Command::new(program)).unwrap();
}

#[test]
fn instructions_are_told_apart_by_their_bytes() {
    passes("kinds", &["kinds.c", "x86.c"]);
}

#[test]
fn caches_serve_what_they_hold_and_give_up_what_others_write() {
    passes("caches", &["caches.c"]);
}

#[test]
fn parameters_out_of_bounds_are_refused() {
    passes("parameters", &["parameters.c"]);
}

#[test]
fn the_clocks_arithmetic_holds() {
    passes("units", &["budget.c", "turn.c", "spinner.c", "x86.c"]);
}
