// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask`: the lab's command line. Its only prerequisite is a Rust toolchain.

mod bench;
mod clean;
mod cli;
mod deb;
mod run;
mod setup;
mod test;
mod warm;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use lab::packages::{self, Use};
use lab::programs::cargo;
use lab::{calibrate, guest_clock, kernel, nextest, soak, vm};
use labkit::demo;

use crate::bench::Scale;
use crate::cli::{Cli, Command};

/// As timeout(1) has it.
const TIMED_OUT: u8 = 124;
/// The lab failed, not the command in it.
const LAB_FAILED: u8 = 125;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(&cli) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(match error.downcast_ref() {
                Some(vm::Failure::TimedOut(..)) => TIMED_OUT,
                Some(_) => LAB_FAILED,
                None => 1,
            })
        }
    }
}

fn dispatch(cli: &Cli) -> Result<u8> {
    match &cli.command {
        Command::Vm(args) => match &args.action {
            Some(action) => warm::run(action, cli.yes).map(as_status),
            None => in_vm(&args.once, cli.yes),
        },
        Command::Run(args) => run::run(args, cli.yes).map(as_status),
        Command::Test(args) => test::run(args, cli.yes).map(|passed| u8::from(!passed)),
        Command::Soak(args) => in_soak(args, cli.yes).map(|sound| u8::from(!sound)),
        Command::Bench(args) => bench::run(args, cli.yes).map(|()| 0),
        Command::Calibrate(args) => in_calibrate(args, cli.yes).map(|()| 0),
        Command::Verifier => bench::verifier::run(&test::KERNELS, cli.yes).map(|()| 0),
        Command::Setup(args) => setup::run(args, cli.yes).map(|()| 0),
        Command::Deb => deb::run(cli.yes).map(|()| 0),
        Command::Clean => clean::run().map(|()| 0),
        Command::GuestRun(args) => demo::run(args).map(|()| 0),
        Command::GuestClock { what } => guest_clock::run(*what).map(|()| 0),
        Command::GuestAgent { port } => vm::warm::agent(port).map(|()| 0),
        Command::GuestTest { argv } => nextest::guest::run(argv).map(as_status),
        Command::VmKeep { name } => vm::warm::keep(name).map(|()| 0),
    }
}

fn in_vm(args: &cli::VmOnce, yes: bool) -> Result<u8> {
    packages::ensure(Use::Vm, yes)?;
    let machine = vm::Vm {
        kernel: kernel::find(args.machine.kernel())?,
        hardware: args.machine.hardware()?,
        clock: args.clock()?,
        timeout: Duration::from_secs(args.command.timeout),
        console: args.console.clone(),
    };
    let mut job = args.command.job()?;
    if args.rag {
        packages::ensure(Use::Rag, yes)?;
        let rag = bench::RAG.kit(Scale::Emulated)?;
        job.files.extend(rag.files);
        job.folders.extend(rag.folders);
        let set = rag.set.join("\n");
        job.env.insert("RAG_SET".to_string(), set.into());
    }
    let done = vm::run(&machine, &job)?;
    Ok(as_status(done.status))
}

fn in_soak(args: &cli::Soak, yes: bool) -> Result<bool> {
    packages::ensure(Use::Vm, yes)?;
    let setup = soak::Setup {
        kernel: kernel::find(args.machine.kernel())?,
        hardware: args.machine.hardware()?,
        clock: args.clock()?,
        seed: args.seed.unwrap_or_else(soak::fresh_seed),
        tests: cargo::guest_tests()?,
    };
    let until = match args.round {
        Some(round) => soak::Until::Round(round),
        None => soak::Until::Time(Duration::from_secs(60 * args.minutes)),
    };
    soak::run(&setup, &until)
}

fn in_calibrate(args: &cli::Calibrate, yes: bool) -> Result<()> {
    packages::ensure(Use::Vm, yes)?;
    calibrate::run(&calibrate::Options {
        kernel: kernel::find(&args.kernel)?,
        rounds: args.rounds,
        samples: args.samples,
        guest_samples: args.guest_samples,
        native: &args.native,
    })
}

fn as_status(status: i32) -> u8 {
    u8::try_from(status).unwrap_or(1)
}
