// SPDX-License-Identifier: GPL-2.0-only
//! The kernel tree's own single-policy schedulers, built from the newest
//! `linux-source` package: its tools/sched_ext brings its own libbpf.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, thread};

use anyhow::{Context, Result};

use super::variants;
use crate::apt::Apt;
use crate::{command, packages, paths};

/// What is built. scx_nest is in no package any more.
const SCHEDULERS: [&str; 2] = ["scx_simple", "scx_central"];
/// Beside the schedulers: the package they come from.
const SOURCE: &str = "source";

/// Package of the kernel's sources, by its name before the series.
const PACKAGE: &str = "linux-source-";
/// Parts of the tree that the build reads.
const PARTS: [&str; 10] = [
    "include/uapi",
    "kernel/bpf",
    "scripts",
    "tools/arch",
    "tools/bpf",
    "tools/build",
    "tools/include",
    "tools/lib",
    "tools/sched_ext",
    "tools/scripts",
];

pub struct Stock {
    pub source: String,
    /// Name and program of each.
    pub programs: Vec<(&'static str, PathBuf)>,
}

/// Where they are; built if need be.
pub fn schedulers() -> Result<Stock> {
    eprintln!("lab: scx_nest is in no package any more: nest is compared with its own build only");
    let root = paths::lab_dir("stock")?;
    let bin = root.join("bin");
    if let Some(stock) = built(&bin) {
        return Ok(stock);
    }
    packages::need_debian("fetch the kernel's sources")?;
    let work = root.join("work");
    remove(&work)?;
    let fresh = build(&work).context("cannot build the kernel tree's schedulers")?;
    remove(&bin)?;
    fs::rename(&fresh, &bin)?;
    remove(&work)?;
    built(&bin).with_context(|| format!("no schedulers in {}", bin.display()))
}

fn built(bin: &Path) -> Option<Stock> {
    let source = fs::read_to_string(bin.join(SOURCE)).ok()?;
    let programs = SCHEDULERS.map(|name| (name, bin.join(name)));
    let whole = programs.iter().all(|(_, program)| program.is_file());
    whole.then(|| Stock {
        source,
        programs: programs.into(),
    })
}

/// Fetches and builds below `work`; the folder of the programs.
fn build(work: &Path) -> Result<PathBuf> {
    let apt = Apt::kernels()?;
    let package = newest(&apt)?;
    let headers = variants::bpf_headers()?;
    eprintln!("lab: the schedulers of {package}: 167 MB to fetch, then half a minute");
    let unpacked = work.join("package");
    apt.unpack(&package, &unpacked)?;
    let tree = work.join("tree");
    fs::create_dir_all(&tree)?;
    let tarball = unpacked.join(format!("usr/src/{package}.tar.xz"));
    let mut tar = Command::new("tar");
    tar.arg("-xf").arg(&tarball);
    tar.arg("-C").arg(&tree).arg("--strip-components=1");
    tar.args(PARTS.map(|part| format!("{package}/{part}")));
    command::run(&mut tar)?;
    make(&tree, work, &headers)?;

    let bin = work.join("build/bin");
    fs::write(bin.join(SOURCE), package)?;
    Ok(bin)
}

fn make(tree: &Path, work: &Path, headers: &Path) -> Result<()> {
    let vmlinux_h = headers.join("arch/x86/vmlinux.h");
    let clang = packages::clang().context("there is no clang that is new enough")?;
    let jobs = thread::available_parallelism()?;
    let mut make = Command::new("make");
    make.arg("-C").arg(tree.join("tools/sched_ext"));
    make.arg(format!("-j{jobs}"));
    make.arg(format!("O={}", work.display()));
    make.arg(format!("CLANG={clang}"));
    // Only its presence is looked at, once VMLINUX_H is given.
    make.arg(format!("VMLINUX_BTF={}", vmlinux_h.display()));
    make.arg(format!("VMLINUX_H={}", vmlinux_h.display()));
    // What its bpftool could do with these, nobody asks of it here.
    make.args(["SKIP_LLVM=1", "SKIP_LIBBFD=1", "SKIP_CRYPTO=1"]);
    command::read(make.args(SCHEDULERS)).map(drop)
}

fn newest(apt: &Apt) -> Result<String> {
    let names = apt.names(PACKAGE)?;
    let best = names.iter().max_by_key(|name| series(name));
    best.filter(|name| series(name).is_some())
        .cloned()
        .context("the archive has no package of the kernel's sources")
}

/// `linux-source-7.3` → 7.3.
fn series(package: &str) -> Option<Vec<u32>> {
    let number = package.strip_prefix(PACKAGE)?;
    number.split('.').map(|part| part.parse().ok()).collect()
}

fn remove(dir: &Path) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("cannot remove {}", dir.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_is_read_from_the_package_name() {
        assert_eq!(series("linux-source-7.3"), Some(vec![7, 3]));
        assert!(series("linux-source-7.10") > series("linux-source-7.9"));
        assert_eq!(series("linux-source-7.3-rt"), None);
    }
}
