// SPDX-License-Identifier: GPL-2.0-only
//! The readers that an application can name: those of `readers.toml`, and those of its workload.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;
use strategy::source::Source;
use toml::Spanned;

use super::{Form, REGEX};

/// As they are written: name and form.
pub(crate) type Written = BTreeMap<Spanned<String>, Form>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    readers: BTreeMap<String, Form>,
}

/// By name.
#[derive(Debug)]
pub(crate) struct Readers(pub(super) BTreeMap<String, Form>);

impl Readers {
    pub fn built_in() -> Result<Self> {
        let source = Source {
            file: "readers.toml",
            text: include_str!("readers.toml"),
        };
        source.read().map(|File { readers }| Self(readers))
    }

    /// Adds those of a workload.
    pub fn and(mut self, source: &Source, written: Written) -> Result<Self> {
        for (name, form) in written {
            let (at, name) = (name.span(), name.into_inner());
            let error = |what| source.error(at.clone(), format!("readers.{name}: {what}"));
            if name == REGEX || self.0.contains_key(&name) {
                return Err(error("this name is that of a built-in reader".into()));
            }
            form.check().map_err(|what| error(format!("{what:#}")))?;
            self.0.insert(name, form);
        }
        Ok(self)
    }

    pub fn get(&self, name: &str) -> Result<&Form> {
        let known = || self.0.keys().cloned().collect::<Vec<_>>().join(", ");
        let form = self.0.get(name);
        form.with_context(|| format!("there is no reader `{name}`; known: {}, {REGEX}", known()))
    }
}
