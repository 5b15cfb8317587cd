// SPDX-License-Identifier: GPL-2.0-only
//! A command line with what the configuration adds to it.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

use anyhow::{anyhow, Context, Error, Result};
use clap::{CommandFactory, FromArgMatches, Parser};

use super::{one_line, Cli};
use crate::config::{self, Config, Said};
use crate::live::Live;
use crate::machine::Machine;
use crate::set;

/// Options of a mode that `scx_meta mode` can give to a running program.
const LIVE: [&str; 8] = [
    "weights",
    "rotate",
    "strategy",
    "profile",
    "prefer",
    "base-slice",
    "pin",
    "auto",
];

/// Why there is nothing to do.
pub(super) enum Refusal {
    Typed(clap::Error),
    Configured(Error),
}

impl From<clap::Error> for Refusal {
    fn from(error: clap::Error) -> Self {
        Self::Typed(error)
    }
}

/// Of these words, the first of which is the program.
pub(super) fn parse(words: &[OsString]) -> std::result::Result<Cli, Refusal> {
    let command = Cli::command();
    let matches = command.clone().try_get_matches_from(words)?;
    let typed = config::typed(&command, &matches);
    let cli = Cli::from_arg_matches(&matches)?;
    let run = &cli.run;
    if cli.command.is_some() || run.list_policies {
        return Ok(cli);
    }
    let found = match &run.mode {
        // There are modes without a file.
        Some(_) => Config::find_or_built_in(run.config.as_deref(), &command).map(Some),
        None => Config::find(run.config.as_deref(), &command),
    };
    let Some(found) = found.map_err(Refusal::Configured)? else {
        return Ok(cli);
    };
    let said = found.said(run.mode.as_deref(), &typed);
    let all = said.and_then(|said| cli_of(&found, &said, words.get(1..).unwrap_or_default()));
    all.map_err(Refusal::Configured)
}

/// `scx_meta config`
pub(super) fn print(file: Option<&Path>, mode: Option<&str>, out: &mut impl Write) -> Result<()> {
    let found = Config::find_or_built_in(file, &Cli::command())?;
    let said = found.said(mode, &[])?;
    cli_of(&found, &said, &[])?;
    for word in config::words(&said) {
        writeln!(out, "{word}")?;
    }
    Ok(())
}

/// `scx_meta mode`
pub(super) fn mode(
    name: Option<&str>,
    file: Option<&Path>,
    machine: &Machine,
    out: &mut impl Write,
) -> Result<()> {
    let found = Config::find_or_built_in(file, &Cli::command())?;
    let Some(name) = name else {
        for mode in found.modes() {
            writeln!(out, "{mode}")?;
        }
        return Ok(());
    };
    let cli = cli_of(&found, &found.said(Some(name), &[])?, &[])?;
    let plan = cli.run.resolve().with_context(|| found.name())?;
    set::set_all(&Live::open(machine)?, &plan.knobs, plan.auto.is_some(), out)?;
    let rest = found.mode(name, None)?.iter();
    let rest: Vec<&str> = rest
        .map(|said| said.key.as_str())
        .filter(|key| !LIVE.contains(key))
        .collect();
    if !rest.is_empty() {
        let rest = rest.join(", ");
        log::warn!("mode {name} also says {rest}, which takes a restart with --mode {name}");
    }
    Ok(())
}

/// What a configuration says, and after it what was typed.
fn cli_of(found: &Config, said: &[Said], typed: &[OsString]) -> Result<Cli> {
    let said = config::words(said).into_iter().map(OsString::from);
    let words = [OsString::from("scx_meta")].into_iter().chain(said);
    let words = words.chain(typed.iter().cloned());
    let cli = Cli::try_parse_from(words);
    cli.map_err(|error| anyhow!("{}: {}", found.name(), one_line(&error.to_string())))
}
