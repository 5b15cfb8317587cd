// SPDX-License-Identifier: GPL-2.0-only
//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use clap::Parser;
use clap::Subcommand;

use crate::guest;
use crate::kernel;

/// The lab of scx_meta: runs it, and tests it, on kernels with sched_ext
#[derive(Parser)]
#[command(name = "cargo xtask", version, max_term_width = 100)]
pub struct Cli {
    /// Install missing packages, and load a scheduler here, without asking
    #[arg(long, global = true)]
    pub yes: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Any command as root in a virtual machine: streams its output, returns its exit status
    ///
    /// The guest sees this machine's files, read-only, and starts in the current folder. /run and
    /// /dev/shm can be written; what is put into $LAB_OUT (/run/out) is found in target/lab/out
    /// afterwards. To set variables: `-- env NAME=VALUE CMD`. 124: the command took too long;
    /// 125: the VM did not boot or died.
    Vm(Vm),
    /// The main job: four policies taking turns under a real load, retuned half-way
    Run(Run),
    /// Host tests, then the tests that need root and sched_ext, in virtual machines
    Test(Test),
    /// Fetch and install what the other commands need, and do nothing else
    Setup,
    /// Remove what the lab put on disk; name what removes its packages
    Clean,
    /// The half of `run` that runs in the guest
    #[command(hide = true)]
    GuestRun(guest::Args),
}

/// Options of `run`.
#[derive(Args)]
pub struct Run {
    /// Seconds that the policies take turns, 8 to 86400
    #[arg(long, value_name = "N", default_value = "30", value_parser = guest::parse_seconds)]
    pub seconds: u64,
    /// In a virtual machine (the default)
    #[arg(long, conflicts_with = "here")]
    pub vm: bool,
    /// On this machine: names the scheduler in charge and asks first; needs root
    #[arg(long)]
    pub here: bool,
    #[command(flatten)]
    pub machine: Machine,
}

/// Options of `test`.
#[derive(Args)]
pub struct Test {
    /// Only tests whose names contain this
    pub filter: Option<String>,
    /// Kernel for the guest tests (repeatable) [default: 6.18 and 7.3]
    #[arg(long, value_name = "K", conflicts_with = "host_only")]
    pub kernel: Vec<String>,
    /// Only the tests that need no virtual machine
    #[arg(long)]
    pub host_only: bool,
}

/// Options of `vm`.
#[derive(Args)]
pub struct Vm {
    #[command(flatten)]
    pub machine: Machine,
    /// Deterministic mode: another file the command needs (repeatable)
    #[arg(long, value_name = "FILE", requires = "deterministic")]
    pub with: Vec<PathBuf>,
    /// One clock that counts instructions: a run repeats to the nanosecond, and vCPUs take turns
    ///
    /// The guest has the command, the files that its words name, their libraries, bash, bpftool,
    /// perf, stress-ng and busybox, all in memory; output is printed at the end.
    #[arg(long)]
    pub deterministic: bool,
    /// Seconds the command may take, 1 to 86400
    #[arg(long, value_name = "S", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86400))]
    pub timeout: u64,
    /// Keep the kernel's console in this file
    #[arg(long, value_name = "FILE")]
    pub console: Option<PathBuf>,
    /// The command
    #[arg(last = true, required = true, value_name = "CMD")]
    pub argv: Vec<OsString>,
}

/// The virtual machine.
#[derive(Args)]
pub struct Machine {
    /// A series (6.16, 6.18, 7.3: its newest Debian kernel) or the path of a kernel image
    #[arg(long, default_value = kernel::DEFAULT)]
    pub kernel: String,
    /// Virtual CPUs, 1 to 64
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub cpus: u32,
    /// Memory of the guest
    #[arg(long, value_name = "SIZE", default_value = "4G")]
    pub memory: String,
}
