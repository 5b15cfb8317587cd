// SPDX-License-Identifier: GPL-2.0-only
//! `{name}` in the text of a workload.

use std::collections::BTreeMap;
use std::path::Path;
use std::{env, thread};

use anyhow::{anyhow, bail, ensure, Context, Result};
use strategy::source::Source;
use toml::{Spanned, Value};

/// The length of a block, which the engine fills in.
pub const SECONDS: &str = "seconds";

/// What may stand in braces, and what for.
#[derive(Debug)]
pub struct Parameters {
    values: BTreeMap<String, String>,
}

/// Whether `{seconds}` may stand in a text, and is left there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Seconds {
    Kept,
    Refused,
}

impl Parameters {
    /// What is always there; `folder` is that of the file.
    pub fn built_in(folder: &Path) -> Result<Self> {
        let ours = env::current_exe().context("cannot find our own program")?;
        let cpus = thread::available_parallelism().context("cannot count CPUs")?;
        let text = |path: &Path| {
            let text = path.to_str().map(String::from);
            text.with_context(|| format!("{} is not Unicode", path.display()))
        };
        let values = BTreeMap::from([
            ("workload".to_string(), text(folder)?),
            ("scx_metabench".to_string(), text(&ours)?),
            ("cpus".to_string(), cpus.to_string()),
        ]);
        Ok(Self { values })
    }

    /// Adds those of the file, and then what the command line says instead.
    pub fn declare(
        mut self,
        source: &Source,
        declared: BTreeMap<Spanned<String>, Spanned<Value>>,
        set: &[(String, String)],
    ) -> Result<Self> {
        let mut added = BTreeMap::new();
        for (name, value) in declared {
            let text = self
                .default(name.get_ref(), value.get_ref())
                .map_err(|what| {
                    let message = format!("parameters.{}: {what}", name.get_ref());
                    source.error(name.span(), message)
                })?;
            added.insert(name.into_inner(), text);
        }
        for (name, value) in set {
            if added.contains_key(name) {
                added.insert(name.clone(), value.clone());
                continue;
            }
            let known: Vec<_> = added.into_keys().collect();
            bail!(
                "--set {name}={value}: {} has no parameter `{name}`; known: {}",
                source.file,
                known.join(", ")
            );
        }
        self.values.extend(added);
        Ok(self)
    }

    /// What the file gives a new parameter.
    fn default(&self, name: &str, value: &Value) -> Result<String> {
        ensure!(
            name != SECONDS && !self.values.contains_key(name),
            "this name has a meaning of its own"
        );
        ensure!(is_name(name), "not a name of letters, digits and `_`");
        match value {
            Value::String(text) => self.expand(text, Seconds::Refused),
            Value::Integer(number) => Ok(number.to_string()),
            Value::Float(number) => Ok(number.to_string()),
            _ => bail!("neither text nor a number"),
        }
    }

    /// The text with everything filled in.
    pub fn expand(&self, text: &str, seconds: Seconds) -> Result<String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            out += before;
            if from.starts_with("{{") || from.starts_with("}}") {
                out += &from[..1];
                rest = &from[2..];
                continue;
            }
            let (name, after) = from
                .strip_prefix('{')
                .and_then(|inside| inside.split_once('}'))
                .ok_or_else(|| anyhow!("`{from}`: a single brace; write it twice"))?;
            out += &self.value(name, seconds)?;
            rest = after;
        }
        Ok(out + rest)
    }

    fn value(&self, name: &str, seconds: Seconds) -> Result<String> {
        if name == SECONDS {
            ensure!(
                seconds == Seconds::Kept,
                "only the command of a load knows `{{seconds}}`"
            );
            return Ok(format!("{{{SECONDS}}}"));
        }
        ensure!(
            is_name(name),
            "`{{{name}}}`: not a name of letters, digits and `_`; write other braces twice"
        );
        let known = || self.values.keys().cloned().collect::<Vec<_>>().join(", ");
        let value = self.values.get(name).cloned();
        value.with_context(|| format!("there is no parameter `{name}`; known: {}", known()))
    }
}

fn is_name(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !text.is_empty() && text.chars().all(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters() -> Parameters {
        let values = [("port", "80"), ("url", "http://{port}/")];
        let values = values.map(|(name, value)| (name.to_string(), value.to_string()));
        Parameters {
            values: values.into(),
        }
    }

    fn expand(text: &str) -> Result<String, String> {
        let expanded = parameters().expand(text, Seconds::Kept);
        expanded.map_err(|error| error.to_string())
    }

    #[test]
    fn names_are_filled_in_once_and_double_braces_stay() {
        assert_eq!(expand("{port}:{port}é{port}").unwrap(), "80:80é80");
        assert_eq!(expand("{url}").unwrap(), "http://{port}/");
        assert_eq!(expand("{{\"a\": {port}}}").unwrap(), "{\"a\": 80}");
        assert_eq!(expand("-d{seconds}s").unwrap(), "-d{seconds}s");
        assert_eq!(expand("plain").unwrap(), "plain");
    }

    #[test]
    fn unknown_names_and_single_braces_are_errors() {
        assert_eq!(
            expand("{prot}").unwrap_err(),
            "there is no parameter `prot`; known: port, url"
        );
        assert!(expand("a } b")
            .unwrap_err()
            .starts_with("`} b`: a single brace"));
        assert!(expand("a {port")
            .unwrap_err()
            .starts_with("`{port`: a single"));
        assert!(expand("{a b}")
            .unwrap_err()
            .starts_with("`{a b}`: not a name"));
        assert!(expand("{}").is_err());
        let refused = parameters().expand("{seconds}", Seconds::Refused);
        assert_eq!(
            refused.unwrap_err().to_string(),
            "only the command of a load knows `{seconds}`"
        );
    }
}
