// SPDX-License-Identifier: GPL-2.0-only
//! Real schedulers to replace one process by another with: cargo builds them
//! into `target/lab/schedulers`, as their README tells users to.

use std::fs;
use std::path::PathBuf;

use anyhow::bail;
use anyhow::Result;

use crate::build;
use crate::command;
use crate::paths;

/// Crate and version.
const CRATES: [(&str, &str); 2] = [("scx_bpfland", "1.1.4"), ("scx_rusty", "1.1.4")];

/// One of them.
pub struct Scheduler {
    /// Its name and version.
    pub name: String,
    /// Its program.
    pub path: PathBuf,
}

/// Those that build here; an error if none does.
pub fn installed() -> Result<Vec<Scheduler>> {
    let root = paths::lab_dir("schedulers")?;
    let mut there = Vec::new();
    for (name, version) in CRATES {
        let path = root.join("bin").join(name);
        if !is_installed(name, version)? {
            if let Err(error) = install(name, version) {
                eprintln!("lab: the bench goes on without {name}: {error:#}");
                continue;
            }
        }
        there.push(Scheduler {
            name: format!("{name} {version}"),
            path,
        });
    }
    // What they share was compiled once; the next time is a new version.
    let build = root.join("build");
    if build.exists() {
        fs::remove_dir_all(build)?;
    }
    if there.is_empty() {
        bail!("no other scheduler could be built, so there is nothing to compare with");
    }
    Ok(there)
}

/// Whether cargo installed this version, and whole.
fn is_installed(name: &str, version: &str) -> Result<bool> {
    let root = paths::lab_dir("schedulers")?;
    let list = fs::read_to_string(root.join(".crates.toml")).unwrap_or_default();
    Ok(list.contains(&format!("\"{name} {version} (")) && root.join("bin").join(name).is_file())
}

fn install(name: &str, version: &str) -> Result<()> {
    let root = paths::lab_dir("schedulers")?;
    eprintln!("lab: building {name} {version} (once; both take about 4 minutes on 2 cores)");
    command::run(
        build::cargo()?
            .args(["install", name, "--version", version, "--locked", "--quiet"])
            .arg("--root")
            .arg(&root)
            .env("CARGO_TARGET_DIR", root.join("build")),
    )
}
