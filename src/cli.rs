// SPDX-License-Identifier: GPL-2.0-only
//! The command line: options with their ranges, and which part answers each.

use std::io::{stdout, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use strategy::profile::Profile;
use strategy::{Allotment, Prefer, Strategy};

use crate::bpf::abi;
use crate::live::{Knobs, Live};
use crate::machine::Machine;
use crate::policy::Policy;
use crate::sched::{Bpfland, Handover, OnEjection, Outcome, Plan, Report, Steal, StopSignals};
use crate::stats::Snapshot;
use crate::weights::{Assignment, PolicyList, Rotate, Weights};
use crate::{live, logging, output, preflight, sched, set, turns, weights};

/// How often `--stats-json` prints when `--stats` does not say.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);

/// The kernel ended the scheduler: by an ejection, or since somebody pressed SysRq-S or unregistered
/// it. A service manager must not start it again: contrib/scx_meta.service names this status.
const ENDED: u8 = 3;

/// As clap ends the process when it refuses a command line.
const USAGE: u8 = 2;

const EXAMPLES: &str = "\
Examples:
  scx_meta --weights fifo=1,vtime=3 --base-slice 100ms --stats 1
  scx_meta --profile profile.toml --strategy benefit --dry-run
  scx_meta set fifo=3 vtime=1 period=3600ms
  scx_meta pin nest
  bpftool -j map dump pinned /sys/fs/bpf/scx_meta/weights

Exit status:
  0  it was stopped by a signal or --seconds
  1  it could not be started, or failed
  2  the command line was refused
  3  the kernel ended the scheduler: an ejection, SysRq-S, or somebody unregistered it";

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
    #[arg(long, value_name = "NAME,…", allow_hyphen_values = true)]
    policies: Option<PolicyList>,

    /// Share of each rotation, from 0 to 1000000; unlisted is 0
    /// [default: eevdf is held, or the first of --policies if it is not among them]
    #[arg(long, value_name = "NAME=N,…", allow_hyphen_values = true)]
    weights: Option<Weights>,

    /// The same share for each of these, or for `all` but central and pair
    #[arg(
        long,
        value_name = "all|NAME,…",
        allow_hyphen_values = true,
        conflicts_with_all = ["weights", "strategy"]
    )]
    rotate: Option<Rotate>,

    /// Compute the weights; all but round-robin need --profile
    #[arg(
        long,
        value_name = "NAME",
        allow_hyphen_values = true,
        value_enum,
        conflicts_with = "weights"
    )]
    strategy: Option<Strategy>,

    /// What was measured of the applications, in TOML; see
    /// contrib/profile.example.toml
    #[arg(
        long,
        value_name = "FILE",
        allow_hyphen_values = true,
        requires = "strategy",
        conflicts_with = "weights"
    )]
    profile: Option<PathBuf>,

    /// What makes a policy the one that an application prefers
    #[arg(long, value_name = "WHAT", allow_hyphen_values = true, value_enum, default_value_t = Prefer::Throughput, requires = "profile")]
    prefer: Prefer,

    /// Print what the strategy comes to, and end; needs no root
    #[arg(long, requires = "strategy")]
    dry_run: bool,

    /// A rotation takes this times the policies that have a weight, or times the
    /// applications of --profile; the unit (us, ms, s) is required
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, default_value = "1800ms", value_parser = weights::parse_duration)]
    base_slice: Duration,

    /// Time slice of a task in microseconds, from 100 to 100000
    #[arg(long, value_name = "US", allow_hyphen_values = true, default_value_t = abi::meta_limits_META_DFL_SLICE_US, value_parser = slice_us_range())]
    slice_us: u32,

    /// What becomes of the tasks that wait when their policy leaves
    #[arg(long, value_name = "HOW", allow_hyphen_values = true, value_enum, default_value_t = Handover::Adopt)]
    handover: Handover,

    /// The CPU that decides for the others under central
    #[arg(
        long,
        value_name = "CPU",
        allow_hyphen_values = true,
        default_value_t = 0
    )]
    central_cpu: u32,

    /// From how far a CPU without work takes tasks of other caches under rusty
    #[arg(long, value_name = "HOW", allow_hyphen_values = true, value_enum, default_value_t = Steal::Node)]
    rusty_steal: Steal,

    /// Length of a task's request under eevdf, such as 700us or 3ms, from 100us to 100ms
    /// [default: as in the kernel, 700us, twice that from 2 CPUs on, three times from 4, four
    /// times from 8]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = weights::parse_slice)]
    eevdf_base_slice: Option<Duration>,
    /// Time slice of a task under bpfland in microseconds, from 100 to 100000; shorter
    /// for low weights and the more tasks wait
    #[arg(long, value_name = "US", allow_hyphen_values = true, default_value_t = abi::meta_limits_META_BPFLAND_DFL_SLICE_US, value_parser = slice_us_range())]
    bpfland_slice_us: u32,

    /// So far, in microseconds of virtual time, bpfland puts busy tasks behind those that
    /// sleep; also the credit of a sleeper, for each of its wake-ups in 100 ms; from 0 to
    /// 1000000
    #[arg(long, value_name = "US", allow_hyphen_values = true, default_value_t = abi::meta_limits_META_BPFLAND_DFL_LAG_US, value_parser = bpfland_lag_us_range())]
    bpfland_lag_us: u32,

    /// Under bpfland, tasks that run for less than 10 us at a time stay on their CPU
    #[arg(long)]
    bpfland_sticky: bool,

    /// Time slice under cosmos in microseconds, from 100 to 100000; by a task's weight it is longer or
    /// shorter
    #[arg(long, value_name = "US", allow_hyphen_values = true, default_value_t = abi::meta_limits_META_COSMOS_SLICE_US, value_parser = slice_us_range())]
    cosmos_slice_us: u32,

    /// Below this use of a CPU a task that finds none idle under cosmos waits for it, in its local queue;
    /// in percent, from 0 (never) to 95
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=95))]
    cosmos_busy_percent: u32,

    /// Hold one policy from the start, until `scx_meta unpin`
    #[arg(long, value_name = "POLICY", allow_hyphen_values = true)]
    pin: Option<Policy>,

    /// Schedule only tasks that asked for the class SCHED_EXT
    #[arg(long)]
    partial: bool,

    /// The kernel ejects the scheduler when a task that could run waits longer, in
    /// seconds, from 2 to 30; 10 is too little where more than 500 busy tasks share a
    /// CPU, by slices of 20 ms
    #[arg(long, value_name = "SECS", allow_hyphen_values = true, default_value = "10", value_parser = weights::parse_watchdog)]
    watchdog: Duration,

    /// What to do then, or after another fault: `retry` loads again after 1 s, then
    /// 2, 4, 8 and 16 s, up to 5 times within 10 minutes, with the weights, period
    /// and pin that were set; SysRq-S always ends it
    #[arg(long, value_name = "WHAT", allow_hyphen_values = true, value_enum, default_value_t = OnEjection::Retry)]
    on_ejection: OnEjection,

    /// Print a table this often, in seconds, from 0.1 to 31536000
    #[arg(long, value_name = "SECS", allow_hyphen_values = true, value_parser = weights::parse_seconds)]
    stats: Option<Duration>,

    /// Print JSON objects in place of the table: one a line each second, or as
    /// often as --stats says, and one at the end; with --strategy what it comes
    /// to is the first
    #[arg(long)]
    stats_json: bool,

    /// Keep no counters: `status` shows zeros, and they cost nothing
    #[arg(long, conflicts_with_all = ["stats", "stats_json"])]
    no_stats: bool,

    /// Record the last 1024 turns for `scx_meta turns`: cost, hand-over, and who
    /// got the CPU time
    #[arg(long)]
    record_turns: bool,

    /// Stop by itself this many seconds after attaching, from 0.1 to 31536000
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = weights::parse_seconds)]
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
    /// Change weights and the period of the running scx_meta: all that is given,
    /// or nothing if one of it cannot be written
    Set {
        /// `fifo=3`, `period=3600ms` (the length of a whole rotation)
        #[arg(
            value_name = "NAME=VALUE",
            allow_hyphen_values = true,
            required = true,
            value_delimiter = ','
        )]
        items: Vec<Assignment>,
    },
    /// Hold one policy, whatever the weights say
    Pin {
        /// A name of --list-policies
        #[arg(allow_hyphen_values = true)]
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

fn bpfland_lag_us_range() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(..=i64::from(abi::meta_limits_META_BPFLAND_MAX_LAG_US))
}

/// Does what the command line says.
pub fn run() -> Result<ExitCode> {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    logging::init(cli.run.verbose);
    let machine = Machine::default();
    let mut out = stdout();
    match cli.command {
        None if cli.run.list_policies => list_policies(&mut out)?,
        None => return load(&cli.run, machine, &mut out),
        Some(Command::Set { items }) => {
            weights::check_assignments(&items)?;
            set::set(&Live::open(&machine)?, &items, &mut out)?;
        }
        Some(Command::Pin { policy }) => {
            set::set_pin(&Live::open(&machine)?, Some(policy), &mut out)?;
        }
        Some(Command::Unpin) => set::set_pin(&Live::open(&machine)?, None, &mut out)?,
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

/// Help goes where clap sends it; a refusal is one line.
fn refuse(error: &clap::Error) -> Result<ExitCode> {
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            error.print()?;
            Ok(ExitCode::from(
                u8::try_from(error.exit_code()).unwrap_or(USAGE),
            ))
        }
        _ => {
            let line = one_line(&error.to_string());
            output::say(&format!("scx_meta: {line} (--help has all options)"));
            Ok(ExitCode::from(USAGE))
        }
    }
}

/// What clap says in a message of several lines, without the usage behind it.
fn one_line(message: &str) -> String {
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let told = message
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .filter(|line| !line.is_empty());
    told.collect::<Vec<_>>().join(" ")
}

fn load(args: &RunArgs, machine: Machine, out: &mut impl Write) -> Result<ExitCode> {
    let policies = args.policies();
    let computed = args.compute(&policies)?;
    let plan = args.plan_with(policies, computed.as_ref().map(|c| &c.allotment))?;
    if let Some(computed) = &computed {
        computed.print(args.stats_json, out)?;
    }
    if args.dry_run {
        let knobs = &plan.knobs;
        let warning = knobs
            .weights
            .warn_of_short_turns(knobs.period_us, plan.slice_us);
        warning.iter().for_each(|warning| warn(warning));
        return Ok(ExitCode::SUCCESS);
    }
    // Before other threads are started, which then leave the signals to one.
    let signals = StopSignals::block()?;
    output::start()?;
    match sched::run(plan, machine, signals)? {
        Outcome::Asked => Ok(ExitCode::SUCCESS),
        Outcome::Ended(why) => {
            output::say(&format!("scx_meta: the kernel ended the scheduler: {why}"));
            Ok(ExitCode::from(ENDED))
        }
    }
}

fn warn(warning: &str) {
    output::say(&format!("warning: {warning}"));
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

/// What --strategy came to, and from what.
struct Computed {
    /// For people: the profile and the options it was computed with.
    headline: String,
    allotment: Allotment,
}

impl Computed {
    fn print(&self, json: bool, out: &mut impl Write) -> Result<()> {
        if json {
            writeln!(out, "{}", self.allotment.json())?;
        } else {
            write!(out, "{}\n{}", self.headline, self.allotment.table())?;
        }
        out.flush()?;
        self.allotment.warnings.iter().for_each(|w| warn(w));
        Ok(())
    }
}

impl RunArgs {
    /// Resolves defaults and refuses options that contradict each other.
    pub fn plan(&self) -> Result<Plan> {
        let policies = self.policies();
        let computed = self.compute(&policies)?;
        self.plan_with(policies, computed.as_ref().map(|c| &c.allotment))
    }

    fn policies(&self) -> PolicyList {
        self.policies.clone().unwrap_or_else(PolicyList::all)
    }

    /// Does what --strategy asks for, if it is there.
    fn compute(&self, policies: &PolicyList) -> Result<Option<Computed>> {
        let Some(strategy) = self.strategy else {
            return Ok(None);
        };
        let base_slice = humantime::format_duration(self.base_slice);
        let Some(path) = &self.profile else {
            ensure!(
                !strategy.needs_profile(),
                "--strategy {strategy} needs --profile"
            );
            return Ok(Some(Computed {
                headline: format!("strategy {strategy}, base slice {base_slice}"),
                allotment: self.equally(policies)?,
            }));
        };
        let names = policies.names();
        let profile = Profile::read(path, &names)?;
        let file = path.display();
        let mut allotment = Allotment::from_profile(
            strategy,
            self.prefer,
            &profile.applications,
            &names,
            self.base_slice,
        )
        .with_context(|| format!("--profile {file}"))?;
        if profile.partial {
            let warning = format!("{file} is partial: its measurement was cut short");
            allotment.warnings.insert(0, warning);
        }
        let source = profile.provenance.map(|source| format!(" ({source})"));
        let source = source.unwrap_or_default();
        let prefer = self.prefer;
        Ok(Some(Computed {
            headline: format!(
                "profile {file}{source}\n\
                 strategy {strategy}, preferred policy by {prefer}, base slice {base_slice}"
            ),
            allotment,
        }))
    }

    fn equally(&self, policies: &PolicyList) -> Result<Allotment> {
        let turning: Vec<Policy> = policies.equal_weights().turning().collect();
        Allotment::round_robin(turning, &policies.names(), self.base_slice)
    }

    fn plan_with(&self, policies: PolicyList, allotment: Option<&Allotment>) -> Result<Plan> {
        let weights = match (allotment, &self.weights, &self.rotate) {
            (Some(allotment), ..) => Weights::of(allotment)?,
            (None, Some(weights), _) => weights.clone(),
            (None, None, Some(rotate)) => rotate.weights(&policies),
            (None, None, None) => policies.default_weights(),
        };
        let option = match self.rotate {
            Some(_) => "--rotate",
            None => "--weights",
        };
        weights.check_available(&policies).context(option)?;
        if let Some(policy) = self.pin {
            ensure!(
                policies.contains(policy),
                "--pin {policy}: not among --policies"
            );
        }
        let period_us = match allotment {
            Some(allotment) => weights::period_us_of(allotment)?,
            None => self.period_us(&weights)?,
        };
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
            rusty_steal: self.rusty_steal,
            eevdf_base_slice: self.eevdf_base_slice,
            bpfland: Bpfland {
                slice_us: self.bpfland_slice_us,
                lag_us: self.bpfland_lag_us,
                sticky: self.bpfland_sticky,
            },
            cosmos_slice_us: self.cosmos_slice_us,
            cosmos_busy_percent: self.cosmos_busy_percent,
            partial: self.partial,
            watchdog: self.watchdog,
            on_ejection: self.on_ejection,
            seconds: self.seconds,
            report,
            counting: !self.no_stats,
            record_turns: self.record_turns,
        })
    }

    fn period_us(&self, weights: &Weights) -> Result<u32> {
        let turns = weights.in_rotation();
        let period = self.base_slice.checked_mul(turns);
        let period = period.context("--base-slice: too long")?;
        weights::period_us(period)
            .with_context(|| format!("--base-slice times {turns} policies in rotation"))
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

    const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/contrib/profile.example.toml");

    fn error(args: &[&str]) -> String {
        format!("{:#}", plan(args).unwrap_err())
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn one_policy_is_held_by_default() {
        let plan = plan(&[]).unwrap();
        assert_eq!(plan.knobs.weights.in_rotation(), 1);
        assert_eq!(plan.knobs.weights.get("eevdf".parse().unwrap()), 1);
        assert_eq!(plan.knobs.period_us, 1_800_000);
        assert_eq!(plan.slice_us, 20_000);
        assert!(plan.report.is_none());
    }

    #[test]
    fn all_policies_but_central_and_pair_rotate_for_1800_ms_each() {
        let plan = plan(&["--rotate", "all"]).unwrap();
        let turning = Policy::all().count() as u32 - 2;
        for left_out in ["central", "pair"] {
            assert_eq!(plan.knobs.weights.get(left_out.parse().unwrap()), 0);
        }
        assert_eq!(plan.knobs.period_us, turning * 1_800_000);
    }

    #[test]
    fn the_period_counts_policies_with_a_weight() {
        let plan = plan(&["--weights", "fifo=1,vtime=3", "--base-slice", "100ms"]).unwrap();
        assert_eq!(plan.knobs.period_us, 200_000);
    }

    #[test]
    fn a_strategy_fills_the_maps_over_the_loaded_policies() {
        let get = |plan: &Plan, name: &str| plan.knobs.weights.get(name.parse().unwrap());
        let args = ["--profile", EXAMPLE, "--strategy", "benefit-gain"];
        let all = plan(&args).unwrap();
        // 0.0662 : 0.0291, and the third application gains nothing.
        assert_eq!(get(&all, "fifo"), 694_648);
        assert_eq!(get(&all, "vtime"), 305_352);
        assert_eq!(all.knobs.period_us, 3 * 1_800_000);

        let some = [&args[..], &["--policies", "nest,vtime"]].concat();
        let some = plan(&some).unwrap();
        // 0.011 : 0.0291
        assert_eq!(get(&some, "nest"), 274_314);
        assert_eq!(get(&some, "vtime"), 725_686);

        let by_p99 = [&args[..3], &["delta", "--prefer", "p99"]].concat();
        let by_p99 = plan(&by_p99).unwrap();
        // 30 : 90 + 400: the third one prefers vtime by p99.
        assert_eq!(get(&by_p99, "fifo"), 57_692);
        assert_eq!(get(&by_p99, "vtime"), 942_308);
    }

    #[test]
    fn round_robin_needs_no_profile() {
        let computed = plan(&["--strategy", "round-robin", "--base-slice", "100ms"]).unwrap();
        let rotated = plan(&["--rotate", "all", "--base-slice", "100ms"]).unwrap();
        assert_eq!(computed.knobs.period_us, rotated.knobs.period_us);
        let turning = rotated.knobs.weights.in_rotation();
        assert_eq!(computed.knobs.weights.in_rotation(), turning);
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
            (&["--base-slice", "2h"], &["--base-slice", "out of range"]),
            (&["--slice-us", "99"], &["--slice-us", "100..=100000"]),
            (&["--seconds", "0"], &["--seconds", "0.1"]),
            (&["--seconds", "1.8e19"], &["--seconds", "31536000"]),
            (&["--stats", "1.8e19"], &["--stats", "31536000"]),
            (&["--stats", "nan"], &["--stats", "`nan` is not a number"]),
            (&["--stats", "-1"], &["--stats", "0.1"]),
            (&["--seconds", "-inf"], &["--seconds", "`-inf` is not"]),
            (&["--watchdog", "31"], &["--watchdog", "from 2 to 30"]),
            (&["--watchdog", "1.9"], &["--watchdog", "from 2 to 30"]),
            (
                &["--on-ejection", "wait"],
                &["--on-ejection", "retry, exit"],
            ),
            (&["--slice-us", "-1"], &["--slice-us", "-1"]),
            (&["--pin", "-1"], &["--pin", "`-1`"]),
            (&["--weights", "-1"], &["--weights", "`-1`"]),
            (&["--base-slice", "-5ms"], &["--base-slice", "`-5ms`"]),
            (&["--stats", "--json"], &["--stats", "`--json`"]),
            (
                &["--strategy", "delta"],
                &["--strategy delta needs --profile"],
            ),
            (
                &["--strategy", "gain"],
                &["--strategy", "round-robin", "delta-benefit-gain"],
            ),
            (&["--profile", EXAMPLE], &["required", "--strategy <NAME>"]),
            (&["--dry-run"], &["required", "--strategy <NAME>"]),
            (
                &["--strategy", "round-robin", "--prefer", "p99"],
                &["required", "--profile <FILE>"],
            ),
            (
                &["--strategy", "round-robin", "--weights", "fifo=1"],
                &["--strategy", "cannot be used with", "--weights"],
            ),
            (
                &[
                    "--strategy",
                    "delta",
                    "--profile",
                    EXAMPLE,
                    "--base-slice",
                    "1201s",
                ],
                &["--base-slice times n = 3", "out of range", "1ms to 1h"],
            ),
            (
                &["--strategy", "delta", "--profile", "/nonexistent"],
                &["--profile /nonexistent"],
            ),
        ] {
            let error = error(args);
            for part in expected {
                assert!(error.contains(part), "{args:?}: {part}: {error}");
            }
        }
    }

    #[test]
    fn a_refusal_is_one_line_that_names_the_option() {
        for args in [
            &["--stats", "nan"][..],
            &["--handover", "x"],
            &["--stat", "1"],
            &["--profile", "x"],
            &["set"],
            &["set", "-1"],
            &["pin", "-1"],
            &["nope"],
        ] {
            let args = ["scx_meta"].iter().chain(args);
            let error = Cli::try_parse_from(args.clone()).unwrap_err();
            let line = one_line(&error.to_string());
            assert_eq!(line.lines().count(), 1, "{line}");
            assert!(
                !line.contains("Usage") && !line.contains("error:"),
                "{line}"
            );
            println!("{line}");
        }
    }

    #[test]
    fn the_watchdog_and_what_follows_an_ejection_have_defaults() {
        let default = plan(&[]).unwrap();
        assert_eq!(default.watchdog, Duration::from_secs(10));
        assert_eq!(default.on_ejection, OnEjection::Retry);
        let chosen = plan(&["--watchdog", "2.5", "--on-ejection", "exit"]).unwrap();
        assert_eq!(chosen.watchdog, Duration::from_millis(2500));
        assert_eq!(chosen.on_ejection, OnEjection::Exit);
    }

    #[test]
    fn help_states_when_it_loads_again() {
        let help = Cli::command().render_help().to_string();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        let delays: Vec<u64> = (0..sched::EJECTIONS as u32)
            .map(|times| sched::AFTER_EJECTION.as_secs() << times)
            .collect();
        assert_eq!(delays, [1, 2, 4, 8, 16]);
        let expected = format!(
            "after 1 s, then 2, 4, 8 and 16 s, up to {} times within {} minutes",
            sched::EJECTIONS,
            sched::EJECTIONS_WITHIN.as_secs() / 60
        );
        assert!(help.contains(&expected), "{help}");
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
