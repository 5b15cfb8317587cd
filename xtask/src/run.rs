// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask run`: the main job, in the virtual machine or right here.

use std::ffi::OsString;
use std::time::Duration;
use std::{env, fs};

use anyhow::{bail, Context, Result};
use lab::packages::{self, Use};
use lab::programs::cargo;
use lab::{apt, kernel, vm};
use labkit::clock::Clock;
use labkit::demo;

use crate::cli;

const SCHED_EXT: &str = "/sys/kernel/sched_ext";
/// Beside the measured time: start, load, summary, emulated.
const MARGIN: Duration = Duration::from_secs(300);

/// Runs it where the options say; the exit status.
pub(crate) fn run(args: &cli::Run, yes: bool) -> Result<i32> {
    if args.here {
        return here(args.seconds, yes).map(|()| 0);
    }
    packages::ensure(Use::Vm, yes)?;
    let kernel = kernel::find(args.machine.kernel())?;
    let scx_meta = cargo::scx_meta()?;
    let machine = vm::Vm {
        kernel,
        hardware: args.machine.hardware()?,
        clock: Clock::Host,
        timeout: Duration::from_secs(args.seconds) + MARGIN,
        console: None,
    };
    let own = env::current_exe().context("cannot tell where this program is")?;
    let words: [OsString; 6] = [
        own.into(),
        "guest-run".into(),
        "--seconds".into(),
        args.seconds.to_string().into(),
        "--scx-meta".into(),
        scx_meta.into(),
    ];
    Ok(vm::run(&machine, &vm::Job::new(words))?.status)
}

fn here(seconds: u64, yes: bool) -> Result<()> {
    if fs::metadata(SCHED_EXT).is_err() {
        bail!("this kernel has no sched_ext; without --here the job runs in a virtual machine");
    }
    if !apt::is_root() {
        bail!("--here loads a scheduler and needs root: sudo env PATH=\"$PATH\" cargo xtask run --here");
    }
    packages::ensure(Use::Load, yes)?;
    let scx_meta = cargo::scx_meta()?;
    let owner = fs::read_to_string(format!("{SCHED_EXT}/root/ops"));
    let owner = owner.unwrap_or_else(|_| "the kernel's default".to_string());
    eprintln!("scheduler in charge of this machine: {}", owner.trim());
    eprintln!("scx_meta will replace it for {seconds} s, under this load: perf bench sched");
    eprintln!("messaging, busy tasks on every CPU, forks by stress-ng, a wake-up probe");
    packages::confirm("Load scx_meta on this machine?", yes)?;
    demo::run(&demo::Args {
        seconds,
        scx_meta: Some(scx_meta),
    })
}
