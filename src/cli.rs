// SPDX-License-Identifier: GPL-2.0-only
//! The command line: options with their ranges, and which part answers each.

use std::io::stdout;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::ensure;
use anyhow::Context;
use anyhow::Result;
use clap::Args;
use clap::Parser;
use clap::Subcommand;

use crate::bpf::abi;
use crate::live;
use crate::live::Knobs;
use crate::live::Live;
use crate::logging;
use crate::policy::Policy;
use crate::preflight;
use crate::preflight::Machine;
use crate::sched;
use crate::sched::Handover;
use crate::sched::Plan;
use crate::sched::Report;
use crate::sched::Stop;
use crate::stats::Snapshot;
use crate::turns;
use crate::weights;
use crate::weights::Assignment;
use crate::weights::PolicyList;
use crate::weights::Weights;

/// How often `--stats-json` prints when `--stats` does not say.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "\
Examples:
  scx_meta --weights fifo=1,vtime=3 --base-slice 100ms --stats 1
  scx_meta set fifo=3 vtime=1 period=3600ms
  scx_meta pin nest
  bpftool -j map dump pinned /sys/fs/bpf/scx_meta/weights";

/// Several CPU scheduling policies in one BPF program, switched in the kernel
/// by weights that can be changed while it runs.
///
/// Without a subcommand it loads the program and stays until Ctrl-C, SIGTERM
/// or --seconds; then the kernel's own scheduler is back.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do instead of loading the program.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to load it.
    #[command(flatten)]
    pub run: RunArgs,
}

/// Options of the loader.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Policies to load; only these can get a weight later [default: all]
    #[arg(long, value_name = "NAME,…")]
    policies: Option<PolicyList>,

    /// Share of each rotation, from 0 to 1000000; unlisted is 0
    /// [default: all policies 1, central 0]
    #[arg(long, value_name = "NAME=N,…")]
    weights: Option<Weights>,

    /// A rotation takes this times the policies that have a weight; the unit
    /// (us, ms, s) is required
    #[arg(long, value_name = "TIME", default_value = "1800ms", value_parser = weights::parse_duration)]
    base_slice: Duration,

    /// Time slice of a task in microseconds, from 100 to 100000
    #[arg(long, value_name = "US", default_value_t = abi::meta_limits_META_DFL_SLICE_US, value_parser = slice_us_range())]
    slice_us: u32,

    /// What becomes of the tasks that wait when their policy leaves
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Handover::Adopt)]
    handover: Handover,

    /// The CPU that decides for the others under central
    #[arg(long, value_name = "CPU", default_value_t = 0)]
    central_cpu: u32,

    /// Hold one policy from the start, until `scx_meta unpin`
    #[arg(long, value_name = "POLICY")]
    pin: Option<Policy>,

    /// Schedule only tasks that asked for the class SCHED_EXT
    #[arg(long)]
    partial: bool,

    /// Print a table this often, in seconds, at least 0.1
    #[arg(long, value_name = "SECS", value_parser = weights::parse_seconds)]
    stats: Option<Duration>,

    /// Print JSON objects in place of the table: one a line each second, or as
    /// often as --stats says, and one at the end
    #[arg(long)]
    stats_json: bool,

    /// Keep no counters: `status` shows zeros, and they cost nothing
    #[arg(long, conflicts_with_all = ["stats", "stats_json"])]
    no_stats: bool,

    /// Record the last 1024 turns for `scx_meta turns`: cost, hand-over, and who
    /// got the CPU time
    #[arg(long)]
    record_turns: bool,

    /// Stop by itself this many seconds after attaching
    #[arg(long, value_name = "N", value_parser = weights::parse_seconds)]
    seconds: Option<Duration>,

    /// List the policies with their ids, also as bpftool bytes, and exit
    #[arg(long)]
    list_policies: bool,

    /// Print what libbpf and the scx library say
    #[arg(short, long)]
    verbose: bool,
}

/// What can be done beside loading the program.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Change weights and the period of the running scx_meta
    Set {
        /// `fifo=3`, `period=3600ms` (the length of a whole rotation)
        #[arg(value_name = "NAME=VALUE", required = true, value_delimiter = ',')]
        items: Vec<Assignment>,
    },
    /// Hold one policy, whatever the weights say
    Pin {
        /// A name of --list-policies
        policy: Policy,
    },
    /// Let the weights decide again
    Unpin,
    /// Show what the running scx_meta does
    Status {
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Show the last turns of a scx_meta that runs with --record-turns
    Turns {
        /// One JSON array
        #[arg(long)]
        json: bool,
    },
    /// Check what this machine needs to run scx_meta
    Doctor,
}

fn slice_us_range() -> clap::builder::RangedI64ValueParser<u32> {
    let (min, max) = (
        abi::meta_limits_META_MIN_SLICE_US,
        abi::meta_limits_META_MAX_SLICE_US,
    );
    clap::value_parser!(u32).range(i64::from(min)..=i64::from(max))
}

/// Does what the command line says.
pub fn run() -> Result<ExitCode> {
    let cli = Cli::parse();
    logging::init(cli.run.verbose);
    let machine = Machine::default();
    let mut out = stdout();
    match cli.command {
        None if cli.run.list_policies => list_policies(&mut out)?,
        None => load(&cli.run, &machine)?,
        Some(Command::Set { items }) => {
            weights::check_assignments(&items)?;
            live::set(&Live::open(&machine)?, &items, &mut out)?;
        }
        Some(Command::Pin { policy }) => {
            live::set_pin(&Live::open(&machine)?, Some(policy), &mut out)?;
        }
        Some(Command::Unpin) => live::set_pin(&Live::open(&machine)?, None, &mut out)?,
        Some(Command::Status { json }) => status(&machine, json, &mut out)?,
        Some(Command::Turns { json }) => recorded_turns(&machine, json, &mut out)?,
        Some(Command::Doctor) => {
            if !preflight::doctor(&machine, &mut out)? {
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn load(args: &RunArgs, machine: &Machine) -> Result<()> {
    let plan = args.plan()?;
    let stop = Stop::on_signals()?;
    sched::run(&plan, machine, &stop)
}

fn status(machine: &Machine, json: bool, out: &mut impl Write) -> Result<()> {
    let snapshot = Snapshot::take(&Live::open(machine)?)?;
    if json {
        writeln!(out, "{}", snapshot.json(None))?;
    } else {
        write!(out, "{}\n{}", snapshot.headline(), snapshot.table(None))?;
    }
    Ok(())
}

fn recorded_turns(machine: &Machine, json: bool, out: &mut impl Write) -> Result<()> {
    let turns = turns::read(&Live::open(machine)?)?;
    if json {
        writeln!(out, "{}", turns::json(&turns))?;
    } else {
        write!(out, "{}", turns::table(&turns))?;
    }
    Ok(())
}

fn list_policies(out: &mut impl Write) -> Result<()> {
    writeln!(
        out,
        "{:<10}{:>3}  {:<12}description",
        "name", "id", "bpftool"
    )?;
    for policy in Policy::all() {
        let (id, bytes) = (policy.id(), live::bpftool_bytes(policy.id()));
        let (name, description) = (policy.name(), policy.description());
        writeln!(out, "{name:<10}{id:>3}  {bytes:<12}{description}")?;
    }
    Ok(())
}

impl RunArgs {
    /// Resolves defaults and refuses options that contradict each other.
    pub fn plan(&self) -> Result<Plan> {
        let policies = self.policies.clone().unwrap_or_else(PolicyList::all);
        let weights = match &self.weights {
            Some(weights) => weights.clone(),
            None => policies.default_weights(),
        };
        weights.check_available(&policies)?;
        if let Some(policy) = self.pin {
            ensure!(
                policies.contains(policy),
                "--pin {policy}: not among --policies"
            );
        }
        let period = self
            .base_slice
            .checked_mul(weights.in_rotation())
            .context("--base-slice: too long")?;
        let period_us = weights::period_us(period).with_context(|| {
            let turns = weights.in_rotation();
            format!("--base-slice times {turns} policies in rotation")
        })?;
        let report = (self.stats.is_some() || self.stats_json).then(|| Report {
            interval: self.stats.unwrap_or(DEFAULT_INTERVAL),
            json: self.stats_json,
        });
        Ok(Plan {
            policies,
            knobs: Knobs {
                weights,
                period_us,
                pin: self.pin,
            },
            slice_us: self.slice_us,
            handover: self.handover,
            central_cpu: self.central_cpu,
            partial: self.partial,
            seconds: self.seconds,
            report,
            counting: !self.no_stats,
            record_turns: self.record_turns,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn plan(args: &[&str]) -> Result<Plan> {
        let args = ["scx_meta"].iter().chain(args);
        Cli::try_parse_from(args)?.run.plan()
    }

    fn error(args: &[&str]) -> String {
        format!("{:#}", plan(args).unwrap_err())
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn defaults_rotate_three_policies_for_1800_ms_each() {
        let plan = plan(&[]).unwrap();
        assert_eq!(plan.knobs.period_us, 3 * 1_800_000);
        assert_eq!(plan.slice_us, 20_000);
        assert!(plan.report.is_none());
    }

    #[test]
    fn the_period_counts_policies_with_a_weight() {
        let plan = plan(&["--weights", "fifo=1,vtime=3", "--base-slice", "100ms"]).unwrap();
        assert_eq!(plan.knobs.period_us, 200_000);
    }

    #[test]
    fn json_has_an_interval_of_its_own() {
        let report = plan(&["--stats-json"]).unwrap().report.unwrap();
        assert_eq!(report.interval, DEFAULT_INTERVAL);
        assert!(report.json);
        let report = plan(&["--stats", "0.5"]).unwrap().report.unwrap();
        assert_eq!(report.interval, Duration::from_millis(500));
        assert!(!report.json);
    }

    #[test]
    fn errors_name_the_option_and_the_item() {
        for (args, expected) in [
            (
                &["--weights", "fifo=1,foo=2"][..],
                &["--weights", "`foo`", "known: fifo"][..],
            ),
            (&["--policies", "fifo,fifo"], &["--policies", "named twice"]),
            (
                &["--policies", "fifo", "--weights", "nest=1"],
                &["--weights", "`nest=1`"],
            ),
            (&["--policies", "fifo", "--pin", "nest"], &["--pin nest"]),
            (&["--pin", "nestt"], &["--pin", "`nestt`", "known:"]),
            (&["--base-slice", "1800"], &["--base-slice", "no unit"]),
            (&["--base-slice", "1h"], &["--base-slice", "out of range"]),
            (&["--slice-us", "99"], &["--slice-us", "100..=100000"]),
            (&["--seconds", "0"], &["--seconds", "0.1"]),
        ] {
            let error = error(args);
            for part in expected {
                assert!(error.contains(part), "{args:?}: {part}: {error}");
            }
        }
    }

    #[test]
    fn help_states_the_ranges_that_are_enforced() {
        let help = Cli::command().render_help().to_string();
        for (min, max) in [
            (
                abi::meta_limits_META_MIN_SLICE_US,
                abi::meta_limits_META_MAX_SLICE_US,
            ),
            (0, abi::meta_limits_META_MAX_WEIGHT),
        ] {
            assert!(help.contains(&format!("from {min} to {max}")), "{help}");
        }
    }

    #[test]
    fn assignments_may_be_words_or_one_list() {
        for args in [
            &["set", "fifo=3", "vtime=1"][..],
            &["set", "fifo=3,vtime=1"],
        ] {
            let args = ["scx_meta"].iter().chain(args);
            let cli = Cli::try_parse_from(args).unwrap();
            let Some(Command::Set { items }) = cli.command else {
                panic!("not a set");
            };
            assert_eq!(items.len(), 2);
        }
    }
}
