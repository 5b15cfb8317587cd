// SPDX-License-Identifier: GPL-2.0-only
//! Compiles bpf/rotation.h, lag.h, groups.h and auto.h for this machine, so that what the compiler
//! cannot promise (a shift that is too wide, a sum that does not fit) ends the program that does it.

use std::env;
use std::process::Command;

/// Traps need no library to be linked. Best first: only clang sees that an unsigned number wrapped.
const CHECKS: [[&str; 2]; 2] = [
    [
        "-fsanitize=undefined,unsigned-integer-overflow",
        "-fsanitize-trap=all",
    ],
    ["-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"],
];

fn main() {
    for path in ["../bpf", "../include", "src"] {
        println!("cargo:rerun-if-changed={path}");
    }
    let mut build = cc::Build::new();
    if let Some(clang) = clang() {
        build.compiler(clang);
    }
    // Whatever the profile is: a million turns should take a moment.
    build
        .files(["src/rotation.c", "src/lag.c", "src/groups.c", "src/auto.c"])
        .opt_level(2)
        .warnings(true);
    let supported = |flags: &&[&str; 2]| {
        flags
            .iter()
            .all(|flag| build.is_flag_supported(flag).unwrap_or(false))
    };
    match CHECKS.iter().find(supported) {
        Some(flags) => build.flags(flags),
        None => {
            println!("cargo:warning=this C compiler has no -fsanitize=undefined: less is checked");
            &mut build
        }
    };
    build.compile("rotation");
}

/// The one that compiles the BPF program, where there is one.
fn clang() -> Option<String> {
    println!("cargo:rerun-if-env-changed=BPF_CLANG");
    let clang = env::var("BPF_CLANG").ok()?;
    let works = Command::new(&clang).arg("--version").output();
    works.is_ok_and(|run| run.status.success()).then_some(clang)
}
