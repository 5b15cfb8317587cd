// SPDX-License-Identifier: GPL-2.0-only
//! `bench`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use lab::clocks::Table;
use lab::kernel;
use lab::vm::Size;
use labkit::clock::{Clock, Costs};

/// The machines that the whole table of policies has, and the fewest rounds.
pub(crate) const SIZES: &str = "2,4,2x2,8";
pub(crate) const ROUNDS: u32 = 6;

#[derive(Subcommand)]
pub(crate) enum Bench {
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
    /// Many scenarios: is scx_meta that chooses by itself as good as the best scheduler of each?
    ///
    /// The scenarios of workloads/arena, each in guests of its own, on the parallel clock with calibrated
    /// costs; prints the page and writes docs/results/arena.md, or target/bench/arena.md where options make
    /// it a part. A boot has three rounds; what an earlier run with the same options, programs and scenario
    /// has measured is not measured again.
    Arena(ArenaBench),
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

#[derive(Subcommand)]
pub(crate) enum Mechanism {
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

#[derive(Args)]
pub(crate) struct SwitchBench {
    #[command(flatten)]
    pub(crate) kernel: BenchKernel,
    /// Virtual CPUs, 2 to 64; on the host's clock no more than this machine has cores
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=64))]
    pub(crate) cpus: u32,
}

#[derive(Args)]
pub(crate) struct OverheadBench {
    #[command(flatten)]
    pub(crate) kernel: BenchKernel,
    /// Virtual CPUs, 2 to 64
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=64))]
    pub(crate) cpus: u32,
}

#[derive(Args)]
pub(crate) struct ScaleBench {
    #[command(flatten)]
    pub(crate) kernel: BenchKernel,
    /// Virtual CPUs of the largest machine, 1 to 64; the others have 1, 2, 4 … of them
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) cpus: u32,
}

#[derive(Args)]
pub(crate) struct PoliciesBench {
    /// Machines: CPUs, or caches x CPUs of each
    #[arg(
        long,
        value_name = "N,CxN,…",
        value_delimiter = ',',
        default_value = SIZES
    )]
    pub(crate) cpus: Vec<Size>,
    /// Only these policies
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub(crate) policies: Vec<String>,
    /// Only these loads: wakeup, fork, threads, processes, pipe, futex, request-50, request-90,
    /// request-120, nice, cache, storm
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub(crate) loads: Vec<String>,
    #[command(flatten)]
    pub(crate) table: TableBench,
    /// The document
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct ArenaBench {
    /// Only these scenarios, by the names of their files
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub(crate) scenarios: Vec<String>,
    /// Two rounds, of the policies only those among which scx_meta chooses, and less time for it to choose
    #[arg(long, conflicts_with = "rounds")]
    pub(crate) quick: bool,
    /// Have the policies that are held count the signals that --auto goes by, which costs them a little:
    /// which of them tells the truth
    #[arg(long)]
    pub(crate) signals: bool,
    #[command(flatten)]
    pub(crate) table: TableBench,
}

/// What benches that measure many schedulers in rounds have in common.
#[derive(Args)]
pub(crate) struct TableBench {
    #[command(flatten)]
    pub(crate) peers: Peers,
    /// How often everything is measured on each machine
    #[arg(long, value_name = "N", default_value_t = ROUNDS, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rounds: u32,
    /// Decides the order, and what is random in loads
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Debug builds of scx_meta and of what measures it: quicker to compile, while the loads are
    /// optimised as well
    #[arg(long)]
    pub(crate) debug: bool,
    /// Measure again what was measured before
    #[arg(long)]
    pub(crate) fresh: bool,
    /// A series (6.16, 6.18, 7.3: its newest Debian kernel) or the path of a kernel image
    #[arg(long, value_name = "K", default_value = kernel::DEFAULT)]
    pub(crate) kernel: String,
    /// What makes time pass where there is no KVM: host, parallel/flat, parallel/calibrated or
    /// serial (see `vm --help`)
    #[arg(long, value_name = "CLOCK", default_value_t = Clock::Parallel(Costs::Calibrated))]
    pub(crate) clock: Clock,
}

/// Schedulers beside EEVDF and scx_meta.
#[derive(Args)]
pub(crate) struct Peers {
    /// Another sched_ext scheduler, with its options: one that the lab builds (scx_bpfland,
    /// scx_cosmos, scx_flash, scx_lavd, scx_p2dq, scx_rusty, scx_rustland), one on PATH, or a path
    /// (repeatable)
    #[arg(long, value_name = "COMMAND")]
    pub(crate) also: Vec<String>,
    /// All other schedulers that the lab can build
    #[arg(long = "peers")]
    pub(crate) all: bool,
}

#[derive(Args)]
pub(crate) struct ClocksBench {
    /// Only this table
    #[arg(long, value_enum, value_name = "TABLE")]
    pub(crate) only: Option<Table>,
    /// A series (6.16, 6.18, 7.3: its newest Debian kernel) or the path of a kernel image
    #[arg(long, value_name = "K", default_value = kernel::DEFAULT)]
    pub(crate) kernel: String,
}

#[derive(Args)]
pub(crate) struct Pipeline {
    #[command(flatten)]
    pub(crate) kernel: BenchKernel,
    /// Virtual CPUs, 2 to 64
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=64))]
    pub(crate) cpus: u32,
    /// Super-blocks of each stage: EEVDF, every row, EEVDF
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub(crate) rounds: u32,
    /// Comparing goes on until the winner's interval against EEVDF is this narrow, as a ratio
    #[arg(long, value_name = "RATIO", default_value_t = 0.02)]
    pub(crate) width: f64,
    /// … or so many minutes have passed
    #[arg(long = "budget", value_name = "MINUTES", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=6000))]
    pub(crate) budget_minutes: u64,
    /// The paper's scale: its index, a sentence transformer, 30 s windows; for KVM only
    #[arg(long)]
    pub(crate) full: bool,
}

#[derive(Args)]
pub(crate) struct BenchKernel {
    /// A series (6.16, 6.18, 7.3: its newest Debian kernel) or the path of a kernel image
    #[arg(long = "kernel", value_name = "K", default_value = kernel::DEFAULT)]
    pub(crate) name: String,
    /// What makes time pass where there is no KVM: host, parallel/flat, parallel/calibrated or
    /// serial (see `vm --help`)
    #[arg(long, value_name = "CLOCK", default_value_t = Clock::Parallel(Costs::Flat))]
    pub(crate) clock: Clock,
}
