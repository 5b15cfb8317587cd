// SPDX-License-Identifier: GPL-2.0-only
//! Builds the benches' own instrument: bpf/irq.bpf.c with its skeleton, and the bindings of what
//! it shares with user space.

use anyhow::{Context, Result};

fn main() -> Result<()> {
    for path in ["bpf", "../include"] {
        println!("cargo:rerun-if-changed={path}");
    }
    scx_cargo::BpfBuilder::new()
        .context("setting up the BPF build (it needs clang; BPF_CLANG names it)")?
        .enable_intf("bpf/irq.h", "irq.rs")
        .enable_skel("bpf/irq.bpf.c", "irq")
        .build()
        .context("building bpf/irq.bpf.c")
}
