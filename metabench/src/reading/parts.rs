// SPDX-License-Identifier: GPL-2.0-only
//! Loads of several parts that run at the same time, each with a line of its own.

use std::fmt;

use anyhow::{bail, ensure, Error, Result};
use regex::Captures;
use serde::Deserialize;

use super::expression::Expression;

/// An expression that matches once for each part. Its capture groups: `operations`, `throughput`,
/// and the part's name in a group that says what a part is called.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Parts {
    expression: Expression,
    /// `stressor`
    kind: String,
}

impl TryFrom<String> for Parts {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let expression = Expression::try_from(text)?;
        let (figures, names): (Vec<_>, Vec<_>) = expression
            .groups()
            .into_iter()
            .partition(|group| ["operations", "throughput"].contains(group));
        let kind = match (figures.len(), &names[..]) {
            (2, [kind]) if !kind.is_empty() => kind.to_string(),
            _ => bail!(
                "{expression} has not the capture groups `operations`, `throughput`, and one whose \
                 name says what a part is called"
            ),
        };
        Ok(Self { expression, kind })
    }
}

/// What one part did.
struct Part<'a> {
    name: &'a str,
    operations: f64,
    throughput: f64,
}

impl fmt::Display for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expression.fmt(f)
    }
}

impl Parts {
    /// What a part is called.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Operations and throughput of all parts, or of the only one that counts; nothing if there
    /// are no parts.
    pub fn read(&self, said: &str, only: Option<&str>) -> Result<Option<(f64, f64)>> {
        let kind = &self.kind;
        let found = self.expression.regex().captures_iter(said);
        let all: Vec<Part> = found
            .map(|found| self.part(&found))
            .collect::<Result<_>>()?;
        if all.is_empty() {
            return Ok(None);
        }
        let names: Vec<_> = all.iter().map(|part| part.name).collect();
        let counted: Vec<_> = all
            .iter()
            .filter(|part| only.is_none_or(|name| part.name == name))
            .collect();
        ensure!(
            !counted.is_empty(),
            "there is no {kind} `{}`, but {}",
            only.unwrap_or_default(),
            names.join(", ")
        );
        // A part that did nothing is starved or cannot run here; its absence from a sum would
        // look like a scheduler's doing.
        if let Some(idle) = counted.iter().find(|part| part.throughput <= 0.0) {
            bail!("the {kind} `{}` did nothing", idle.name);
        }
        // They ran at the same time, so throughputs add up.
        Ok(Some((
            counted.iter().map(|part| part.operations).sum(),
            counted.iter().map(|part| part.throughput).sum(),
        )))
    }

    fn part<'a>(&self, found: &Captures<'a>) -> Result<Part<'a>> {
        Ok(Part {
            name: found.name(&self.kind).map_or("", |name| name.as_str()),
            operations: self.expression.number(found, "operations")?,
            throughput: self.expression.number(found, "throughput")?,
        })
    }
}
