// SPDX-License-Identifier: GPL-2.0-only
//! The command line, and which part answers each command.

mod configured;
mod options;
mod plan;
mod reload;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io::{stdout, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, io, panic};

use anyhow::{Context, Result};
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

use self::configured::Refusal;
use self::options::RunArgs;
use self::reload::Reload;
use crate::live::Live;
use crate::machine::Machine;
use crate::policy::Policy;
use crate::sched::{Outcome, StopSignals};
use crate::stats::Snapshot;
use crate::weights::Assignment;
use crate::{config, live, logging, output, preflight, sched, set, turns, watch, weights};

/// The kernel ended the scheduler: by an ejection, or since somebody pressed SysRq-S or unregistered
/// it. A service manager must not start it again: contrib/scx_meta.service names this status.
const ENDED: u8 = 3;

/// As clap ends the process when it refuses a command line.
const USAGE: u8 = 2;

/// As Rust ends a process whose main thread panicked.
const PANICKED: u8 = 101;

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
  2  the command line or the configuration was refused
  3  the kernel ended the scheduler: an ejection, SysRq-S, or somebody unregistered it";

/// Several CPU scheduling policies in one BPF program, switched in the kernel
/// by weights that can be changed while it runs.
///
/// Without a subcommand it loads the program and stays until Ctrl-C, SIGTERM
/// or --seconds; then the kernel's own scheduler is back.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
struct Cli {
    /// What to do instead of loading the program.
    #[command(subcommand)]
    command: Option<Command>,
    /// How to load it.
    #[command(flatten)]
    run: RunArgs,
}

/// What can be done beside loading the program.
#[derive(Debug, Subcommand)]
enum Command {
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
    /// Let a scx_meta that runs with --auto choose, or hold what it has chosen
    Auto {
        /// `on` takes back pin and weights, `off` pins the policy in charge
        #[arg(value_enum)]
        switch: Switch,
    },
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
    /// Change the running scx_meta to a mode of the configuration: its weights, period and pin; without
    /// a name, list the modes
    Mode {
        /// As the file calls it
        #[arg(value_name = "NAME")]
        name: Option<String>,
        /// Of this file in place of /etc/scx_meta/config.toml
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Print the options that the configuration comes to
    Config {
        /// Of this file in place of /etc/scx_meta/config.toml
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// With this mode
        #[arg(long, value_name = "NAME")]
        mode: Option<String>,
        /// Print a file to begin with: all options, with what they do and their defaults
        #[arg(long, conflicts_with_all = ["file", "mode"])]
        default: bool,
    },
    /// Print what happens to the running scx_meta, as it happens: who is in charge, pins, weights, what --auto
    /// chooses, CPUs that come and go, ejections; until Ctrl-C
    Watch {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Check what this machine needs to run scx_meta
    Doctor,
}

/// Of `scx_meta auto`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Switch {
    On,
    Off,
}

/// The whole of the program `scx_meta`; an error is one line and exit 1.
pub fn main() -> ExitCode {
    // What runs has been ended, and its pins removed, by the time a panic comes here.
    let code = match panic::catch_unwind(run) {
        Ok(Ok(code)) => code,
        Ok(Err(error)) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            log::error!("{error:#}");
            ExitCode::FAILURE
        }
        Err(_) => ExitCode::from(PANICKED),
    };
    output::finish();
    code
}

/// Whoever read our output has seen enough, as in `scx_meta status | head`.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

/// What can be typed.
pub fn command() -> clap::Command {
    Cli::command()
}

/// What `scx_meta config --default` prints.
pub fn sample_config() -> String {
    config::sample(&command())
}

fn run() -> Result<ExitCode> {
    let words: Vec<OsString> = env::args_os().collect();
    let cli = match configured::parse(&words) {
        Ok(cli) => cli,
        Err(Refusal::Typed(error)) => return refuse(&error),
        Err(Refusal::Configured(error)) => {
            logging::init(false);
            log::error!("{error:#}");
            return Ok(ExitCode::from(USAGE));
        }
    };
    logging::init(cli.run.verbose);
    let machine = Machine::default();
    let mut out = stdout();
    match cli.command {
        None if cli.run.list_policies => list_policies(&mut out)?,
        None => {
            let reload = Reload::new(words, cli.run.config.clone());
            return load(&cli.run, machine, reload, &mut out);
        }
        Some(Command::Set { items }) => {
            weights::check_assignments(&items)?;
            set::set(&Live::open(&machine)?, &items, &mut out)?;
        }
        Some(Command::Pin { policy }) => {
            set::set_pin(&Live::open(&machine)?, Some(policy), &mut out)?;
        }
        Some(Command::Unpin) => set::set_pin(&Live::open(&machine)?, None, &mut out)?,
        Some(Command::Auto { switch }) => auto(&Live::open(&machine)?, switch, &mut out)?,
        Some(Command::Mode { name, config }) => {
            configured::mode(name.as_deref(), config.as_deref(), &machine, &mut out)?;
        }
        Some(Command::Config {
            file,
            mode,
            default,
        }) => match default {
            true => write!(out, "{}", sample_config())?,
            false => configured::print(file.as_deref(), mode.as_deref(), &mut out)?,
        },
        Some(Command::Watch { json }) => watch::watch(&machine, json, &mut out)?,
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
            logging::init(false);
            log::error!("{line} (--help has all options)");
            Ok(ExitCode::from(USAGE))
        }
    }
}

/// What clap says in a message of several lines, without the usage behind it.
pub(crate) fn one_line(message: &str) -> String {
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let told = message
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .filter(|line| !line.is_empty());
    told.collect::<Vec<_>>().join(" ")
}

fn load(
    args: &RunArgs,
    machine: Machine,
    reload: Reload,
    out: &mut impl Write,
) -> Result<ExitCode> {
    let policies = args.policies();
    let computed = args.compute(&policies)?;
    let plan = args.plan(policies, computed.as_ref().map(|c| &c.allotment))?;
    if let Some(computed) = &computed {
        computed.print(args.run.stats_json, out)?;
    }
    if args.dry_run {
        let knobs = &plan.knobs;
        let warning = knobs
            .weights
            .warn_of_short_turns(knobs.period_us, plan.tunables.slice.duration());
        if let Some(warning) = warning {
            log::warn!("{warning}");
        }
        return Ok(ExitCode::SUCCESS);
    }
    // Before other threads are started, which then leave the signals to one.
    let signals = StopSignals::block()?;
    output::start()?;
    let _exporters = args.metrics.start()?;
    let on_hangup = reload.of(&plan);
    match sched::run(plan, machine, signals, on_hangup)? {
        Outcome::Asked => Ok(ExitCode::SUCCESS),
        Outcome::Ended(why) => {
            log::error!("the kernel ended the scheduler: {why}");
            Ok(ExitCode::from(ENDED))
        }
    }
}

fn auto(live: &Live, switch: Switch, out: &mut impl Write) -> Result<()> {
    let learned = live.learned()?;
    let learned = learned.context("this scx_meta was started without --auto")?;
    match switch {
        Switch::On => set::let_choose(live, out),
        Switch::Off => set::set_pin(live, Some(learned.in_charge), out),
    }
}

fn status(machine: &Machine, json: bool, out: &mut impl Write) -> Result<()> {
    let snapshot = Snapshot::of_running(machine)?;
    if json {
        writeln!(out, "{}", snapshot.json(None))?;
    } else {
        let (headline, learned) = (snapshot.headline(), snapshot.learned());
        write!(out, "{headline}\n{learned}{}", snapshot.table(None))?;
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
