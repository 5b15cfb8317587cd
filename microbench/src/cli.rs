// SPDX-License-Identifier: GPL-2.0-only
//! The command line. `measure` and `figures` are for `cargo xtask bench`, which calls the one in
//! the guest and the other on the host.

use std::io::{self, StdoutLock};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use evidence::raw::Writer;
use labkit::machine::Machine;
use labkit::sys;

use crate::{overhead, policies, scale, switch, verifier};

/// Raw data go to stdout.
pub(crate) type Out = Writer<StdoutLock<'static>>;

/// What scx_meta's switch and its policies cost and are worth, measured
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures on this machine and prints raw data, a JSON object a line (root; loads schedulers)
    #[command(subcommand)]
    Measure(Box<Measure>),
    /// Turns raw data into a table, a JSON file and SVG figures
    #[command(subcommand)]
    Figures(Figures),
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

#[derive(Args, Clone, Debug)]
pub(crate) struct FiguresArgs {
    /// Raw data, as `measure` printed it (repeatable)
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    pub(crate) raw: Vec<PathBuf>,

    /// Folder for the JSON file and the SVG figures
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

impl Cli {
    pub fn run(self) -> Result<()> {
        match self.command {
            Command::Measure(measure) => measure.run(),
            Command::Figures(figures) => figures.run(),
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
            Self::Overhead(args) => overhead::measure::run(&args, &mut out),
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
        let words = "scx_microbench figures scale --raw a b --raw c --out d";
        let cli = Cli::try_parse_from(words.split(' ')).unwrap();
        let Command::Figures(Figures::Scale(args)) = cli.command else {
            panic!("{cli:?}");
        };
        assert_eq!(args.raw, ["a", "b", "c"].map(PathBuf::from));
        let without = Cli::try_parse_from("scx_microbench figures scale --out d".split(' '));
        assert!(without.is_err());
    }
}
