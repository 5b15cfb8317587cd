// SPDX-License-Identifier: GPL-2.0-only
//! Other people's schedulers, to replace one process by another with and to compare policies with:
//! cargo builds them into `target/lab/schedulers`, as their README tells users to.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{bail, ensure, Context, Result};

use super::cargo;
use crate::{command, paths};

/// Crate and version.
const CRATES: [(&str, &str); 7] = [
    ("scx_bpfland", "1.1.4"),
    ("scx_cosmos", "1.1.7"),
    ("scx_flash", "1.1.4"),
    ("scx_lavd", "1.1.4"),
    ("scx_p2dq", "1.1.4"),
    ("scx_rusty", "1.1.4"),
    ("scx_rustland", "1.1.4"),
];

/// Those that `bench switch` replaces by each other.
const SWITCHED: [&str; 2] = ["scx_bpfland", "scx_rusty"];

/// One of them.
pub struct Scheduler {
    pub name: String,
    pub path: PathBuf,
}

/// One of them with options, or any other program.
#[derive(Clone, Debug, PartialEq)]
pub struct Peer {
    /// The command line: the program by its path.
    pub command: String,
    pub path: PathBuf,
    /// Name and version, for people.
    pub version: String,
}

/// Those of `bench switch` that build here; an error if none does.
pub fn installed() -> Result<Vec<Scheduler>> {
    let switched = CRATES.iter().filter(|(name, _)| SWITCHED.contains(name));
    let there = installed_of(switched)?;
    if there.is_empty() {
        bail!("no other scheduler could be built, so there is nothing to compare with");
    }
    Ok(there)
}

pub fn peers() -> Result<Vec<Peer>> {
    let there = installed_of(CRATES.iter())?;
    Ok(there.into_iter().map(|there| plain(there, "")).collect())
}

/// A command line whose program the lab builds, or has otherwise.
pub fn peer(also: &str) -> Result<Peer> {
    let also = also.trim();
    let (program, options) = also.split_once(' ').unwrap_or((also, ""));
    ensure!(!program.is_empty(), "--also: no command");
    let known = CRATES.iter().filter(|(name, _)| *name == program);
    if let Some(there) = installed_of(known)?.pop() {
        return Ok(plain(there, options));
    }
    ensure!(
        !CRATES.iter().any(|(name, _)| *name == program),
        "--also '{also}': {program} does not build here"
    );
    let path = paths::which(program);
    let path = path.with_context(|| format!("--also '{also}': there is no {program} on PATH"))?;
    let path = std::path::absolute(path)?;
    Ok(plain(
        Scheduler {
            name: program.to_string(),
            path,
        },
        options,
    ))
}

fn plain(there: Scheduler, options: &str) -> Peer {
    let command = format!("{} {options}", there.path.display());
    Peer {
        command: command.trim_end().to_string(),
        path: there.path,
        version: there.name,
    }
}

/// Those of these that build here.
fn installed_of<'a>(
    crates: impl Iterator<Item = &'a (&'static str, &'static str)>,
) -> Result<Vec<Scheduler>> {
    let root = paths::lab_dir("schedulers")?;
    let mut there = Vec::new();
    let mut is_new = false;
    for (name, version) in crates {
        if !is_installed(name, version)? {
            is_new = true;
            if let Err(error) = install(name, version, &root) {
                eprintln!("lab: the bench goes on without {name}: {error:#}");
                continue;
            }
        }
        there.push(Scheduler {
            name: format!("{name} {version}"),
            path: root.join("bin").join(name),
        });
    }
    // What they share was compiled once; the next time is a new version.
    let build = root.join("build");
    if is_new && build.exists() {
        fs::remove_dir_all(build)?;
    }
    Ok(there)
}

/// Whether cargo installed this version, and whole.
fn is_installed(name: &str, version: &str) -> Result<bool> {
    let root = paths::lab_dir("schedulers")?;
    let list = fs::read_to_string(root.join(".crates.toml")).unwrap_or_default();
    Ok(list.contains(&format!("\"{name} {version} (")) && root.join("bin").join(name).is_file())
}

fn install(name: &str, version: &str, root: &Path) -> Result<()> {
    eprintln!("lab: building {name} {version} (once; some minutes each on 2 cores)");
    command::run(
        cargo::cargo()?
            .args(["install", name, "--version", version, "--locked", "--quiet"])
            .arg("--root")
            .arg(root)
            .env("CARGO_TARGET_DIR", root.join("build")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_program_may_be_a_peer() {
        let peer = peer(" sh -c true ").unwrap();
        assert!(peer.command.ends_with("/sh -c true"), "{peer:?}");
        assert_eq!(peer.version, "sh");
    }

    #[test]
    fn one_that_is_missing_is_named_with_its_option() {
        let error = peer("scx_none --fast").unwrap_err().to_string();
        assert_eq!(
            error,
            "--also 'scx_none --fast': there is no scx_none on PATH"
        );
        assert!(super::peer("").is_err());
    }

    #[test]
    fn what_is_switched_is_built() {
        for name in SWITCHED {
            assert!(CRATES.iter().any(|(known, _)| *known == name), "{name}");
        }
    }
}
