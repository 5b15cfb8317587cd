// SPDX-License-Identifier: GPL-2.0-only
//! The command line.

mod bench;
mod test;
mod vm;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use lab::{guest_clock, kernel};
use labkit::demo;

pub(crate) use self::bench::*;
pub(crate) use self::test::*;
pub(crate) use self::vm::*;

/// The lab of scx_meta: runs it, and tests it, on kernels with sched_ext
#[derive(Parser)]
#[command(name = "cargo xtask", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// Install missing packages, and load a scheduler here, without asking
    #[arg(long, global = true)]
    pub(crate) yes: bool,
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Any command as root in a virtual machine: streams its output, returns its exit status
    ///
    /// The guest has the command, the files that its words name, their libraries, bash, bpftool,
    /// perf, stress-ng and busybox, all in memory; --with brings more. To set variables: `-- env
    /// NAME=VALUE CMD`. 124: the command took too long; 125: the VM did not boot or died.
    Vm(Box<Vm>),
    /// The main job: the policies taking turns under a real load, retuned half-way
    Run(Run),
    /// All tests: those that need root and sched_ext run in guests, side by side
    ///
    /// nextest runs them; .config/nextest.toml says which machine each wants, tests/machines.toml
    /// what that is. A guest that is up already (`vm up`) is used and left up. Prints a table at
    /// its end.
    Test(Test),
    /// Faults at random, in guests, until the time is over or one does harm
    ///
    /// Each round boots a guest, loads scx_meta with all policies beside busy and sleeping tasks, and
    /// deals each kind of fault once, in random order: weights, period, pins and garbage in the maps,
    /// a loader that is stopped, frozen, killed and replaced, affinity, classes, forks, threads,
    /// cgroups, real-time tasks, CPUs that go and come. Some come two at a time. Harm is a task that
    /// waits too long or is lost, an ejection, a program that is loaded again, a trouble in the
    /// kernel's log, a guest that hangs or dies. Rounds run side by side, as many as there are cores;
    /// each says how it ended, and target/lab/soak/SEED-ROUND.console has its steps among what the
    /// kernel said. A table at the end has each kind's longest wait; with harm, also the command that
    /// does that round again, and the exit status is 1.
    Soak(Soak),
    /// What a switch costs, what it disturbs and how far it scales: tables, JSON and figures
    ///
    /// Each bench boots its machines, as many on a virtual clock at a time as there are
    /// cores, prints a table that says first how it was measured, and writes
    /// target/bench/NAME.json, figures beside it as SVG, and what was seen in each boot to
    /// target/bench/raw/NAME-*.jsonl. What an earlier run of the same bench wrote is removed before
    /// the first boot. Without options the table and the figures become docs/results/NAME.md, too.
    /// From a fresh clone `switch` and `scale` take about 20 minutes on 2 cores, `overhead` up to 60;
    /// keep the machine idle meanwhile.
    #[command(subcommand)]
    Bench(Bench),
    /// Fit the costs of `--clock parallel --costs calibrated` to this machine
    ///
    /// Measures copies, pointer chasing, fork and exec, pipes and messages here, for a minute in
    /// which the machine should do nothing else; then boots two guests a round under costs that come
    /// nearer each time. Writes lab/vclock/calibrated.toml and docs/lab-calibration.md. A round
    /// takes 4 minutes on 2 idle cores.
    Calibrate(Calibrate),
    /// What the kernel's verifier makes of each program: writes bpf/VERIFIER.md again
    ///
    /// Loads scx_meta on the kernels of `test`, with all policies and with each alone.
    Verifier,
    /// Fetch and install what the other commands need, and do nothing else
    Setup(Setup),
    /// A package for Debian: programs, unit, configuration, manual pages, completions
    ///
    /// Prints its path. Installing it starts nothing.
    Deb,
    /// Remove what the lab put on disk, reports included; name what removes its packages
    Clean,
    /// The half of `run` that runs in the guest
    #[command(hide = true)]
    GuestRun(demo::Args),
    /// The half of the parallel clock's tests that runs in the guest
    #[command(hide = true)]
    GuestClock {
        /// What to measure
        what: guest_clock::What,
    },
    /// The half of `vm up` that runs in the guest
    #[command(hide = true)]
    GuestAgent {
        /// The virtio port
        port: PathBuf,
    },
    /// Runs a test of nextest in the guest of its group
    #[command(hide = true)]
    GuestTest {
        /// The test's own command line
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        argv: Vec<OsString>,
    },
    /// Holds a guest
    #[command(hide = true)]
    VmKeep {
        /// Its name
        name: String,
    },
}

#[derive(Args)]
pub(crate) struct Run {
    /// Seconds that the policies take turns, 8 to 3600
    #[arg(long, value_name = "N", default_value = "30", value_parser = demo::parse_seconds)]
    pub(crate) seconds: u64,
    /// In a virtual machine (the default)
    #[arg(long, conflicts_with = "here")]
    pub(crate) vm: bool,
    /// On this machine: names the scheduler in charge and asks first; needs root
    #[arg(long)]
    pub(crate) here: bool,
    #[command(flatten)]
    pub(crate) machine: Machine,
}

#[derive(Args)]
pub(crate) struct Calibrate {
    /// A series (6.16, 6.18, 7.3: its newest Debian kernel) or the path of a kernel image
    #[arg(long, value_name = "K", default_value = kernel::DEFAULT)]
    pub(crate) kernel: String,
    /// How often guests are booted and the costs changed after them
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rounds: u32,
    /// Samples of each load here
    #[arg(long, value_name = "N", default_value_t = 25)]
    pub(crate) samples: usize,
    /// Samples of each load in a guest
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub(crate) guest_samples: usize,
    /// Do not measure here: take what the load program printed earlier (repeatable)
    #[arg(long, value_name = "FILE")]
    pub(crate) native: Vec<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Setup {
    /// Also what `bench` needs: see `bench NAME --help`
    #[arg(long)]
    pub(crate) bench: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use lab::vm::warm::Spec;
    use lab::vm::Hardware;
    use labkit::clock::Clock;

    use super::*;

    #[test]
    fn options_change_a_known_machine() {
        let cli = Cli::parse_from(["xtask", "vm", "up", "x", "--cpus", "3", "--kernel", "7.3"]);
        let Command::Vm(vm) = cli.command else {
            panic!("vm");
        };
        let Some(VmAction::Up(up)) = vm.action else {
            panic!("vm up");
        };
        let base = Spec {
            kernel: "6.18".to_string(),
            clock: Clock::Serial,
            hardware: Hardware {
                append: "isolcpus=1".to_string(),
                ..Hardware::default()
            },
        };
        let spec = up.spec(Some(base)).unwrap();
        assert_eq!((spec.kernel.as_str(), spec.clock), ("7.3", Clock::Serial));
        assert_eq!(spec.hardware.topology.cpus(), 3);
        assert_eq!(spec.hardware.append, "isolcpus=1");
    }

    #[test]
    fn a_command_needs_no_subcommand() {
        let cli = Cli::parse_from(["xtask", "vm", "--cpus", "4", "--", "true"]);
        let Command::Vm(vm) = cli.command else {
            panic!("vm");
        };
        assert!(vm.action.is_none());
        assert_eq!(vm.once.command.argv, ["true"]);
        assert!(Cli::try_parse_from(["xtask", "vm", "--cpus", "4"]).is_err());
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
