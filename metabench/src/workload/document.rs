// SPDX-License-Identifier: GPL-2.0-only
//! The text of a `workload.toml` with its parameters filled in. Errors say file, line, service or
//! application, and field.
//!
//! A place in it is written as serde_path_to_error does: `application[0].command[1]`.

use std::fmt;
use std::ops::Range;

use anyhow::{Error, Result};
use serde::de::DeserializeOwned;
use strategy::source::Source;
use toml::de::{DeTable, DeValue, ValueDeserializer};
use toml::Spanned;

use super::placeholder::{Parameters, Seconds};

pub struct Document<'a> {
    source: Source<'a>,
    root: Spanned<DeValue<'a>>,
}

impl<'a> Document<'a> {
    pub fn new(source: Source<'a>, parameters: &Parameters) -> Result<Self> {
        let table = DeTable::parse(source.text)
            .map_err(|error| source.error(error.span().unwrap_or_default(), error.message()))?;
        let root = Spanned::new(table.span(), DeValue::Table(table.into_inner()));
        let mut document = Self { source, root };
        let mut filled = document.root.clone();
        document.fill(&mut filled, "", parameters)?;
        document.root = filled;
        Ok(document)
    }

    fn fill(&self, value: &mut Spanned<DeValue>, place: &str, with: &Parameters) -> Result<()> {
        let seconds = match names(place)[..] {
            ["parameters", ..] => return Ok(()),
            // Braces mean something else in regular expressions.
            ["readers", ..] | ["application" | "whole", "reader"] => return Ok(()),
            ["application" | "whole", "command"] => Seconds::Kept,
            _ => Seconds::Refused,
        };
        match value.get_mut() {
            DeValue::String(text) => {
                let filled = with.expand(text, seconds);
                *text = filled.map_err(|error| self.error(place, error))?.into();
            }
            DeValue::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.fill(item, &format!("{place}[{index}]"), with)?;
                }
            }
            DeValue::Table(table) => {
                for (key, value) in table.iter_mut() {
                    let inside = format!("{place}.{}", key.get_ref());
                    self.fill(value, inside.trim_start_matches('.'), with)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        let root = ValueDeserializer::from(self.root.clone());
        serde_path_to_error::deserialize(root).map_err(|error| {
            let place = error.path().to_string();
            let error = error.into_inner();
            let at = error.span().unwrap_or_else(|| self.span(&place));
            self.error_at(at, &place, error.message())
        })
    }

    /// `FILE:LINE: application `NAME`: FIELD: …`
    pub fn error(&self, place: &str, what: impl fmt::Display) -> Error {
        self.error_at(self.span(place), place, what)
    }

    fn error_at(&self, at: Range<usize>, place: &str, what: impl fmt::Display) -> Error {
        let names = names(place);
        let (owner, fields) = match self.owner(place) {
            Some(name) => (format!("{} `{name}`", names[0]), &names[1..]),
            None => (String::new(), &names[..]),
        };
        let parts = [owner, fields.join("."), what.to_string()];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        self.source.error(at, parts.join(": "))
    }

    /// Name of the service or application that a place is in.
    fn owner(&self, place: &str) -> Option<&str> {
        let (item, _) = place.split_once(']')?;
        let (kind, index) = item.split_once('[')?;
        let items = self.root.get_ref().get(kind)?.get_ref();
        let item = items.get(index.parse::<usize>().ok()?)?.get_ref();
        item.get("name")?.get_ref().as_str()
    }

    /// Of a place that is not there, that of what it is missing in.
    fn span(&self, place: &str) -> Range<usize> {
        let mut value = &self.root;
        for step in place.split(['.', '[', ']']).filter(|step| !step.is_empty()) {
            let inside = match step.parse::<usize>() {
                Ok(index) => value.get_ref().get(index),
                Err(_) => value.get_ref().get(step),
            };
            match inside {
                Some(inside) => value = inside,
                None => break,
            }
        }
        value.span()
    }
}

/// Without the numbers of items.
fn names(place: &str) -> Vec<&str> {
    let steps = place.split('.').filter(|step| !step.is_empty());
    steps
        .map(|step| step.split('[').next().unwrap_or(step))
        .collect()
}
