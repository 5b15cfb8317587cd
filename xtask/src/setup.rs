// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask setup`: packages, kernels, busybox and virtiofsd, so that the
//! other commands find all they need.

use anyhow::Result;

use crate::busybox;
use crate::kernel;
use crate::packages;
use crate::packages::Use;
use crate::test;
use crate::virtiofsd;

/// Brings it all here; does nothing where it is.
pub fn run(yes: bool) -> Result<()> {
    packages::ensure(Use::Vm, yes)?;
    busybox::path()?;
    virtiofsd::path()?;
    for series in test::KERNELS {
        let kernel = kernel::find(series)?;
        println!("kernel {}: {}", kernel.release, kernel.image.display());
    }
    Ok(())
}
