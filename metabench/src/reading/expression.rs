// SPDX-License-Identifier: GPL-2.0-only
//! Regular expressions that find numbers in what a load printed.

use anyhow::{anyhow, ensure, Context, Error, Result};
use regex::{Captures, Regex, RegexBuilder};
use serde::Deserialize;

use super::said;

/// `^` and `$` are ends of lines.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Expression(pub Regex);

/// Two of the same text find the same.
impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl TryFrom<String> for Expression {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let regex = RegexBuilder::new(&text).multi_line(true).build();
        regex.map(Self).map_err(|error| {
            // Several lines, of which the last gives the reason.
            let error = error.to_string();
            let reason = error.lines().next_back().unwrap_or_default();
            let reason = reason.trim_start_matches("error: ");
            anyhow!("`{text}` is not a regular expression: {reason}")
        })
    }
}

impl Expression {
    /// Names of its capture groups, sorted; those without have an empty one.
    pub fn groups(&self) -> Vec<&str> {
        let names = self.0.capture_names().skip(1);
        let mut names: Vec<_> = names.map(Option::unwrap_or_default).collect();
        names.sort_unstable();
        names
    }

    /// The number that the group of this name found, or else the first group.
    pub fn number(&self, found: &Captures, group: &str) -> Result<f64> {
        let group = found.name(group).or_else(|| found.get(1));
        let word = group.map_or("", |group| group.as_str());
        said::number(word).with_context(|| format!("`{}` found `{word}`, not a number", self.0))
    }
}

/// An expression with one capture group.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Number(pub Expression);

impl TryFrom<String> for Number {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let expression = Expression::try_from(text)?;
        let groups = expression.groups().len();
        ensure!(
            groups == 1,
            "`{}` has {groups} capture groups, and not one, for the number",
            expression.0
        );
        Ok(Self(expression))
    }
}

impl Number {
    /// In the only place that matches, if there is one: of several, nobody could say which is
    /// meant.
    pub fn find(&self, said: &str) -> Result<Option<f64>> {
        let Self(expression) = self;
        let mut found = expression.0.captures_iter(said);
        let first = found.next();
        let others = found.count();
        ensure!(
            others == 0,
            "`{}` matches {} times, and not once",
            expression.0,
            others + 1
        );
        let number = first.map(|first| expression.number(&first, ""));
        number.transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_group_and_matches_once() {
        let number = |text: &str| Number::try_from(text.to_string());
        for (text, expected) in [
            ("rate", "`rate` has 0 capture groups"),
            ("(a)(b)", "`(a)(b)` has 2 capture groups"),
            ("(a", "`(a` is not a regular expression: unclosed group"),
        ] {
            let error = number(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        let rate = number("^rate (\\S+)").unwrap();
        assert_eq!(rate.find("").unwrap(), None);
        let found = rate.find("old rate 7\nrate 12.5\n").unwrap();
        assert_eq!(found, Some(12.5));
        for (said, expected) in [
            ("rate 1\nrate 2\nrate 3", "matches 3 times"),
            ("rate fast", "found `fast`, not a number"),
            ("rate nan", "found `nan`, not a number"),
        ] {
            let error = rate.find(said).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
