// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask verifier`: writes bpf/VERIFIER.md again.

use std::ffi::OsString;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use lab::fleet::{self, Machine};
use lab::packages::{self, Use};
use lab::programs::cargo::{self, Profile};
use lab::vm::{Hardware, Job, Vm};
use lab::{command, kernel, paths};
use labkit::clock::Clock;

use super::{figures, MICROBENCH};

/// Longest time on one kernel, emulated on a slow machine.
const LIMIT: Duration = Duration::from_secs(900);

/// Asks the verifiers of these kernels.
pub(crate) fn run(kernels: &[&str], yes: bool) -> Result<()> {
    packages::ensure(Use::Vm, yes)?;
    let programs = cargo::bench(MICROBENCH, Profile::Release)?;
    let machine = |name: &&str| -> Result<Machine> {
        let words: [OsString; 5] = [
            programs.bench.clone().into(),
            "measure".into(),
            "verifier".into(),
            "--scx-meta".into(),
            programs.scx_meta.clone().into(),
        ];
        let mut job = Job::new(words);
        job.keep_output = true;
        job.quiet = true;
        Ok(Machine {
            label: (*name).to_string(),
            vm: Vm {
                kernel: kernel::find(name)?,
                hardware: Hardware::default(),
                clock: Clock::Host,
                timeout: LIMIT,
                console: None,
            },
            job,
        })
    };
    let machines = kernels.iter().map(machine).collect::<Result<_>>()?;
    let raw = fleet::run(machines, &paths::lab_dir("verifier")?)?;
    let mut report = Command::new(&programs.bench);
    report.args(figures("verifier", &raw));
    command::run(report.arg("--out").arg(paths::repo().join("bpf")))
}
