// SPDX-License-Identifier: GPL-2.0-only
//! Text that any Debian machine has: the documentation of the kernel and of Python, unpacked, not
//! installed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::made::made;
use crate::apt::Apt;
use crate::packages;

/// Names of the packages, before and after a version; of several the newest is taken, since
/// older ones leave the archive.
const PACKAGES: [(&str, &str); 2] = [("linux-doc-", ""), ("python3.", "-doc")];

/// What Sphinx makes its pages from; the pages themselves would be the same text again.
const SOURCES: &str = "html/_sources";

/// Names the packages, one a line, with their versions.
const LIST: &str = "packages";

/// What is kept does not depend on anything that could change without us.
const INPUTS: &str = "one folder a package";

/// Documentation, and where it is from.
pub struct Text {
    /// A folder for each package.
    pub folder: PathBuf,
    /// `NAME VERSION`
    pub packages: Vec<String>,
}

/// Fetches it if need be.
pub fn fetch() -> Result<Text> {
    let folder = made(&super::kept()?, "text", INPUTS, |folder| {
        packages::need_debian("fetch documentation")?;
        let apt = Apt::release()?;
        let mut list = String::new();
        for (before, after) in PACKAGES {
            let package = newest(&apt.names(before)?, before, after)
                .with_context(|| format!("the archive has no package {before}VERSION{after}"))?;
            list.push_str(&format!("{package} {}\n", apt.version(&package)?));
            take_sources(&apt, &package, &folder.join(&package))?;
        }
        fs::write(folder.join(LIST), list)?;
        Ok(())
    })?;
    let list = folder.join(LIST);
    let packages =
        fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
    Ok(Text {
        folder,
        packages: packages.lines().map(str::to_string).collect(),
    })
}

/// Unpacks a package and keeps its documentation's sources.
fn take_sources(apt: &Apt, package: &str, to: &Path) -> Result<()> {
    let unpacked = to.with_extension("unpacked");
    apt.unpack(package, &unpacked)?;
    let doc = unpacked.join("usr/share/doc");
    let sources = fs::read_dir(&doc)
        .with_context(|| format!("cannot read {}", doc.display()))?
        .flatten()
        .map(|entry| entry.path().join(SOURCES))
        .find(|sources| sources.is_dir())
        .with_context(|| format!("no {SOURCES} in {package}"))?;
    fs::rename(&sources, to).with_context(|| format!("cannot move {}", sources.display()))?;
    fs::remove_dir_all(&unpacked)?;
    Ok(())
}

/// The name with the highest version.
fn newest(names: &[String], before: &str, after: &str) -> Option<String> {
    let version = |name: &String| -> Option<Vec<u32>> {
        let version = name.strip_prefix(before)?.strip_suffix(after)?;
        version.split('.').map(|part| part.parse().ok()).collect()
    };
    let dated = names.iter().filter_map(|name| Some((version(name)?, name)));
    dated.max().map(|(_, name)| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_not_the_last_by_name() {
        let names = [
            "linux-doc",
            "linux-doc-6.1",
            "linux-doc-6.12",
            "linux-doc-6.9",
            "linux-doc-x",
        ]
        .map(String::from);
        assert_eq!(newest(&names, "linux-doc-", "").unwrap(), "linux-doc-6.12");
        let names = [
            "python3.9-doc",
            "python3.11-doc",
            "python3.12",
            "python3.11-minimal",
        ]
        .map(String::from);
        assert_eq!(
            newest(&names, "python3.", "-doc").unwrap(),
            "python3.11-doc"
        );
        assert_eq!(newest(&[], "python3.", "-doc"), None);
    }
}
