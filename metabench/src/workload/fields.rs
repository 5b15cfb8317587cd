// SPDX-License-Identifier: GPL-2.0-only
//! The kinds of fields that `workload.toml` has, each read with its parameters filled in; what is
//! wrong with one is an error with file, line and field.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use anyhow::{Error, Result};
use strategy::source::Source;
use toml::{Spanned, Value};

use super::placeholder::{Parameters, Seconds};
use super::{amount, file};
use crate::reading::Readers;

/// What errors put before the field.
pub struct Place(String);

impl Place {
    pub fn top() -> Self {
        Self(String::new())
    }

    pub fn of(kind: &str, name: &str) -> Self {
        Self(format!("{kind} `{name}`: "))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What fields are read with.
pub struct Fields<'a> {
    pub source: Source<'a>,
    pub parameters: Parameters,
    pub readers: Readers,
    /// Of the file.
    pub folder: &'a Path,
}

impl Fields<'_> {
    pub fn command(
        &self,
        place: &Place,
        field: &str,
        words: &file::Words,
        seconds: Seconds,
    ) -> Result<Vec<String>> {
        let expand = |word: &Spanned<String>| {
            let text = self.parameters.expand(word.get_ref(), seconds);
            text.map_err(|error| self.error(place, field, word.span(), error))
        };
        let expanded: Vec<String> = words.get_ref().iter().map(expand).collect::<Result<_>>()?;
        if expanded
            .first()
            .is_none_or(|program| program.trim().is_empty())
        {
            return Err(self.error(place, field, words.span(), "it names no program"));
        }
        Ok(expanded)
    }

    pub fn environment(
        &self,
        place: &Place,
        raw: &file::Environment,
    ) -> Result<BTreeMap<String, String>> {
        let variable = |(name, value): (&String, &Spanned<String>)| {
            let field = format!("environment.{name}");
            Ok((name.clone(), self.expand(place, &field, value)?))
        };
        raw.iter().map(variable).collect()
    }

    pub fn expand(&self, place: &Place, field: &str, text: &Spanned<String>) -> Result<String> {
        let expanded = self.parameters.expand(text.get_ref(), Seconds::Refused);
        expanded.map_err(|error| self.error(place, field, text.span(), error))
    }

    /// A value that may have parameters in it, by a function that knows neither file nor field.
    pub fn amount<T>(
        &self,
        place: &Place,
        field: &str,
        value: &Spanned<Value>,
        read: impl Fn(&Value, &Parameters) -> Result<T>,
    ) -> Result<T> {
        let result = read(value.get_ref(), &self.parameters);
        result.map_err(|error| self.error(place, field, value.span(), format!("{error:#}")))
    }

    /// May be 0.
    pub fn warm_up(&self, place: &Place, value: &Spanned<Value>) -> Result<Duration> {
        self.amount(place, "warm_up_seconds", value, amount::seconds_or_none)
    }

    pub fn unique(&self, kind: &str, name: &Spanned<String>, taken: &[String]) -> Result<String> {
        self.name(&Place::top(), name)?;
        self.unique_text(kind, name.get_ref(), name.span(), taken)
    }

    pub fn unique_text(
        &self,
        kind: &str,
        name: &str,
        at: Range<usize>,
        taken: &[String],
    ) -> Result<String> {
        if taken.iter().any(|other| other == name) {
            let message = format!("name: there are two {kind}s `{name}`");
            return Err(self.source.error(at, message));
        }
        Ok(name.into())
    }

    pub fn name(&self, place: &Place, name: &Spanned<String>) -> Result<String> {
        let text = name.get_ref();
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            let message = format!("{text:?} is not a name");
            return Err(self.error(place, "name", name.span(), message));
        }
        Ok(text.clone())
    }

    pub fn error(
        &self,
        place: &Place,
        field: &str,
        at: Range<usize>,
        what: impl fmt::Display,
    ) -> Error {
        self.source.error(at, format!("{place}{field}: {what}"))
    }
}
