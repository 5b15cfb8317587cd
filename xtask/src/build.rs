// SPDX-License-Identifier: GPL-2.0-only
//! Builds scx_meta and its tests with cargo.

use std::env;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use anyhow::bail;
use anyhow::Context;
use anyhow::Result;
use serde_json::Value;

use crate::command;
use crate::packages;
use crate::paths;

/// Where scx_cargo looks for more flags for clang.
const BPF_FLAGS: &str = "BPF_EXTRA_CFLAGS_PRE_INCL";

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

/// Builds the release binary.
pub fn scx_meta() -> Result<PathBuf> {
    command::run(cargo()?.args(["build", "--release", "--package", "scx_meta"]))?;
    Ok(paths::target().join("release/scx_meta"))
}

/// Builds the release binary and the one that measures it: together, or what
/// both use is compiled twice, with features of the one and of the other.
pub fn bench_programs() -> Result<[PathBuf; 2]> {
    let mut build = cargo()?;
    build.args(["build", "--release"]);
    build.args(["--package", "scx_meta", "--package", "scx_metabench"]);
    command::run(&mut build)?;
    Ok(["scx_meta", "scx_metabench"].map(|name| paths::target().join("release").join(name)))
}

/// Puts a copy of what was built in place of an older one, at once.
pub fn replace(built: &Path, to: &Path) -> Result<()> {
    let fresh = to.with_extension("new");
    fs::copy(built, &fresh).with_context(|| format!("cannot copy {}", built.display()))?;
    fs::rename(&fresh, to).with_context(|| format!("cannot write {}", to.display()))
}

/// What runs in the guest.
pub struct GuestTests {
    /// The test binary.
    pub tests: PathBuf,
    /// That of scx_metabench.
    pub bench_tests: PathBuf,
    /// The scx_meta that cargo built beside it.
    pub scx_meta: PathBuf,
}

/// Builds the tests that run in the guest.
pub fn guest_tests() -> Result<GuestTests> {
    let mut cargo = cargo()?;
    cargo
        .args(["test", "--release", "--no-run", "--test", "guest"])
        .args([
            "--package",
            "scx_meta",
            "--features",
            "scx_meta/guest-tests",
        ])
        .args(["--package", "scx_metabench"])
        .args(["--features", "scx_metabench/guest-tests"])
        .args(["--message-format", "json-render-diagnostics"])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let said = cargo.output()?;
    if !said.status.success() {
        bail!("failed ({}): {}", said.status, command::line(&cargo));
    }
    let said = String::from_utf8_lossy(&said.stdout);
    let messages: Vec<Value> = said
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let executable = |source: &str| {
        let is_it = |message: &&Value| {
            let path = message["target"]["src_path"].as_str();
            path.is_some_and(|path| Path::new(path) == paths::repo().join(source))
        };
        let mut built = messages.iter().filter(is_it);
        built
            .find_map(|message| message["executable"].as_str().map(PathBuf::from))
            .with_context(|| format!("no executable of {source} from: {}", command::line(&cargo)))
    };
    Ok(GuestTests {
        tests: executable("tests/guest/main.rs")?,
        bench_tests: executable("bench/tests/guest/main.rs")?,
        scx_meta: executable("src/main.rs")?,
    })
}

/// Flags for a build in which the row of one policy has the hooks of another.
pub fn mutant_flags(row: &str, hooks: &str) -> String {
    // The row's own hooks are left without a caller.
    format!("-DMETA_HOOKS_{row}={hooks} -Wno-unused-function")
}

/// Builds a debug binary in which the row of one policy has the hooks of
/// another, and puts it into `to`.
pub fn mutant(row: &str, hooks: &str, to: &Path) -> Result<()> {
    let mut build = cargo()?;
    build.args(["build", "--package", "scx_meta"]);
    build.env(BPF_FLAGS, mutant_flags(row, hooks));
    command::run(&mut build)?;
    replace(&paths::target().join("debug/scx_meta"), to)
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

/// Replaces the last mutant in cargo's debug folder.
pub fn undo_mutants() -> Result<()> {
    command::run(cargo()?.args(["build", "--package", "scx_meta"]))
}
