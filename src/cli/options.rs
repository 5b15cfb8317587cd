// SPDX-License-Identifier: GPL-2.0-only
//! The loader's options. Those that go to the program and to a run whole stand in tunables.rs and
//! sched/plan.rs.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use strategy::{Prefer, Strategy};

use crate::auto::AutoArgs;
use crate::metrics::MetricsArgs;
use crate::policy::Policy;
use crate::sched::RunOptions;
use crate::tunables::Tunables;
use crate::weights;
use crate::weights::{PolicyList, Rotate, Weights};

/// Options of the loader.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// Read this file of options in place of /etc/scx_meta/config.toml, which need not be there; what is
    /// typed has the last word
    #[arg(long, value_name = "FILE", allow_hyphen_values = true)]
    pub(super) config: Option<PathBuf>,

    /// Options of this mode of the file
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub(super) mode: Option<String>,

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

    #[command(flatten)]
    pub(super) auto: AutoArgs,

    #[command(flatten)]
    pub(super) metrics: MetricsArgs,

    #[command(flatten)]
    pub(super) tunables: Tunables,

    /// Hold one policy from the start, until `scx_meta unpin`
    #[arg(long, value_name = "POLICY", allow_hyphen_values = true)]
    pub(super) pin: Option<Policy>,

    #[command(flatten)]
    pub(super) run: RunOptions,

    /// List the policies with their ids, also as bpftool bytes, and exit
    #[arg(long)]
    pub(super) list_policies: bool,

    /// Print what libbpf and the scx library say
    #[arg(short, long)]
    pub(super) verbose: bool,
}
