// SPDX-License-Identifier: GPL-2.0-only
//! The loader's options with their ranges.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use strategy::{Prefer, Strategy};

use crate::bpf::abi;
use crate::policy::Policy;
use crate::sched::{Handover, OnEjection, Steal};
use crate::weights;
use crate::weights::{PolicyList, Rotate, Weights};

/// Options of the loader.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Policies to load; only these can get a weight later [default: all]
    #[arg(long, value_name = "NAME,…", allow_hyphen_values = true)]
    pub(super) policies: Option<PolicyList>,

    /// Share of each rotation, from 0 to 1000000; unlisted is 0
    /// [default: eevdf is held, or the first of --policies if it is not among them]
    #[arg(long, value_name = "NAME=N,…", allow_hyphen_values = true)]
    pub(super) weights: Option<Weights>,

    /// The same share for each of these, or for `all` but central and pair
    #[arg(
        long,
        value_name = "all|NAME,…",
        allow_hyphen_values = true,
        conflicts_with_all = ["weights", "strategy"]
    )]
    pub(super) rotate: Option<Rotate>,

    /// Compute the weights; all but round-robin need --profile
    #[arg(
        long,
        value_name = "NAME",
        allow_hyphen_values = true,
        value_enum,
        conflicts_with = "weights"
    )]
    pub(super) strategy: Option<Strategy>,

    /// What was measured of the applications, in TOML; see
    /// contrib/profile.example.toml
    #[arg(
        long,
        value_name = "FILE",
        allow_hyphen_values = true,
        requires = "strategy",
        conflicts_with = "weights"
    )]
    pub(super) profile: Option<PathBuf>,

    /// What makes a policy the one that an application prefers
    #[arg(long, value_name = "WHAT", allow_hyphen_values = true, value_enum, default_value_t = Prefer::Throughput, requires = "profile")]
    pub(super) prefer: Prefer,

    /// Print what the strategy comes to, and end; needs no root
    #[arg(long, requires = "strategy")]
    pub(super) dry_run: bool,

    /// A rotation takes this times the policies that have a weight, or times the
    /// applications of --profile; the unit (us, ms, s) is required
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, default_value = "1800ms", value_parser = weights::parse_duration)]
    pub(super) base_slice: Duration,

    /// Time slice of a task in microseconds, from 100 to 100000
    #[arg(long, value_name = "US", allow_hyphen_values = true, default_value_t = abi::meta_limits_META_DFL_SLICE_US, value_parser = slice_us_range())]
    pub(super) slice_us: u32,

    /// What becomes of the tasks that wait when their policy leaves
    #[arg(long, value_name = "HOW", allow_hyphen_values = true, value_enum, default_value_t = Handover::Adopt)]
    pub(super) handover: Handover,

    /// The CPU that decides for the others under central
    #[arg(
        long,
        value_name = "CPU",
        allow_hyphen_values = true,
        default_value_t = 0
    )]
    pub(super) central_cpu: u32,

    /// From how far a CPU without work takes tasks of other caches under rusty
    #[arg(long, value_name = "HOW", allow_hyphen_values = true, value_enum, default_value_t = Steal::Node)]
    pub(super) rusty_steal: Steal,

    /// Length of a task's request under eevdf, such as 700us or 3ms, from 100us to 100ms
    /// [default: as in the kernel, 700us, twice that from 2 CPUs on, three times from 4, four
    /// times from 8]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = weights::parse_slice)]
    pub(super) eevdf_base_slice: Option<Duration>,
    /// Time slice of a task under bpfland in microseconds, from 100 to 100000; shorter
    /// for low weights and the more tasks wait
    #[arg(long, value_name = "US", allow_hyphen_values = true, default_value_t = abi::meta_limits_META_BPFLAND_DFL_SLICE_US, value_parser = slice_us_range())]
    pub(super) bpfland_slice_us: u32,

    /// So far, in microseconds of virtual time, bpfland puts busy tasks behind those that
    /// sleep; also the credit of a sleeper, for each of its wake-ups in 100 ms; from 0 to
    /// 1000000
    #[arg(long, value_name = "US", allow_hyphen_values = true, default_value_t = abi::meta_limits_META_BPFLAND_DFL_LAG_US, value_parser = bpfland_lag_us_range())]
    pub(super) bpfland_lag_us: u32,

    /// Under bpfland, tasks that run for less than 10 us at a time stay on their CPU
    #[arg(long)]
    pub(super) bpfland_sticky: bool,

    /// Time slice under cosmos in microseconds, from 100 to 100000; by a task's weight it is longer or
    /// shorter
    #[arg(long, value_name = "US", allow_hyphen_values = true, default_value_t = abi::meta_limits_META_COSMOS_SLICE_US, value_parser = slice_us_range())]
    pub(super) cosmos_slice_us: u32,

    /// Below this use of a CPU a task that finds none idle under cosmos waits for it, in its local queue;
    /// in percent, from 0 (never) to 95
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=95))]
    pub(super) cosmos_busy_percent: u32,

    /// Hold one policy from the start, until `scx_meta unpin`
    #[arg(long, value_name = "POLICY", allow_hyphen_values = true)]
    pub(super) pin: Option<Policy>,

    /// Schedule only tasks that asked for the class SCHED_EXT
    #[arg(long)]
    pub(super) partial: bool,

    /// The kernel ejects the scheduler when a task that could run waits longer, in
    /// seconds, from 2 to 30; 10 is too little where more than 500 busy tasks share a
    /// CPU, by slices of 20 ms
    #[arg(long, value_name = "SECS", allow_hyphen_values = true, default_value = "10", value_parser = weights::parse_watchdog)]
    pub(super) watchdog: Duration,

    /// What to do then, or after another fault: `retry` loads again after 1 s, then
    /// 2, 4, 8 and 16 s, up to 5 times within 10 minutes, with the weights, period
    /// and pin that were set; SysRq-S always ends it
    #[arg(long, value_name = "WHAT", allow_hyphen_values = true, value_enum, default_value_t = OnEjection::Retry)]
    pub(super) on_ejection: OnEjection,

    /// Print a table this often, in seconds, from 0.1 to 31536000
    #[arg(long, value_name = "SECS", allow_hyphen_values = true, value_parser = weights::parse_seconds)]
    pub(super) stats: Option<Duration>,

    /// Print JSON objects in place of the table: one a line each second, or as
    /// often as --stats says, and one at the end; with --strategy what it comes
    /// to is the first
    #[arg(long)]
    pub(super) stats_json: bool,

    /// Keep no counters: `status` shows zeros, and they cost nothing
    #[arg(long, conflicts_with_all = ["stats", "stats_json"])]
    pub(super) no_stats: bool,

    /// Record the last 1024 turns for `scx_meta turns`: cost, hand-over, and who
    /// got the CPU time
    #[arg(long)]
    pub(super) record_turns: bool,

    /// Stop by itself this many seconds after attaching, from 0.1 to 31536000
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = weights::parse_seconds)]
    pub(super) seconds: Option<Duration>,

    /// List the policies with their ids, also as bpftool bytes, and exit
    #[arg(long)]
    pub(super) list_policies: bool,

    /// Print what libbpf and the scx library say
    #[arg(short, long)]
    pub(super) verbose: bool,
}

fn slice_us_range() -> clap::builder::RangedI64ValueParser<u32> {
    let (min, max) = (
        abi::meta_limits_META_MIN_SLICE_US,
        abi::meta_limits_META_MAX_SLICE_US,
    );
    clap::value_parser!(u32).range(i64::from(min)..=i64::from(max))
}

fn bpfland_lag_us_range() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(..=i64::from(abi::meta_limits_META_BPFLAND_MAX_LAG_US))
}
