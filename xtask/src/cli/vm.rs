// SPDX-License-Identifier: GPL-2.0-only
//! `vm`, and what a virtual machine is like.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{ensure, Result};
use clap::{Args, Subcommand, ValueEnum};
use lab::kernel;
use lab::vm::warm::Spec;
use lab::vm::{Folder, Hardware, Job, Memory, Topology};
use labkit::clock::{Clock, Costs};

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Vm {
    #[command(subcommand)]
    pub(crate) action: Option<VmAction>,
    #[command(flatten)]
    pub(crate) once: VmOnce,
}

#[derive(Subcommand)]
pub(crate) enum VmAction {
    /// Boots a guest that stays until `down`: commands in it begin at once
    ///
    /// NAME is a machine of tests/machines.toml, which the options change, or any other name for
    /// a machine made of the options. The guest has bash, bpftool, perf, stress-ng and busybox in
    /// memory, and gets the files of each command when they are needed. It stands still between
    /// commands.
    Up(VmUp),
    /// Runs a command in a guest that is up: streams its output, returns its exit status
    ///
    /// Brings the command, the files that its words name and their libraries, unless the guest
    /// has them from before. What is left of the command's session when it has ended is killed;
    /// a process that called setsid stays. 124: the command took too long; 125: the guest died.
    Exec(VmExec),
    /// Ends a guest
    Down(VmDown),
    /// The guests that are up
    List,
}

/// The guest that is meant where none is named.
const GUEST: &str = "two";

#[derive(Args)]
pub(crate) struct VmUp {
    /// Its name
    #[arg(default_value = GUEST)]
    pub(crate) name: String,
    #[command(flatten)]
    machine: Machine,
    /// What makes the guest's time pass
    #[arg(long, value_enum)]
    clock: Option<ClockName>,
    /// With --clock parallel: what an instruction costs
    #[arg(long, value_enum, default_value_t = CostsName::Flat)]
    costs: CostsName,
}

impl VmUp {
    /// The machine that the options make of another.
    pub(crate) fn spec(&self, base: Option<Spec>) -> Result<Spec> {
        let known = base.is_some();
        let base = base.unwrap_or_else(|| Spec {
            kernel: kernel::DEFAULT.to_string(),
            clock: Clock::Host,
            hardware: Hardware::default(),
        });
        let named = self.clock.is_some() || self.costs != CostsName::Flat || !known;
        let clock = self.clock.unwrap_or(ClockName::Parallel);
        Ok(Spec {
            kernel: self.machine.kernel.clone().unwrap_or(base.kernel),
            clock: if named {
                clock.with(self.costs)?
            } else {
                base.clock
            },
            hardware: self.machine.change(base.hardware)?,
        })
    }
}

#[derive(Args)]
pub(crate) struct VmExec {
    /// The guest
    #[arg(default_value = GUEST)]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) command: VmCommand,
}

#[derive(Args)]
pub(crate) struct VmDown {
    /// The guest
    #[arg(default_value = GUEST)]
    pub(crate) name: String,
    /// All that are up
    #[arg(long, conflicts_with = "name")]
    pub(crate) all: bool,
}

#[derive(Args)]
pub(crate) struct VmCommand {
    /// Another file or folder the command needs (repeatable)
    #[arg(long, value_name = "PATH")]
    pub(crate) with: Vec<PathBuf>,
    /// Seconds of this machine that the command may take, 1 to 86400
    #[arg(long, value_name = "S", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86400))]
    pub(crate) timeout: u64,
    /// The command
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(crate) argv: Vec<OsString>,
}

impl VmCommand {
    /// The command with its files.
    pub(crate) fn job(&self) -> Result<Job> {
        let mut job = Job::new(&self.argv);
        for path in &self.with {
            if path.is_dir() {
                job.folders.push(Folder::same(path)?);
            } else {
                job.files.push(path.clone());
            }
        }
        Ok(job)
    }
}

#[derive(Args)]
pub(crate) struct VmOnce {
    #[command(flatten)]
    pub(crate) machine: Machine,
    /// With the paper's application, small; $RAG_SET has `NAME=VALUE` for --set, one a line
    #[arg(long, hide = true)]
    pub(crate) rag: bool,
    /// What makes the guest's time pass
    ///
    /// On a virtual clock (parallel, serial) a run repeats to the nanosecond, whatever else this
    /// machine does; output is printed at the end.
    #[arg(long, value_enum, default_value_t = ClockName::Host)]
    clock: ClockName,
    /// With --clock parallel: what an instruction costs
    #[arg(long, value_enum, default_value_t = CostsName::Flat)]
    costs: CostsName,
    /// Keep the kernel's console in this file
    #[arg(long, value_name = "FILE")]
    pub(crate) console: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) command: VmCommand,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub(super) enum ClockName {
    /// Real time, with all of this machine's noise
    Host,
    /// Each virtual CPU has its own time by its instructions, and they advance together
    Parallel,
    /// One clock counts instructions, and virtual CPUs take turns on it
    Serial,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub(super) enum CostsName {
    /// Each instruction the same
    Flat,
    /// By kind of instruction, caches, address spaces and interrupts
    Calibrated,
}

impl ClockName {
    pub(super) fn with(self, costs: CostsName) -> Result<Clock> {
        let costs = match costs {
            CostsName::Flat => Costs::Flat,
            CostsName::Calibrated => Costs::Calibrated,
        };
        ensure!(
            costs == Costs::Flat || self == Self::Parallel,
            "--costs calibrated: only --clock parallel knows costs"
        );
        Ok(match self {
            Self::Host => Clock::Host,
            Self::Parallel => Clock::Parallel(costs),
            Self::Serial => Clock::Serial,
        })
    }
}

impl VmOnce {
    pub(crate) fn clock(&self) -> Result<Clock> {
        self.clock.with(self.costs)
    }
}

#[derive(Args)]
pub(crate) struct Machine {
    /// A series (6.16, 6.18, 7.3: its newest Debian kernel) or the path of a kernel image [default: 6.18]
    #[arg(long, value_name = "K")]
    kernel: Option<String>,
    /// Virtual CPUs, 1 to 64 [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    cpus: Option<u32>,
    /// Virtual CPUs by NUMA nodes, sockets (each with a last-level cache), cores and threads
    ///
    /// `nodes=2,sockets=2,cores=2`: sockets are those of all nodes together, and nodes share the
    /// memory evenly. Without nodes or threads there is one of each.
    #[arg(
        long,
        value_name = "nodes=N,sockets=S,cores=C,threads=T",
        conflicts_with = "cpus"
    )]
    topology: Option<Topology>,
    /// CPUs that the machine could have, if more: whole sockets
    #[arg(long, value_name = "N")]
    maxcpus: Option<u32>,
    /// CPUs that are offline when the command starts, such as 1,4-5
    #[arg(long, value_name = "LIST", value_parser = parse_cpus)]
    offline: Option<String>,
    /// Memory of the guest [default: 4G]
    #[arg(long, value_name = "SIZE")]
    memory: Option<Memory>,
    /// More words for the kernel's command line, such as "nohz_full=1-3 isolcpus=3"
    #[arg(long, value_name = "WORDS")]
    append: Option<String>,
}

impl Machine {
    pub(crate) fn kernel(&self) -> &str {
        self.kernel.as_deref().unwrap_or(kernel::DEFAULT)
    }

    /// CPUs, memory and words for the kernel.
    pub(crate) fn hardware(&self) -> Result<Hardware> {
        self.change(Hardware::default())
    }

    /// Hardware with what the options say instead.
    fn change(&self, base: Hardware) -> Result<Hardware> {
        let flat = self.cpus.map(Topology::flat);
        let hardware = Hardware {
            topology: self.topology.or(flat).unwrap_or(base.topology),
            maxcpus: self.maxcpus.or(base.maxcpus),
            offline: self.offline.clone().or(base.offline),
            memory: self.memory.unwrap_or(base.memory),
            append: self.append.clone().unwrap_or(base.append),
        };
        hardware.check()?;
        Ok(hardware)
    }
}

/// A list of CPUs as the kernel writes one.
fn parse_cpus(text: &str) -> Result<String> {
    let number = |word: &str| word.parse::<u32>().is_ok();
    let fits = text.split(',').all(|part| match part.split_once('-') {
        Some((from, to)) => number(from) && number(to),
        None => number(part),
    });
    ensure!(fits, "expected CPUs such as 1,4-5");
    Ok(text.to_string())
}
