// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask deb`: a package for Debian. Cargo.toml says what is in it.

use std::process::Command;

use anyhow::Result;
use lab::packages::{self, Use};
use lab::programs::{cargo, tool};
use lab::{command, paths};

/// Prints where it is.
pub(crate) fn run(yes: bool) -> Result<()> {
    packages::ensure(Use::Build, yes)?;
    let cargo_deb = tool::cargo_deb()?;
    let programs = ["--package", "scx_meta", "--package", "scx_metabench"];
    command::run(cargo::cargo()?.args(["build", "--release"]).args(programs))?;
    // Where Cargo.toml looks for it, whatever cargo's output folder is.
    let beside = paths::repo().join("target/dist");
    let mut dist = cargo::cargo()?;
    dist.args(["run", "--release", "--package", "dist", "--"]);
    command::run(dist.arg(beside))?;
    let mut deb = Command::new(cargo_deb);
    deb.current_dir(paths::repo()).arg("--no-build");
    command::run(&mut deb)
}
