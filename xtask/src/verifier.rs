// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask verifier`: writes bpf/VERIFIER.md again.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use labkit::clock::Clock;

use crate::packages::Use;
use crate::test::KERNELS;
use crate::{bench, command, kernel, packages, paths, vm};

/// Longest time on one kernel, emulated on a slow machine.
const LIMIT: Duration = Duration::from_secs(900);

/// Asks each kernel that counts.
pub fn run(yes: bool) -> Result<()> {
    packages::ensure(Use::Vm, yes)?;
    let programs = bench::programs(bench::MICROBENCH)?;
    let folder = paths::lab_dir("verifier")?;
    let mut raw: Vec<PathBuf> = Vec::new();
    for name in KERNELS {
        let machine = vm::Vm {
            kernel: kernel::find(name)?,
            hardware: vm::Hardware::default(),
            clock: Clock::Host,
            timeout: LIMIT,
            console: None,
        };
        let words: [OsString; 5] = [
            programs.bench.clone().into(),
            "measure".into(),
            "verifier".into(),
            "--scx-meta".into(),
            programs.scx_meta.clone().into(),
        ];
        let mut job = vm::Job::new(words);
        job.keep_output = true;
        job.quiet = true;
        let done = vm::run(&machine, &job).with_context(|| format!("verifier: kernel {name}"))?;
        raw.push(bench::keep(&done, &folder, name)?);
    }
    let mut figures = Command::new(&programs.bench);
    figures.args(["figures", "verifier", "--raw"]).args(&raw);
    figures.arg("--out").arg(paths::repo().join("bpf"));
    command::run(&mut figures)
}
