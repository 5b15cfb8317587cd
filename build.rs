// SPDX-License-Identifier: GPL-2.0-only
//! Builds the BPF object with its skeleton, the bindings of include/abi.h, and
//! the Rust tables of include/policies.h and include/stats.h.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{bail, Context, Result};

const TABLES: &str = "src/tables.rs.h";

fn main() -> Result<()> {
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    // scx_cargo watches only the files beside main.bpf.c; cargo looks into
    // directories at every depth.
    for path in ["bpf", "include", TABLES] {
        println!("cargo:rerun-if-changed={path}");
    }
    generate_tables(&out_dir.join("tables.rs"))?;
    scx_cargo::BpfBuilder::new()
        .context("setting up the BPF build (it needs clang; BPF_CLANG names it)")?
        .enable_intf("include/abi.h", "abi.rs")
        .enable_skel("bpf/main.bpf.c", "bpf")
        .build()
        .context("building bpf/main.bpf.c")
}

/// The X-macros are C, so the C preprocessor is what turns them into Rust.
fn generate_tables(output: &Path) -> Result<()> {
    println!("cargo:rerun-if-env-changed=BPF_CLANG");
    println!("cargo:rerun-if-env-changed=BPF_EXTRA_CFLAGS_PRE_INCL");
    let clang = env::var("BPF_CLANG").unwrap_or_else(|_| "clang".into());
    let run = Command::new(&clang)
        .args(["-E", "-P", "-x", "c", TABLES])
        .output()
        .with_context(|| format!("running {clang} (BPF_CLANG names another one)"))?;
    if !run.status.success() {
        bail!(
            "{clang} -E {TABLES}: {}",
            String::from_utf8_lossy(&run.stderr)
        );
    }
    fs::write(output, run.stdout).with_context(|| format!("writing {}", output.display()))
}
