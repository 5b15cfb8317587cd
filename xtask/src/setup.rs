// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask setup`: packages, kernels, busybox and nextest, so that the
//! other commands find all they need; for `bench` only when asked, since that
//! takes longest.

use anyhow::Result;
use lab::packages::{self, Use};
use lab::programs::unpacked;
use lab::{kernel, nextest};

use crate::bench::{self, Scale};
use crate::{cli, test};

/// Brings it all here; does nothing where it is.
pub(crate) fn run(args: &cli::Setup, yes: bool) -> Result<()> {
    let needs = if args.bench { Use::Rag } else { Use::Vm };
    packages::ensure(needs, yes)?;
    unpacked::busybox()?;
    nextest::path()?;
    for series in test::KERNELS {
        let kernel = kernel::find(series)?;
        println!("kernel {}: {}", kernel.release, kernel.image.display());
    }
    if args.bench {
        bench::setup()?;
        bench::RAG.kit(Scale::Emulated)?;
    }
    Ok(())
}
