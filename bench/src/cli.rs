// SPDX-License-Identifier: GPL-2.0-only
//! The command line. `measure` and `figures` are for `cargo xtask bench`, which calls the one in
//! the guest and the other on the host.

use std::io;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use labkit::machine::Machine;
use labkit::sys;

use crate::raw::Writer;
use crate::service::sentry;
use crate::{
    attempt, breakdown, compare, overhead, policies, probe_load, profiling, report, scale, switch,
    tune, verifier,
};

/// Which scheduler serves an application best, and whether switching pays: measured
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One command line under EEVDF, every policy and an equal rotation: does any of it pay?
    Try(attempt::Args),
    /// Each application, and the whole, under EEVDF and every policy: writes profile.toml
    Profile(profiling::Args),
    /// The whole under each strategy and base timeslice: freezes a winner
    Tune(tune::Args),
    /// The frozen winner afresh, against EEVDF, the best policy and controls
    Compare(compare::Args),
    /// n applications at once that prefer different policies
    Breakdown(breakdown::Args),
    /// One page, figures and tables of what the others wrote
    Report(report::Args),
    /// Runs a load that reports no latency, with a wake-up probe beside it
    Probe(probe_load::Args),
    /// Measures on this machine and prints raw data, a JSON object a line (root; loads schedulers)
    #[command(subcommand, hide = true)]
    Measure(Box<Measure>),
    /// Turns raw data into a table, a JSON file and SVG figures
    #[command(subcommand, hide = true)]
    Figures(Figures),
    /// Ends what its parent started, when its parent has died
    #[command(hide = true)]
    Guard,
}

#[derive(Debug, Subcommand)]
enum Measure {
    /// What a switch costs, by process replacement and by a flip
    Switch(switch::measure::Args),
    /// What each callback costs more than in a scheduler of one policy
    Overhead(overhead::measure::Args),
    /// How the flip scales with CPUs, tasks, policies and period
    Scale(scale::measure::Args),
    /// Every policy and other schedulers against EEVDF
    Policies(policies::measure::Args),
    /// What the kernel's verifier makes of each program
    Verifier(verifier::measure::Args),
}

#[derive(Debug, Subcommand)]
enum Figures {
    /// From `measure switch`
    Switch(FiguresArgs),
    /// From `measure overhead`
    Overhead(FiguresArgs),
    /// From `measure scale`
    Scale(FiguresArgs),
    /// From `measure policies`
    Policies(policies::figures::Args),
    /// From `measure verifier`
    Verifier(FiguresArgs),
}

/// What every report needs.
#[derive(Args, Clone, Debug)]
pub struct FiguresArgs {
    /// Raw data, as `measure` printed it (repeatable)
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    pub raw: Vec<PathBuf>,

    /// Folder for the JSON file and the SVG figures
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

impl Cli {
    /// Does what the command line says.
    pub fn run(self) -> Result<()> {
        match self.command {
            Command::Measure(measure) => measure.run(),
            Command::Figures(figures) => figures.run(),
            Command::Try(args) => attempt::run(&args),
            Command::Profile(args) => profiling::run(&args),
            Command::Tune(args) => tune::run(&args),
            Command::Compare(args) => compare::run(&args),
            Command::Breakdown(args) => breakdown::run(&args),
            Command::Report(args) => report::run(&args),
            Command::Probe(args) => probe_load::run(&args),
            Command::Guard => sentry::main(),
        }
    }
}

impl Measure {
    fn run(self) -> Result<()> {
        sys::catch_interrupts().context("cannot catch signals")?;
        let machine = Machine::here()?;
        let mut out = Writer::new(io::stdout().lock(), &machine)?;
        match self {
            Self::Switch(args) => switch::measure::run(&args, &machine, &mut out),
            Self::Overhead(args) => overhead::measure::run(&args, &machine, &mut out),
            Self::Scale(args) => scale::measure::run(&args, &machine, &mut out),
            Self::Policies(args) => policies::measure::run(&args, &machine, &mut out),
            Self::Verifier(args) => verifier::measure::run(&args, &mut out),
        }
    }
}

impl Figures {
    fn run(self) -> Result<()> {
        match self {
            Self::Switch(args) => switch::figures::run(&args),
            Self::Overhead(args) => overhead::figures::run(&args),
            Self::Scale(args) => scale::figures::run(&args),
            Self::Policies(args) => policies::figures::run(&args),
            Self::Verifier(args) => verifier::figures::run(&args),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn several_raw_files_are_taken() {
        let words = "scx_metabench figures scale --raw a b --raw c --out d";
        let cli = Cli::try_parse_from(words.split(' ')).unwrap();
        let Command::Figures(Figures::Scale(args)) = cli.command else {
            panic!("{cli:?}");
        };
        assert_eq!(args.raw, ["a", "b", "c"].map(PathBuf::from));
        let without = Cli::try_parse_from("scx_metabench figures scale --out d".split(' '));
        assert!(without.is_err());
    }
}
