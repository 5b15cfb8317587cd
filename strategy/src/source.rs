// SPDX-License-Identifier: GPL-2.0-only
//! Says where in a TOML file something is wrong: `FILE:LINE: FIELD: what`.

use std::fmt;
use std::ops::Range;

use anyhow::{anyhow, Error, Result};
use serde::de::DeserializeOwned;

/// The file.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// What errors call it.
    pub file: &'a str,
    /// All of it.
    pub text: &'a str,
}

impl Source<'_> {
    /// What the text says.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        toml::from_str(self.text).map_err(|error| self.refused(&error))
    }

    /// `FILE:LINE: …`
    pub fn error(&self, span: Range<usize>, message: impl fmt::Display) -> Error {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        anyhow!("{}:{line}: {message}", self.file)
    }

    /// What the TOML parser and serde say names a field that is unknown or
    /// missing, but not the one that has a wrong value.
    fn refused(&self, error: &toml::de::Error) -> Error {
        let message = error.message();
        let span = error.span().unwrap_or(0..0);
        match self.key_before(span.start) {
            Some(key) => self.error(span, format!("{key}: {message}")),
            None if span.is_empty() => self.error(span, message),
            None => {
                let line = self.line_at(span.start);
                self.error(span, format!("{message}, in `{line}`"))
            }
        }
    }

    /// The `n` of `n = 0`, also within `{ … }`, if a value begins at `at`.
    fn key_before(&self, at: usize) -> Option<&str> {
        let line = self.text.get(..at)?.lines().next_back()?;
        let key = line.trim_end().strip_suffix('=')?;
        key.rsplit(['{', ',']).next().map(str::trim)
    }

    fn line_at(&self, at: usize) -> &str {
        let (before, after) = self.text.split_at_checked(at).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let end = at + after.find('\n').unwrap_or(after.len());
        self.text.get(start..end).unwrap_or_default().trim()
    }
}
