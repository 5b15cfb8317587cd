// SPDX-License-Identifier: GPL-2.0-only
//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{ensure, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use labkit::clock::{Clock, Costs};
use labkit::demo;

use crate::bench::policies;
use crate::bench::policies::Size;
use crate::topology::Topology;
use crate::vm::warm::Spec;
use crate::vm::{Folder, Hardware, Job, Memory};
use crate::{guest_clock, kernel};

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
    /// the first boot. From a fresh clone `switch` and `scale` take about 20 minutes on 2 cores,
    /// `overhead` up to 60; keep the machine idle meanwhile.
    #[command(subcommand)]
    Bench(Bench),
    /// Fit the costs of `--clock parallel --costs calibrated` to this machine
    ///
    /// Measures copies, pointer chasing, fork and exec, pipes and messages here, for a minute in
    /// which the machine should do nothing else; then boots two guests a round under costs that come
    /// nearer each time. Writes xtask/vclock/calibrated.toml and docs/lab-calibration.md. A round
    /// takes 4 minutes on 2 idle cores.
    Calibrate(Calibrate),
    /// What the kernel's verifier makes of each program: writes bpf/VERIFIER.md again
    ///
    /// Loads scx_meta on the kernels of `test`, with all policies and with each alone.
    Verifier,
    /// Fetch and install what the other commands need, and do nothing else
    Setup(Setup),
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

/// Options of `run`.
#[derive(Args)]
pub struct Run {
    /// Seconds that the policies take turns, 8 to 3600
    #[arg(long, value_name = "N", default_value = "30", value_parser = demo::parse_seconds)]
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
    /// Only tests whose names contain one of these, on one kernel
    pub filter: Vec<String>,
    /// How much
    #[arg(long, value_enum, default_value_t = Tier::Pr)]
    pub tier: Tier,
    /// Kernel for the guest tests (repeatable) [default: what the tier says]
    #[arg(long, value_name = "K", conflicts_with = "host_only")]
    pub kernel: Vec<String>,
    /// Only the tests that need no guest
    #[arg(long)]
    pub host_only: bool,
    /// Only the tests of one machine of tests/machines.toml
    #[arg(long, value_name = "NAME", conflicts_with = "host_only")]
    pub machine: Option<String>,
    /// Only the rows of the table of faults: prints what each injected, and how long tasks waited
    #[arg(long, conflicts_with_all = ["host_only", "filter"])]
    pub faults: bool,
    /// Leave the guests up that the run brought up
    #[arg(long)]
    pub keep: bool,
    /// With --tier nightly: begin anew, whatever an earlier run has done
    #[arg(long)]
    pub fresh: bool,
    /// With --tier nightly: sched-ext's schtest, built from its repository, runs on scx_meta too
    #[arg(long, value_name = "PATH")]
    pub schtest: Option<PathBuf>,
}

/// Options of `soak`.
#[derive(Args)]
pub struct Soak {
    /// Minutes of this machine, 1 to 1440: after them no round begins, and those under way are
    /// finished (some minutes)
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1440))]
    pub minutes: u64,
    /// The number from which all faults follow [default: another one each time; it is printed]
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// Only this round of the seed
    #[arg(long, value_name = "K", requires = "seed", conflicts_with = "minutes")]
    pub round: Option<u64>,
    #[command(flatten)]
    pub machine: Machine,
    /// What makes the guests' time pass: on a virtual clock (parallel, serial) a round repeats to the
    /// nanosecond
    #[arg(long, value_enum, default_value_t = ClockName::Parallel)]
    clock: ClockName,
    /// With --clock parallel: what an instruction costs
    #[arg(long, value_enum, default_value_t = CostsName::Flat)]
    costs: CostsName,
}

impl Soak {
    /// The clock that the options name.
    pub fn clock(&self) -> Result<Clock> {
        self.clock.with(self.costs)
    }
}

/// How much is tested.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum Tier {
    /// The tests that need no guest, and one boot: on every save
    Quick,
    /// All tests on 6.18 with short durations, and on 7.3 those of what kernels do differently
    Pr,
    /// All tests on 6.16, 6.18 and 7.3 with long durations, and a release build
    ///
    /// Goes on where an earlier run of the same sources was ended.
    Nightly,
}

impl Tier {
    /// Its profile in .config/nextest.toml.
    pub fn profile(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Pr => "pr",
            Self::Nightly => "nightly",
        }
    }

    /// The same with the faults alone.
    pub fn faults_profile(self) -> &'static str {
        match self {
            Self::Quick | Self::Pr => "faults",
            Self::Nightly => "faults-nightly",
        }
    }

    /// Which durations its tests have.
    pub fn durations(self) -> &'static str {
        match self {
            Self::Quick | Self::Pr => "pr",
            Self::Nightly => "nightly",
        }
    }
}

/// The benches.
#[derive(Subcommand)]
pub enum Bench {
    #[command(flatten)]
    Mechanism(Mechanism),
    /// The lab itself: how far a measurement repeats under each clock of a guest, and its cost
    ///
    /// perf bench sched pipe and messaging, hackbench, and cyclictest beside busy tasks, five times
    /// in each of two boots, on a quiet and on a busy host; then the host's seconds for a second of
    /// a guest of 1, 2, 4 and 8 virtual CPUs, idle and busy. 40 minutes on 2 cores.
    Clocks(ClocksBench),
    /// Every policy, and other schedulers, against EEVDF: latencies, throughput, shares
    ///
    /// On machines of 2, 4 and 8 CPUs and one with two caches, on the parallel clock with calibrated
    /// costs: wake-ups, forks and shares beside busy tasks, messaging, pipes, futexes, requests at
    /// 50, 90 and 120 % load, cached data, a storm of wake-ups; in rounds whose order is random, with
    /// EEVDF against itself as the noise floor. Prints the tables and writes docs/results/policies.md,
    /// or target/bench/policies.md where options make it a part (fewer machines, policies, loads or
    /// rounds, --debug); JSON in target/bench/policies.json. A boot has three rounds; what an earlier
    /// run with the same options and programs has measured is not measured again, so the whole may
    /// come machine by machine.
    ///
    /// `bench policies --debug --cpus 4 --policies vtime,rusty --rounds 3` takes some minutes; all of it, with
    /// --peers, hours.
    Policies(PoliciesBench),
    /// The paper's experiment: a web API with a retrieval service, profiled, tuned, compared
    ///
    /// Profiles frontend, backend and the whole under EEVDF and every policy; tries each strategy
    /// at several base slices; measures the winner, the best policy and controls afresh; writes
    /// target/bench/rag/report.html with its figures, tables as JSON beside it, and profile.toml
    /// for `scx_meta --profile`. Where there is no KVM it runs on a virtual clock, with a
    /// smaller index and a static embedding, and says so.
    ///
    /// Beside what `run` fetches: about 600 MB of Python packages and documentation in
    /// target/lab/rag.
    Rag(Pipeline),
    /// The same of perf bench sched messaging under a wake-up probe
    Messaging(Pipeline),
    /// The same of nginx under wrk beside a batch job
    Web(Pipeline),
    /// 1, 2 and 4 applications at once that prefer different policies: what is left of the gain
    Breakdown(Pipeline),
}

/// The benches of the switch itself.
#[derive(Subcommand)]
pub enum Mechanism {
    /// A switch by process replacement against a switch by scx_meta
    ///
    /// Measures in one boot what it costs to stop one scheduler and start another (scx_bpfland and
    /// scx_rusty, which cargo builds; scx_meta itself; a second program loaded beforehand), and
    /// what scx_meta's flip costs: the work itself, until the first task of the new policy runs,
    /// and until most CPUs run the new policy; then, in a second machine, what the flip does to
    /// the wake-up latency of others.
    ///
    /// Beside what `run` fetches: about 25 MB of crates for the two schedulers. Building those
    /// takes 4 minutes on 2 cores and 1.4 GB, which go again; 16 MB stay in target/lab/schedulers.
    Switch(SwitchBench),
    /// Each callback of scx_meta against schedulers of one policy
    ///
    /// Measures each callback under scx_meta pinned to one policy, against a
    /// build of the same sources with only that policy and against the kernel tree's own
    /// scheduler of that kind (scx_simple, scx_central); then perf bench sched messaging and pipe
    /// and a web server under wrk, against the same.
    ///
    /// Beside what `run` fetches: 167 MB of kernel sources, of which 3 MB of programs stay
    /// in target/lab/stock, nginx (0.5 MB, unpacked, not installed) and the packages wrk,
    /// python3-minimal and xz-utils. The builds to compare with take 2 minutes on 2 cores and 1 GB
    /// in target/lab/variants.
    Overhead(OverheadBench),
    /// How a flip's cost grows with CPUs, tasks, policies and period
    ///
    /// Measures flips on machines of 1, 2, 4 and 8 virtual CPUs, with 10 to 10,000 tasks, between
    /// each two policies, and the throughput that is left at periods from 1 s to 1 ms.
    ///
    /// Beside what `run` fetches: nothing. One more build of scx_meta takes a minute on 2 cores
    /// and 1 GB in target/lab/variants.
    Scale(ScaleBench),
}

/// Options of `bench switch`.
#[derive(Args)]
pub struct SwitchBench {
    #[command(flatten)]
    pub kernel: BenchKernel,
    /// Virtual CPUs, 2 to 64; on the host's clock no more than this machine has cores
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=64))]
    pub cpus: u32,
}

/// Options of `bench overhead`.
#[derive(Args)]
pub struct OverheadBench {
    #[command(flatten)]
    pub kernel: BenchKernel,
    /// Virtual CPUs, 2 to 64
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=64))]
    pub cpus: u32,
}

/// Options of `bench scale`.
#[derive(Args)]
pub struct ScaleBench {
    #[command(flatten)]
    pub kernel: BenchKernel,
    /// Virtual CPUs of the largest machine, 1 to 64; the others have 1, 2, 4 … of them
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub cpus: u32,
}

/// Options of `bench policies`.
#[derive(Args)]
pub struct PoliciesBench {
    /// Machines: CPUs, or caches x CPUs of each
    #[arg(
        long,
        value_name = "N,CxN,…",
        value_delimiter = ',',
        default_value = policies::SIZES
    )]
    pub cpus: Vec<Size>,
    /// Only these policies
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub policies: Vec<String>,
    /// Only these loads: wakeup, fork, threads, processes, pipe, futex, request-50, request-90,
    /// request-120, nice, cache, storm
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub loads: Vec<String>,
    /// Another sched_ext scheduler, with its options: one that the lab builds (scx_bpfland,
    /// scx_cosmos, scx_flash, scx_lavd, scx_p2dq, scx_rusty, scx_rustland), one on PATH, or a path
    /// (repeatable)
    #[arg(long, value_name = "COMMAND")]
    pub also: Vec<String>,
    /// All other schedulers that the lab can build
    #[arg(long)]
    pub peers: bool,
    /// How often everything is measured on each machine
    #[arg(long, value_name = "N", default_value_t = policies::ROUNDS, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// Decides the order, and what is random in loads
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// The document
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Debug builds of scx_meta and of what measures it: quicker to compile, while the loads are
    /// optimised as well
    #[arg(long)]
    pub debug: bool,
    /// Measure again what was measured before
    #[arg(long)]
    pub fresh: bool,
    /// A series (6.16, 6.18, 7.3: its newest Debian kernel) or the path of a kernel image
    #[arg(long, value_name = "K", default_value = kernel::DEFAULT)]
    pub kernel: String,
    /// What makes time pass where there is no KVM: host, parallel/flat, parallel/calibrated or
    /// serial (see `vm --help`)
    #[arg(long, value_name = "CLOCK", default_value_t = Clock::Parallel(Costs::Calibrated))]
    pub clock: Clock,
}

/// Options of `bench clocks`.
#[derive(Args)]
pub struct ClocksBench {
    /// Only this table
    #[arg(long, value_enum, value_name = "TABLE")]
    pub only: Option<ClocksTable>,
    /// A series (6.16, 6.18, 7.3: its newest Debian kernel) or the path of a kernel image
    #[arg(long, value_name = "K", default_value = kernel::DEFAULT)]
    pub kernel: String,
}

/// The tables of `bench clocks`.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum ClocksTable {
    /// How far the same measurement repeats
    Spread,
    /// Host seconds for a second of the guest
    Cost,
}

/// Options of the benches that profile an application.
#[derive(Args)]
pub struct Pipeline {
    #[command(flatten)]
    pub kernel: BenchKernel,
    /// Virtual CPUs, 2 to 64
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=64))]
    pub cpus: u32,
    /// Super-blocks of each stage: EEVDF, every row, EEVDF
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub rounds: u32,
    /// Comparing goes on until the winner's interval against EEVDF is this narrow, as a ratio
    #[arg(long, value_name = "RATIO", default_value_t = 0.02)]
    pub width: f64,
    /// … or so many minutes have passed
    #[arg(long = "budget", value_name = "MINUTES", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=6000))]
    pub budget_minutes: u64,
    /// The paper's scale: its index, a sentence transformer, 30 s windows; for KVM only
    #[arg(long)]
    pub full: bool,
}

/// What all benches take.
#[derive(Args)]
pub struct BenchKernel {
    /// A series (6.16, 6.18, 7.3: its newest Debian kernel) or the path of a kernel image
    #[arg(long = "kernel", value_name = "K", default_value = kernel::DEFAULT)]
    pub name: String,
    /// What makes time pass where there is no KVM: host, parallel/flat, parallel/calibrated or
    /// serial (see `vm --help`)
    #[arg(long, value_name = "CLOCK", default_value_t = Clock::Parallel(Costs::Flat))]
    pub clock: Clock,
}

/// Options of `calibrate`.
#[derive(Args)]
pub struct Calibrate {
    /// A series (6.16, 6.18, 7.3: its newest Debian kernel) or the path of a kernel image
    #[arg(long, value_name = "K", default_value = kernel::DEFAULT)]
    pub kernel: String,
    /// How often guests are booted and the costs changed after them
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// Samples of each load here
    #[arg(long, value_name = "N", default_value_t = 25)]
    pub samples: usize,
    /// Samples of each load in a guest
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub guest_samples: usize,
    /// Do not measure here: take what the load program printed earlier (repeatable)
    #[arg(long, value_name = "FILE")]
    pub native: Vec<PathBuf>,
}

/// Options of `setup`.
#[derive(Args)]
pub struct Setup {
    /// Also what `bench` needs: see `bench NAME --help`
    #[arg(long)]
    pub bench: bool,
}

/// Options of `vm`.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Vm {
    #[command(subcommand)]
    pub action: Option<VmAction>,
    #[command(flatten)]
    pub once: VmOnce,
}

/// What to do with guests that stay.
#[derive(Subcommand)]
pub enum VmAction {
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

/// Options of `vm up`.
#[derive(Args)]
pub struct VmUp {
    /// Its name
    #[arg(default_value = GUEST)]
    pub name: String,
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
    pub fn spec(&self, base: Option<Spec>) -> Result<Spec> {
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

/// Options of `vm exec`.
#[derive(Args)]
pub struct VmExec {
    /// The guest
    #[arg(default_value = GUEST)]
    pub name: String,
    #[command(flatten)]
    pub command: VmCommand,
}

/// Options of `vm down`.
#[derive(Args)]
pub struct VmDown {
    /// The guest
    #[arg(default_value = GUEST)]
    pub name: String,
    /// All that are up
    #[arg(long, conflicts_with = "name")]
    pub all: bool,
}

/// A command in a guest.
#[derive(Args)]
pub struct VmCommand {
    /// Another file or folder the command needs (repeatable)
    #[arg(long, value_name = "PATH")]
    pub with: Vec<PathBuf>,
    /// Seconds of this machine that the command may take, 1 to 86400
    #[arg(long, value_name = "S", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86400))]
    pub timeout: u64,
    /// The command
    #[arg(last = true, required = true, value_name = "CMD")]
    pub argv: Vec<OsString>,
}

impl VmCommand {
    /// The command with its files.
    pub fn job(&self) -> Result<Job> {
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

/// Options of `vm` with a command.
#[derive(Args)]
pub struct VmOnce {
    #[command(flatten)]
    pub machine: Machine,
    /// With the paper's application, small; $RAG_SET has `NAME=VALUE` for --set, one a line
    #[arg(long, hide = true)]
    pub rag: bool,
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
    pub console: Option<PathBuf>,
    #[command(flatten)]
    pub command: VmCommand,
}

/// Values of `--clock`.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum ClockName {
    /// Real time, with all of this machine's noise
    Host,
    /// Each virtual CPU has its own time by its instructions, and they advance together
    Parallel,
    /// One clock counts instructions, and virtual CPUs take turns on it
    Serial,
}

/// Values of `--costs`.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum CostsName {
    /// Each instruction the same
    Flat,
    /// By kind of instruction, caches, address spaces and interrupts
    Calibrated,
}

impl ClockName {
    fn with(self, costs: CostsName) -> Result<Clock> {
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
    /// The clock that the options name.
    pub fn clock(&self) -> Result<Clock> {
        self.clock.with(self.costs)
    }
}

/// The virtual machine.
#[derive(Args)]
pub struct Machine {
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
    /// The kernel.
    pub fn kernel(&self) -> &str {
        self.kernel.as_deref().unwrap_or(kernel::DEFAULT)
    }

    /// CPUs, memory and words for the kernel.
    pub fn hardware(&self) -> Result<Hardware> {
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

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
