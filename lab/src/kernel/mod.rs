// SPDX-License-Identifier: GPL-2.0-only
//! Kernels to boot: the newest Debian package of a series, unpacked below
//! `target/lab/kernels`, or any image given by its path.

mod config;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};

pub use self::config::find as config;

use crate::apt::Apt;
use crate::{packages, paths};

/// The kernel where none is asked for.
pub const DEFAULT: &str = "6.18";

/// Packages that bring an image, by their name before the version. Where both
/// are there (7.0 and newer) the image is in the second, without modules: all
/// we need is built in.
const PACKAGES: [&str; 2] = ["linux-image-", "linux-binary-"];
const FLAVOUR: &str = "-cloud-amd64";

#[derive(Clone)]
pub struct Kernel {
    /// Its version, or its path where we cannot know that.
    pub release: String,
    pub image: PathBuf,
}

/// Finds the kernel that `--kernel` names, and fetches it if need be.
pub fn find(name: &str) -> Result<Kernel> {
    if !is_series(name) {
        let image = std::path::absolute(name)?;
        if !image.is_file() {
            bail!("--kernel {name}: neither a series such as {DEFAULT} nor a kernel image");
        }
        return Ok(Kernel {
            release: name.to_string(),
            image,
        });
    }
    let dir = paths::lab_dir("kernels")?.join(name);
    if let Some(kernel) = unpacked(&dir) {
        return Ok(kernel);
    }
    packages::need_debian("fetch a kernel")?;
    let apt = Apt::kernels()?;
    let package = newest(&apt, name)?;
    let fresh = dir.with_extension("new");
    if fresh.exists() {
        fs::remove_dir_all(&fresh)?;
    }
    apt.unpack(&package, &fresh)?;
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    fs::rename(&fresh, &dir)?;
    unpacked(&dir).with_context(|| format!("no kernel image in {package}"))
}

fn is_series(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_digit() || c == '.')
}

fn newest(apt: &Apt, series: &str) -> Result<String> {
    let mut found = Vec::new();
    for (rank, prefix) in PACKAGES.into_iter().enumerate() {
        for package in apt.names(prefix)? {
            if let Some(version) = version(&package, prefix) {
                found.push((version, rank, package));
            }
        }
    }
    let wanted = format!("{series}.");
    let best = found
        .iter()
        .filter(|(version, ..)| dotted(version).starts_with(&wanted))
        .max();
    if let Some((.., package)) = best {
        return Ok(package.clone());
    }
    let mut there: Vec<_> = found.iter().map(|(v, ..)| dotted(v)).collect();
    there.sort();
    there.dedup();
    bail!(
        "the archive has no kernel {series} any more; it has {}. Any other: --kernel PATH",
        there.join(", ")
    )
}

fn dotted(version: &[u32]) -> String {
    let parts: Vec<String> = version.iter().map(u32::to_string).collect();
    parts.join(".")
}

/// `linux-image-6.18.15+deb13-cloud-amd64` → 6.18.15.
fn version(package: &str, prefix: &str) -> Option<Vec<u32>> {
    let rest = package.strip_prefix(prefix)?.strip_suffix(FLAVOUR)?;
    let number = rest.split('+').next()?;
    number.split('.').map(|part| part.parse().ok()).collect()
}

/// The image in an unpacked package: /boot/vmlinuz-RELEASE, or since 7.0
/// /usr/lib/modules/RELEASE/vmlinuz.
fn unpacked(dir: &Path) -> Option<Kernel> {
    let list = |folder: PathBuf| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path())
    };
    let boot = list(dir.join("boot"));
    let modules = list(dir.join("usr/lib/modules")).map(|release| release.join("vmlinuz"));
    boot.chain(modules).find_map(|image| {
        let name = image.file_name()?.to_str()?;
        let release = match name.strip_prefix("vmlinuz-") {
            Some(release) => release.to_string(),
            None if name == "vmlinuz" => {
                let release = image.parent()?.file_name()?;
                release.to_string_lossy().into_owned()
            }
            None => return None,
        };
        image.is_file().then_some(Kernel { release, image })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_told_from_a_path() {
        assert!(is_series("6.18"));
        assert!(is_series("7"));
        assert!(!is_series("./bzImage"));
        assert!(!is_series("vmlinuz-6.18"));
    }

    #[test]
    fn versions_are_read_from_package_names() {
        let read = |name| version(name, "linux-image-");
        assert_eq!(
            read("linux-image-6.18.15+deb13-cloud-amd64"),
            Some(vec![6, 18, 15])
        );
        assert_eq!(read("linux-image-6.18.15+deb13-amd64"), None);
        assert_eq!(read("linux-image-6.18.15+deb13-cloud-amd64-unsigned"), None);
        assert_eq!(read("linux-image-cloud-amd64"), None);
    }
}
