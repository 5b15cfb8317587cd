// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask`: the lab. Its only prerequisite is a Rust toolchain.

mod apt;
mod bench;
mod build;
mod busybox;
mod calibrate;
mod clean;
mod cli;
mod command;
mod cpio;
mod fleet;
mod guest_clock;
mod kernel;
mod machines;
mod nextest;
mod packages;
mod paths;
mod pipeline;
mod rag;
mod run;
mod setup;
mod soak;
mod test;
mod topology;
mod verifier;
mod vm;
mod warm;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use labkit::demo;

use crate::cli::{Cli, Command};
use crate::packages::Use;
use crate::pipeline::Which;
use crate::rag::Scale;

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
            Some(action) => warm::run(action, cli.yes),
            None => in_vm(&args.once, cli.yes),
        },
        Command::Run(args) => run::run(args, cli.yes).map(as_status),
        Command::Test(args) => test::run(args, cli.yes).map(|passed| u8::from(!passed)),
        Command::Soak(args) => soak::run(args, cli.yes).map(|sound| u8::from(!sound)),
        Command::Bench(args) => in_bench(args, cli.yes).map(|()| 0),
        Command::Calibrate(args) => calibrate::run(args, cli.yes).map(|()| 0),
        Command::Verifier => verifier::run(cli.yes).map(|()| 0),
        Command::Setup(args) => setup::run(args, cli.yes).map(|()| 0),
        Command::Clean => clean::run().map(|()| 0),
        Command::GuestRun(args) => demo::run(args).map(|()| 0),
        Command::GuestClock { what } => guest_clock::run(*what).map(|()| 0),
        Command::GuestAgent { port } => vm::warm::agent(port).map(|()| 0),
        Command::GuestTest { argv } => test::guest::run(argv).map(as_status),
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
        let rag = rag::tools(Scale::Emulated)?;
        job.files.extend(rag.files);
        job.folders.extend(rag.folders);
        let set = rag.set.join("\n");
        job.env.insert("RAG_SET".to_string(), set.into());
    }
    let done = vm::run(&machine, &job)?;
    Ok(as_status(done.status))
}

fn in_bench(bench: &cli::Bench, yes: bool) -> Result<()> {
    let (which, args) = match bench {
        cli::Bench::Mechanism(mechanism) => return bench::run(mechanism, yes),
        cli::Bench::Clocks(args) => return bench::clocks::run(args, yes),
        cli::Bench::Policies(args) => return bench::policies::run(args, yes),
        cli::Bench::Rag(args) => (Which::Rag, args),
        cli::Bench::Messaging(args) => (Which::Messaging, args),
        cli::Bench::Web(args) => (Which::Web, args),
        cli::Bench::Breakdown(args) => (Which::Breakdown, args),
    };
    pipeline::run(which, args, yes)
}

fn as_status(status: i32) -> u8 {
    u8::try_from(status).unwrap_or(1)
}
