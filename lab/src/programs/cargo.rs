// SPDX-License-Identifier: GPL-2.0-only
//! Builds the programs of this repository with cargo.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result};

use crate::{command, packages, paths};

/// Where scx_cargo looks for more flags for clang.
const BPF_FLAGS: &str = "BPF_EXTRA_CFLAGS_PRE_INCL";

/// The variable that tells tests which scx_meta is theirs.
pub const SCX_META: &str = "SCX_META_BIN";

/// cargo in the source tree, with a clang that is new enough.
pub fn cargo() -> Result<Command> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(paths::repo());
    // Where it is the one that .cargo/config.toml names, this changes nothing.
    if env::var_os("BPF_CLANG").is_none() {
        let clang = packages::clang().context("there is no clang that is new enough")?;
        cargo.env("BPF_CLANG", clang);
    }
    Ok(cargo)
}

pub fn scx_meta() -> Result<PathBuf> {
    command::run(cargo()?.args(["build", "--release", "--package", "scx_meta"]))?;
    Ok(paths::target().join("release/scx_meta"))
}

/// The tests for guests, and what they test.
pub struct GuestTests {
    pub tests: PathBuf,
    pub scx_meta: PathBuf,
}

/// Builds both, as `cargo xtask test` does.
pub fn guest_tests() -> Result<GuestTests> {
    let mut build = cargo()?;
    build.args(["test", "--no-run", "--package", "scx_meta"]);
    build.args(["--features", "scx_meta/guest-tests", "--test", "guest"]);
    build.args(["--message-format", "json-render-diagnostics"]);
    // What it compiles is for people; it names what it made to us.
    let said = command::read_out(&mut build)?;
    let tests = said.lines().rev().find_map(test_program);
    Ok(GuestTests {
        tests: tests.context("cargo names no program with the tests")?,
        scx_meta: paths::target().join("debug/scx_meta"),
    })
}

/// The program of a message of cargo's.
fn test_program(message: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let is_tests = message["target"]["name"] == "guest" && message["profile"]["test"] == true;
    let program = message["executable"].as_str().filter(|_| is_tests)?;
    Some(program.into())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// As users have them.
    Release,
    Debug,
}

/// scx_meta and a program that measures it, out of the way of builds that happen meanwhile.
pub struct Programs {
    pub scx_meta: PathBuf,
    pub bench: PathBuf,
}

/// Builds both together, or what both use is compiled twice, with features of the one and of the
/// other.
pub fn bench(bench: &str, profile: Profile) -> Result<Programs> {
    eprintln!("lab: building scx_meta and {bench}");
    let mut build = cargo()?;
    build.arg("build");
    let (built, kept) = match profile {
        Profile::Release => {
            build.arg("--release");
            ("release", "bench")
        }
        Profile::Debug => ("debug", "bench-debug"),
    };
    build.args(["--package", "scx_meta", "--package", bench]);
    command::run(&mut build)?;
    let (built, kept) = (paths::target().join(built), paths::lab_dir(kept)?);
    for name in ["scx_meta", bench] {
        replace(&built.join(name), &kept.join(name))?;
    }
    Ok(Programs {
        scx_meta: kept.join("scx_meta"),
        bench: kept.join(bench),
    })
}

/// Builds the loads that costs are fitted to, and keeps a copy in this folder.
pub fn calibrate(dir: &Path) -> Result<PathBuf> {
    let mut build = cargo()?;
    build.args(["build", "--release", "--package", "labkit"]);
    command::run(build.args(["--bin", "calibrate"]))?;
    let program = dir.join("calibrate");
    replace(&paths::target().join("release/calibrate"), &program)?;
    Ok(program)
}

/// Puts a copy of what was built in place of an older one, at once.
pub fn replace(built: &Path, to: &Path) -> Result<()> {
    let fresh = to.with_extension("new");
    fs::copy(built, &fresh).with_context(|| format!("cannot copy {}", built.display()))?;
    fs::rename(&fresh, to).with_context(|| format!("cannot write {}", to.display()))
}

/// Builds a debug binary in a cargo folder of its own, its BPF side with
/// these flags, and puts it into `to`.
pub fn variant(flags: &str, cargo_target: &Path, to: &Path) -> Result<()> {
    let mut build = cargo()?;
    build.args(["build", "--quiet", "--package", "scx_meta"]);
    build.arg("--target-dir").arg(cargo_target);
    // Less to compile and to link; the BPF side is not affected.
    build.env("CARGO_PROFILE_DEV_DEBUG", "false");
    build.env("CARGO_INCREMENTAL", "0");
    build.env(BPF_FLAGS, flags);
    command::run(&mut build)?;
    replace(&cargo_target.join("debug/scx_meta"), to)
}
