// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask`: the lab. Its only prerequisite is a Rust toolchain.

mod apt;
mod bench;
mod build;
mod busybox;
mod clean;
mod cli;
mod command;
mod cpio;
mod guest;
mod kernel;
mod packages;
mod paths;
mod run;
mod setup;
mod test;
mod virtiofsd;
mod vm;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;

use crate::cli::Cli;
use crate::cli::Command;
use crate::packages::Use;

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
        Command::Vm(args) => in_vm(args, cli.yes),
        Command::Run(args) => run::run(args, cli.yes).map(as_status),
        Command::Test(args) => test::run(args, cli.yes).map(|passed| u8::from(!passed)),
        Command::Bench(args) => bench::run(args, cli.yes).map(|()| 0),
        Command::Setup(args) => setup::run(args, cli.yes).map(|()| 0),
        Command::Clean => clean::run().map(|()| 0),
        Command::GuestRun(args) => guest::run(args).map(|()| 0),
    }
}

fn in_vm(args: &cli::Vm, yes: bool) -> Result<u8> {
    packages::ensure(Use::Vm, yes)?;
    let machine = vm::Vm {
        kernel: kernel::find(&args.machine.kernel)?,
        cpus: args.machine.cpus,
        memory: args.machine.memory.clone(),
        deterministic: args.deterministic,
        timeout: Duration::from_secs(args.timeout),
        console: args.console.clone(),
    };
    let mut job = vm::Job::new(&args.argv);
    job.files.clone_from(&args.with);
    let done = vm::run(&machine, &job)?;
    Ok(as_status(done.status))
}

fn as_status(status: i32) -> u8 {
    u8::try_from(status).unwrap_or(1)
}
