// SPDX-License-Identifier: GPL-2.0-only
//! A configuration file: the loader's options by their names, and sets of them that have names, the
//! modes. Nothing but words of a command line comes of it, so that whatever holds for an option
//! holds here.
//!
//! ```text
//! [options]  <  [modes.NAME]  <  command line        the later one has the last word: rivals
//! ```

mod file;
mod rivals;
mod sample;

use std::path::{Path, PathBuf};

use anyhow::{bail, Result};
use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

pub(crate) use self::sample::sample;

/// Read if nobody names another one, and it is there.
pub(crate) const PATH: &str = "/etc/scx_meta/config.toml";

/// Options that make no sense in a file.
const NOT_HERE: [&str; 6] = [
    "config",
    "mode",
    "list-policies",
    "dry-run",
    "help",
    "version",
];

/// An option as a file says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// Its long name.
    pub(crate) key: String,
    /// As the command line has it; None: a flag that is off.
    word: Option<String>,
    line: usize,
}

#[derive(Debug)]
pub(crate) struct Config {
    /// None: what is built in.
    path: Option<PathBuf>,
    /// The mode that it asks for, and in which line.
    mode: Option<(String, usize)>,
    options: Vec<Said>,
    modes: Vec<(String, Vec<Said>)>,
}

impl Config {
    /// The file that is named, else the usual one if it is there. Errors name file, line and option.
    pub(crate) fn find(named: Option<&Path>, command: &Command) -> Result<Option<Self>> {
        match named {
            Some(path) => Self::read(path, command).map(Some),
            None if Path::new(PATH).exists() => Self::read(Path::new(PATH), command).map(Some),
            None => Ok(None),
        }
    }

    /// The same; without a file, what is built in.
    pub(crate) fn find_or_built_in(named: Option<&Path>, command: &Command) -> Result<Self> {
        match Self::find(named, command)? {
            Some(config) => Ok(config),
            None => Self::parse(None, &sample(command), command),
        }
    }

    pub(crate) fn modes(&self) -> impl Iterator<Item = &str> {
        self.modes.iter().map(|(name, _)| name.as_str())
    }

    /// What a mode says, or the one that the file asks for; `over` what the command line says.
    pub(crate) fn said(&self, mode: Option<&str>, over: &[String]) -> Result<Vec<Said>> {
        let of_mode = match (mode, &self.mode) {
            (Some(name), _) => self.mode(name, None)?,
            (None, Some((name, line))) => self.mode(name, Some(*line))?,
            (None, None) => &[],
        };
        let keys: Vec<String> = of_mode.iter().filter_map(Said::on).collect();
        // A flag that a mode turns off is off, too.
        let off = of_mode.iter().filter(|said| said.word.is_none());
        let off: Vec<String> = off.map(|said| said.key.clone()).collect();
        let mut said = rivals::without(&self.options, &keys);
        said.retain(|said| !off.contains(&said.key));
        said.extend_from_slice(of_mode);
        Ok(rivals::without(&said, over))
    }

    /// What only this mode says.
    pub(crate) fn mode(&self, name: &str, line: Option<usize>) -> Result<&[Said]> {
        let found = self.modes.iter().find(|(known, _)| known == name);
        if let Some((_, said)) = found {
            return Ok(said);
        }
        let modes = self.modes().collect::<Vec<_>>().join(", ");
        let modes = if modes.is_empty() { "none" } else { &modes };
        bail!(
            "{}there is no mode `{name}`, only {modes}",
            self.place(line)
        )
    }

    /// Begins a message.
    fn place(&self, line: Option<usize>) -> String {
        match (&self.path, line) {
            (None, _) => String::new(),
            (Some(path), None) => format!("{}: ", path.display()),
            (Some(path), Some(line)) => format!("{}:{line}: ", path.display()),
        }
    }

    /// Of the file, for a message about all of it.
    pub(crate) fn name(&self) -> String {
        match &self.path {
            Some(path) => path.display().to_string(),
            None => "the built-in configuration".into(),
        }
    }
}

impl Said {
    /// Its name, if it says more than that it is off.
    fn on(&self) -> Option<String> {
        self.word.is_some().then(|| self.key.clone())
    }
}

/// Words of a command line.
pub(crate) fn words(said: &[Said]) -> Vec<String> {
    said.iter().filter_map(|said| said.word.clone()).collect()
}

/// Long names of the options that were typed.
pub(crate) fn typed(command: &Command, matches: &ArgMatches) -> Vec<String> {
    let typed = command.get_arguments().filter(|arg| {
        let source = matches.value_source(arg.get_id().as_str());
        source == Some(ValueSource::CommandLine)
    });
    let names = typed.filter_map(|arg| arg.get_long());
    names.map(str::to_owned).collect()
}
