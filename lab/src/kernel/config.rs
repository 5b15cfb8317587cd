// SPDX-License-Identifier: GPL-2.0-only
//! The configuration of the guest's kernel: scx_bpfland and the kernel tree's
//! own schedulers ask libbpf for it, and Debian's kernels do not carry it.

use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};

use super::Kernel;
use crate::apt::Apt;
use crate::paths;

/// From 7.0 on, the package that has it.
const PACKAGE: &str = "linux-base-";

/// The file, fetched if need be; None where nobody knows.
pub fn find(kernel: &Kernel) -> Result<Option<PathBuf>> {
    if let Some(file) = beside(&kernel.image) {
        return Ok(Some(file));
    }
    // An image that somebody built: only the lab's kernels are Debian's.
    let release = &kernel.release;
    if !kernel.image.starts_with(paths::lab()) {
        eprintln!(
            "lab: no configuration of kernel {release} was found: schedulers that ask for it \
             will not load"
        );
        return Ok(None);
    }
    let dir = paths::lab_dir("kernels")?.join(format!("config-{release}"));
    let file = dir.join(format!("usr/lib/modules/{release}/config"));
    if !file.is_file() {
        let package = format!("{PACKAGE}{release}");
        Apt::kernels()?
            .unpack(&package, &dir)
            .with_context(|| format!("cannot fetch the configuration of kernel {release}"))?;
    }
    if !file.is_file() {
        bail!("no configuration of kernel {release} in its package");
    }
    Ok(Some(file))
}

/// /boot/config-RELEASE beside /boot/vmlinuz-RELEASE, `config` beside
/// `vmlinuz`, `.config` at the top of a kernel tree.
fn beside(image: &Path) -> Option<PathBuf> {
    let dir = image.parent()?;
    let name = image.file_name()?.to_str()?;
    let named = match name.strip_prefix("vmlinuz") {
        Some(rest) => dir.join(format!("config{rest}")),
        None => dir.join("../../../.config"),
    };
    named.is_file().then_some(named)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_configuration_is_found_beside_its_image() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| dir.path().join(name);
        assert_eq!(beside(&file("vmlinuz-6.18")), None);
        fs::write(file("config-6.18"), "").unwrap();
        assert_eq!(beside(&file("vmlinuz-6.18")), Some(file("config-6.18")));
        assert_eq!(beside(&file("vmlinuz-6.16")), None);
        let boot = file("arch/x86/boot");
        fs::create_dir_all(&boot).unwrap();
        fs::write(file(".config"), "").unwrap();
        assert!(beside(&boot.join("bzImage")).is_some());
    }
}
