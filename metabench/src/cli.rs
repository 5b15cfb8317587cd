// SPDX-License-Identifier: GPL-2.0-only
//! The command line.

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::{
    ab, arena, attempt, breakdown, compare, headroom, loads, pipeline, probe_load, profiling,
    report, tune,
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
    /// From a profile: what turns, a policy for each application, or a choice for each phase could gain
    /// over the best single scheduler at most
    Headroom(headroom::Args),
    /// The whole under each strategy and base timeslice: freezes a winner
    Tune(tune::Args),
    /// The frozen winner afresh, against EEVDF, the best policy and controls
    Compare(compare::Args),
    /// Many scenarios: is the one that chooses by itself as good as the best scheduler of each?
    Arena(arena::Args),
    /// Schedulers by turns on a service that is in production: no load of its own, no restarts
    Ab(ab::Args),
    /// n applications at once that prefer different policies
    Breakdown(breakdown::Args),
    /// One page, figures and tables of what the others wrote
    Report(report::Args),
    /// Runs a load that reports no latency, with a wake-up probe beside it
    Probe(probe_load::Args),
    /// A small load that says how much it did
    Load(loads::Args),
}

impl Cli {
    /// Does what the command line says.
    pub fn run(self) -> Result<()> {
        match self.command {
            Command::Try(args) => attempt::run(&args),
            Command::Profile(args) => pipeline::run(&args),
            Command::Headroom(args) => headroom::run(&args),
            Command::Tune(args) => pipeline::run(&args),
            Command::Compare(args) => compare::run(&args),
            Command::Arena(args) => arena::run(&args),
            Command::Ab(args) => ab::run(&args),
            Command::Breakdown(args) => pipeline::run(&args),
            Command::Report(args) => report::run(&args),
            Command::Probe(args) => probe_load::run(&args),
            Command::Load(args) => loads::run(&args),
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
    fn every_option_says_what_it_does() {
        let mut all = Cli::command().term_width(100);
        all.build();
        let own = all.render_help();
        let commands = all.get_subcommands_mut().filter(|c| !c.is_hide_set());
        let commands = commands.map(|command| command.render_help());
        let said: Vec<_> = [own].into_iter().chain(commands).collect();
        let said = said.iter().map(|help| help.to_string());
        insta::assert_snapshot!(said.collect::<Vec<_>>().join("\n════\n\n"));
    }
}
