// SPDX-License-Identifier: GPL-2.0-only
//! Regular expressions that find figures in what a load printed.

use std::fmt;

use anyhow::{ensure, Context, Error, Result};
use regex::{Captures, Regex, RegexBuilder};
use serde::Deserialize;

use super::said;

/// `^` and `$` are ends of lines.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Expression(Regex);

/// Two of the same text find the same.
impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.0)
    }
}

impl TryFrom<String> for Expression {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let regex = RegexBuilder::new(&text).multi_line(true).build();
        let regex = regex.map_err(|error| {
            // Several lines, of which the last gives the reason.
            let error = error.to_string();
            let reason = error.lines().next_back().unwrap_or_default();
            let reason = reason.trim_start_matches("error: ");
            Error::msg(format!("`{text}` is not a regular expression: {reason}"))
        })?;
        Ok(Self(regex))
    }
}

impl Expression {
    /// Names of its capture groups, sorted; those without have an empty one.
    pub(super) fn groups(&self) -> Vec<&str> {
        let names = self.0.capture_names().skip(1);
        let mut names: Vec<_> = names.map(Option::unwrap_or_default).collect();
        names.sort_unstable();
        names
    }

    pub(super) fn regex(&self) -> &Regex {
        &self.0
    }

    /// The number that a group found.
    pub(super) fn number(&self, found: &Captures, group: &str) -> Result<f64> {
        let word = found.name(group).map_or("", |group| group.as_str());
        self.parsed(word)
    }

    fn parsed(&self, word: &str) -> Result<f64> {
        said::number(word).with_context(|| format!("{self} found `{word}`, not a number"))
    }

    /// The figure in the group `value`, with the unit in the group `unit`; without such groups,
    /// that in the first.
    pub(super) fn figure(&self, found: &Captures) -> Result<Figure> {
        let value = found.name("value").or_else(|| found.get(1));
        let number = self.parsed(value.map_or("", |group| group.as_str()))?;
        let unit_us = found.name("unit").map(|unit| {
            let us = said::unit_us(unit.as_str());
            us.with_context(|| format!("{self} found `{}`, not a unit of time", unit.as_str()))
        });
        let unit_us = unit_us.transpose()?;
        Ok(Figure { number, unit_us })
    }
}

/// A number that may have a unit of time beside it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Figure {
    pub number: f64,
    unit_us: Option<f64>,
}

impl Figure {
    /// In microseconds; `unit_us` is its unit if it has none beside it.
    pub fn us(self, unit_us: f64) -> f64 {
        self.number * self.unit_us.unwrap_or(unit_us)
    }

    /// In seconds, which is also its unit if it has none beside it.
    pub fn seconds(self) -> f64 {
        self.unit_us
            .map_or(self.number, |us| self.number * us / 1e6)
    }
}

/// An expression for one figure: one capture group, or `value` and `unit`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Pattern(Expression);

impl TryFrom<String> for Pattern {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let expression = Expression::try_from(text)?;
        let groups = expression.groups();
        ensure!(
            groups.len() == 1 || groups == ["unit", "value"],
            "{expression} has {} capture groups, and not one, for the number",
            groups.len()
        );
        Ok(Self(expression))
    }
}

impl Pattern {
    pub(super) fn has_unit(&self) -> bool {
        self.0.groups().len() == 2
    }

    /// The figure in the only place that matches, if there is one: of several, nobody could say
    /// which is meant.
    pub(super) fn find(&self, said: &str) -> Result<Option<Figure>> {
        let mut found = self.0.regex().captures_iter(said);
        let Some(first) = found.next() else {
            return Ok(None);
        };
        let others = found.count();
        ensure!(
            others == 0,
            "{} matches {} times, and not once",
            self.0,
            others + 1
        );
        self.0.figure(&first).map(Some)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Result<Pattern> {
        text.to_string().try_into()
    }

    #[test]
    fn a_pattern_has_one_group_and_matches_once() {
        for (text, expected) in [
            ("rate", "`rate` has 0 capture groups"),
            ("(a)(b)", "`(a)(b)` has 2 capture groups"),
            ("(a", "`(a` is not a regular expression: unclosed group"),
        ] {
            let error = pattern(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        let rate = pattern("^rate (\\S+)").unwrap();
        assert_eq!(rate.find("").unwrap(), None);
        let found = rate.find("old rate 7\nrate 12.5\n").unwrap();
        assert_eq!(found.unwrap().number, 12.5);
        for (said, expected) in [
            ("rate 1\nrate 2\nrate 3", "matches 3 times"),
            ("rate fast", "found `fast`, not a number"),
            ("rate nan", "found `nan`, not a number"),
        ] {
            let error = rate.find(said).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_time_may_have_its_unit_beside_it() {
        let late = pattern("t=(?<value>[0-9.]+)(?<unit>\\S+)").unwrap();
        let us = |said| late.find(said).map(|found| found.unwrap().us(1e3));
        for (said, expected) in [
            ("t=82.5us", 82.5),
            ("t=1.5ms", 1500.0),
            ("t=2.00s", 2e6),
            ("t=1.00m", 60e6),
        ] {
            assert_eq!(us(said).unwrap(), expected);
        }
        let error = us("t=3days").unwrap_err().to_string();
        assert!(
            error.ends_with("found `days`, not a unit of time"),
            "{error}"
        );
        let bare = pattern("t=(.+)").unwrap().find("t=2").unwrap().unwrap();
        assert_eq!((bare.us(1e3), bare.seconds()), (2000.0, 2.0));
    }
}
