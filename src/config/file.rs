// SPDX-License-Identifier: GPL-2.0-only
//! From TOML to words. Each option is tried on the command line's own parser, so that a wrong value
//! is refused with its line.

use std::fmt::Display;
use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{anyhow, Context, Error, Result};
use clap::error::ErrorKind;
use clap::{ArgAction, Command};
use toml::de::{DeTable, DeValue};
use toml::Spanned;

use super::{Config, Said, NOT_HERE};
use crate::cli;

const MODE: &str = "mode";
const OPTIONS: &str = "options";
const MODES: &str = "modes";

impl Config {
    pub(super) fn read(path: &Path, command: &Command) -> Result<Self> {
        let text = fs::read_to_string(path);
        let text = text.with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(Some(path), &text, command)
    }

    pub(super) fn parse(path: Option<&Path>, text: &str, command: &Command) -> Result<Self> {
        let file = File {
            config: Self {
                path: path.map(Path::to_owned),
                mode: None,
                options: Vec::new(),
                modes: Vec::new(),
            },
            text,
            command,
        };
        file.read()
    }
}

/// A file that is being read.
struct File<'a> {
    config: Config,
    text: &'a str,
    command: &'a Command,
}

impl File<'_> {
    fn read(mut self) -> Result<Config> {
        let table = DeTable::parse(self.text).map_err(|error| {
            let at = error.span().unwrap_or_default();
            self.error(&at, error.message())
        })?;
        for (key, value) in table.get_ref() {
            match key.get_ref().as_ref() {
                MODE => {
                    let name = value.get_ref().as_str();
                    let name = name.ok_or_else(|| self.error(&value.span(), "mode: not a name"))?;
                    let line = self.line(&value.span());
                    self.config.mode = Some((name.to_owned(), line));
                }
                OPTIONS => self.config.options = self.options(value)?,
                MODES => {
                    for (name, options) in self.table(value)? {
                        let options = self.options(options)?;
                        let name = name.get_ref().to_string();
                        self.config.modes.push((name, options));
                    }
                }
                other => {
                    let what = format!("`{other}` is none of {MODE}, [{OPTIONS}], [{MODES}.NAME]");
                    return Err(self.error(&key.span(), what));
                }
            }
        }
        // What it asks for must be there.
        self.config.said(None, &[])?;
        Ok(self.config)
    }

    fn options(&self, value: &Spanned<DeValue<'_>>) -> Result<Vec<Said>> {
        let options = self.table(value)?.iter().map(|(key, value)| {
            let line = self.line(&key.span());
            let key = key.get_ref().as_ref();
            let word = self.word(key, value.get_ref());
            let word = word.map_err(|error| self.error(&value.span(), format!("{key}: {error:#}")));
            Ok(Said {
                key: key.to_owned(),
                word: word?,
                line,
            })
        });
        let mut options: Vec<Said> = options.collect::<Result<_>>()?;
        options.sort_by_key(|said| said.line);
        Ok(options)
    }

    /// An option as the command line has it, tried there.
    fn word(&self, key: &str, value: &DeValue<'_>) -> Result<Option<String>> {
        let mut arguments = self.command.get_arguments();
        let argument = arguments.find(|arg| arg.get_long() == Some(key));
        let argument = argument.filter(|_| !NOT_HERE.contains(&key));
        let argument = argument.context("there is no such option (scx_meta config --default)")?;
        let is_flag = matches!(argument.get_action(), ArgAction::SetTrue);
        let may_be_bare = argument.get_num_args().is_some_and(|n| n.min_values() == 0);
        let word = match value {
            DeValue::Boolean(false) if is_flag || may_be_bare => return Ok(None),
            DeValue::Boolean(true) if is_flag || may_be_bare => format!("--{key}"),
            _ if is_flag => return Err(anyhow!("true or false")),
            value => format!("--{key}={}", text(value)?),
        };
        match self
            .command
            .clone()
            .try_get_matches_from(["scx_meta", &word])
        {
            // It may need another one, which another line says.
            Err(error) if error.kind() != ErrorKind::MissingRequiredArgument => {
                Err(anyhow!("{}", cli::one_line(&error.to_string())))
            }
            _ => Ok(Some(word)),
        }
    }

    fn table<'t, 'v>(&self, value: &'t Spanned<DeValue<'v>>) -> Result<&'t DeTable<'v>> {
        let table = value.get_ref().as_table();
        table.ok_or_else(|| self.error(&value.span(), "not a table of options"))
    }

    fn line(&self, at: &Range<usize>) -> usize {
        let before = self.text.get(..at.start).unwrap_or(self.text);
        before.matches('\n').count() + 1
    }

    fn error(&self, at: &Range<usize>, what: impl Display) -> Error {
        anyhow!("{}{what}", self.config.place(Some(self.line(at))))
    }
}

/// A value as one types it: lists with commas, tables as `NAME=VALUE,…`.
fn text(value: &DeValue<'_>) -> Result<String> {
    let all = |texts: Vec<Result<String>>| {
        let texts: Result<Vec<String>> = texts.into_iter().collect();
        Ok(texts?.join(","))
    };
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => Ok(number.as_str().to_owned()),
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        DeValue::Array(values) => all(values.iter().map(|value| text(value.get_ref())).collect()),
        DeValue::Table(table) => all(table
            .iter()
            .map(|(key, value)| Ok(format!("{}={}", key.get_ref(), text(value.get_ref())?)))
            .collect()),
        DeValue::Boolean(_) | DeValue::Datetime(_) => Err(anyhow!("neither a text nor a number")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::words;
    use super::*;

    fn config(text: &str) -> Result<Config> {
        Config::parse(Some(Path::new("c.toml")), text, &cli::command())
    }

    fn error(text: &str) -> String {
        format!("{:#}", config(text).unwrap_err())
    }

    const TEXT: &str = "\
mode = 'night'
[options]
weights = { fifo = 3, vtime = 1 }
policies = ['fifo', 'vtime', 'nest']
watchdog = 20
stats = 0.5
record-turns = true
partial = false
[modes.night]
auto = 'fifo,vtime'
goal = 'latency'
record-turns = false
[modes.day]
auto = true
";

    #[test]
    fn options_become_words_and_a_mode_has_the_last_word() {
        let config = config(TEXT).unwrap();
        let said = |mode, over: &[&str]| {
            let over: Vec<String> = over.iter().map(ToString::to_string).collect();
            words(&config.said(mode, &over).unwrap())
        };
        assert_eq!(
            said(None, &[]),
            [
                "--policies=fifo,vtime,nest",
                "--watchdog=20",
                "--stats=0.5",
                "--auto=fifo,vtime",
                "--goal=latency"
            ]
        );
        assert!(said(Some("day"), &[]).contains(&"--auto".into()));
        // What is typed takes back whatever it excludes.
        assert_eq!(
            said(None, &["weights", "no-stats"]),
            ["--policies=fifo,vtime,nest", "--watchdog=20"]
        );
        assert_eq!(config.modes().collect::<Vec<_>>(), ["day", "night"]);
    }

    #[test]
    fn what_is_wrong_is_told_with_file_line_and_option() {
        for (text, told) in [
            (
                "x = 1",
                "c.toml:1: `x` is none of mode, [options], [modes.NAME]",
            ),
            (
                "\n[options]\nspeed = 3",
                "c.toml:3: speed: there is no such option (scx_meta config --default)",
            ),
            (
                "[options]\nlist-policies = true",
                "c.toml:2: list-policies: there is no such option (scx_meta config --default)",
            ),
            (
                "[options]\npartial = 'yes'",
                "c.toml:2: partial: true or false",
            ),
            (
                "[options]\nwatchdog = true",
                "c.toml:2: watchdog: neither a text nor a number",
            ),
            ("mode = 3", "c.toml:1: mode: not a name"),
            (
                "\nmode = 'a'\n[modes.b]",
                "c.toml:2: there is no mode `a`, only b",
            ),
            ("mode = 'a'", "c.toml:1: there is no mode `a`, only none"),
            ("options = 3", "c.toml:1: not a table of options"),
        ] {
            assert_eq!(error(text), told, "{text}");
        }
        let value = error("[modes.a]\n\nwatchdog = 77");
        assert!(
            value.starts_with("c.toml:3: watchdog: invalid value '77'"),
            "{value}"
        );
        assert!(!value.contains('\n'), "{value}");
        assert!(error("[options").starts_with("c.toml:1: "));
        assert!(error("\n[options]\nslice = ").starts_with("c.toml:3: "));
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let path = Path::new("/no/such.toml");
        let error = Config::find(Some(path), &cli::command()).unwrap_err();
        assert_eq!(error.to_string(), "cannot read /no/such.toml");
        let empty = config("").unwrap();
        assert!(empty.said(None, &[]).unwrap().is_empty());
    }
}
