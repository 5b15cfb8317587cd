// SPDX-License-Identifier: GPL-2.0-only
//! Figures by regular expression, for loads that no other reader knows.

use anyhow::{ensure, Context, Result};
use regex::{Regex, RegexBuilder};

use super::{said, Done, Run};
use crate::trial::record::Latency;

/// A regular expression with one capture group, which is a number.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

/// What to look for.
#[derive(Clone, Debug, PartialEq)]
pub struct Patterns {
    /// Operations a second.
    pub throughput: Pattern,
    /// (percent, its latency); may be empty.
    pub latency: Vec<(f64, Pattern)>,
    /// What one of the unit that latencies are printed in is.
    pub unit_us: f64,
    /// Requests in one run; without it, throughput times length stands for it.
    pub requests: Option<Pattern>,
}

/// Two of the same text find the same.
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Pattern {
    /// Takes one with exactly one capture group. `^` and `$` are ends of lines.
    pub fn new(text: &str) -> Result<Self> {
        let regex = RegexBuilder::new(text)
            .multi_line(true)
            .build()
            .with_context(|| format!("`{text}` is not a regular expression"))?;
        let groups = regex.captures_len() - 1;
        ensure!(
            groups == 1,
            "`{text}` has {groups} capture groups, and not one, for the number"
        );
        Ok(Self(regex))
    }

    /// The number in the only place that matches: of several, nobody could say which is meant.
    fn find(&self, said: &str) -> Result<f64> {
        let Self(regex) = self;
        let mut found = regex.captures_iter(said);
        let first = found
            .next()
            .with_context(|| format!("`{regex}` matches nothing"))?;
        let others = found.count();
        ensure!(
            others == 0,
            "`{regex}` matches {} times, and not once",
            others + 1
        );
        let word = first.get(1).map_or("", |group| group.as_str());
        said::number(word).with_context(|| format!("`{regex}` found `{word}`, not a number"))
    }
}

impl Patterns {
    /// Throughput alone.
    pub fn throughput(throughput: Pattern) -> Self {
        Self {
            throughput,
            latency: Vec::new(),
            unit_us: 1.0,
            requests: None,
        }
    }

    pub(super) fn read(&self, run: &Run) -> Result<Done> {
        let seconds = run.took.as_secs_f64();
        let operations = self.throughput.find(&run.said)? * seconds;
        let at: Vec<_> = self
            .latency
            .iter()
            .map(|(percent, pattern)| Ok((*percent, pattern.find(&run.said)? * self.unit_us)))
            .collect::<Result<_>>()?;
        let requests = match &self.requests {
            Some(pattern) => pattern.find(&run.said)?,
            None => operations.round(),
        };
        let n = requests as u64;
        Ok(Done {
            operations,
            seconds,
            latency: (!at.is_empty()).then_some(Latency::Quantiles { n, at }),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn run(said: &str) -> Run {
        Run {
            said: said.into(),
            took: Duration::from_secs(4),
        }
    }

    #[test]
    fn throughput_and_latencies_are_read_with_their_unit() {
        let pattern = |text| Pattern::new(text).unwrap();
        let mut patterns = Patterns {
            throughput: pattern("^rate=([0-9.]+)"),
            latency: vec![
                (90.0, pattern("p90 ([0-9.]+)")),
                (99.0, pattern("p99 ([0-9.]+)")),
            ],
            unit_us: 1000.0,
            requests: None,
        };
        let said = "old rate=9\nrate=12.5 p90 1.5 p99 2e0\nrequests 49\n";
        let done = patterns.read(&run(said)).unwrap();
        assert_eq!((done.operations, done.seconds), (50.0, 4.0));
        let at = vec![(90.0, 1500.0), (99.0, 2000.0)];
        assert_eq!(done.latency, Some(Latency::Quantiles { n: 50, at }));
        patterns.requests = Some(pattern("requests ([0-9]+)"));
        assert_eq!(
            patterns
                .read(&run(said))
                .unwrap()
                .latency
                .unwrap()
                .requests(),
            49
        );
    }

    #[test]
    fn a_pattern_has_one_group_and_matches_once() {
        for (text, expected) in [
            ("rate", "`rate` has 0 capture groups"),
            ("(a)(b)", "`(a)(b)` has 2 capture groups"),
            ("(a", "`(a` is not a regular expression"),
        ] {
            let error = Pattern::new(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        let patterns = Patterns::throughput(Pattern::new("rate (\\S+)").unwrap());
        for (said, expected) in [
            ("", "matches nothing"),
            ("rate 1 rate 2 rate 3", "matches 3 times"),
            ("rate fast", "found `fast`, not a number"),
        ] {
            let error = patterns.read(&run(said)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
