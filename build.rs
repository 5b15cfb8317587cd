// SPDX-License-Identifier: GPL-2.0-only
//! Builds the BPF object with its skeleton, the bindings of include/abi.h, and
//! the Rust tables of include/policies.h and include/stats.h.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{bail, Context, Result};
use libbpf_cargo::util::CargoWarningFormatter;
use libbpf_cargo::SkeletonBuilder;
use scx_cargo::{BpfBuilder, ClangInfo};
use tracing_subscriber::util::SubscriberInitExt;

const TABLES: &str = "src/tables.rs.h";
const PROGRAM: &str = "bpf/main.bpf.c";

fn main() -> Result<()> {
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    // Cargo looks into directories at every depth.
    for path in ["bpf", "include", TABLES] {
        println!("cargo:rerun-if-changed={path}");
    }
    generate_tables(&out_dir.join("tables.rs"))?;
    // libbpf-cargo has no vmlinux.h and no scx headers, which this unpacks, and binds no header.
    BpfBuilder::new()
        .context("setting up the BPF build (it needs clang; BPF_CLANG names it)")?
        .enable_intf("include/abi.h", "abi.rs")
        .build()
        .context("binding include/abi.h")?;
    build_skeleton(&out_dir).with_context(|| format!("building {PROGRAM}"))
}

fn build_skeleton(out_dir: &Path) -> Result<()> {
    let clang = ClangInfo::new()?;
    let mut builder = SkeletonBuilder::new();
    builder
        .source(PROGRAM)
        .obj(out_dir.join("bpf.bpf.o"))
        .clang(&clang.clang)
        .clang_args(flags(&clang, &out_dir.join("scx_utils-bpf_h"))?)
        .rustfmt("disable_rustfmt")
        .reference_obj(true);
    // What clang warns of, and not what the generator says of maps without data.
    let clang_warns = tracing_subscriber::fmt().event_format(CargoWarningFormatter);
    let guard = clang_warns.finish().set_default();
    builder.build()?;
    drop(guard);
    builder.generate(out_dir.join("bpf_skel.rs"))
}

/// As scx_cargo has them for its own skeletons, with the same variables of the environment.
fn flags(clang: &ClangInfo, headers: &Path) -> Result<Vec<String>> {
    let words = |name| -> Option<Vec<String>> {
        let words = env::var(name).ok()?;
        Some(words.split_whitespace().map(String::from).collect())
    };
    let arch = clang.kernel_target()?;
    let mut flags = match words("BPF_CFLAGS") {
        Some(flags) => flags,
        None => {
            let base = words("BPF_BASE_CFLAGS").map_or_else(|| clang.determine_base_cflags(), Ok);
            let folders = [
                headers.join("arch").join(&arch),
                headers.to_owned(),
                headers.join("bpf-compat"),
            ];
            [
                base?,
                words("BPF_EXTRA_CFLAGS_PRE_INCL").unwrap_or_default(),
                folders
                    .map(|folder| format!("-I{}", folder.display()))
                    .into(),
                words("BPF_EXTRA_CFLAGS_POST_INCL").unwrap_or_default(),
            ]
            .concat()
        }
    };
    flags.push(format!("-D__SCX_TARGET_ARCH_{arch}"));
    Ok(flags)
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
