// SPDX-License-Identifier: GPL-2.0-only
//! `--abort-if`: what must not happen to a service in production.

use std::str::FromStr;

use anyhow::{ensure, Context, Error, Result};
use scx_meta::reward::Source;
use scx_meta::weights;

/// A condition that ends the trial.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Guard {
    /// A block is worse than those of the first arm by this part.
    Worse(f64),
    /// A number is beyond a limit.
    Beyond(Limit),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Limit {
    pub(super) source: Source,
    /// More than the limit is too much; otherwise less is too little.
    above: bool,
    limit: f64,
}

impl Limit {
    pub(super) fn is_beyond(&self, number: f64) -> bool {
        match self.above {
            true => number > self.limit,
            false => number < self.limit,
        }
    }
}

impl FromStr for Guard {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if let Some(part) = text.strip_prefix("worse:") {
            return parse_part(part).map(Self::Worse);
        }
        let at = text.rfind(['>', '<']);
        let at = at.with_context(|| {
            format!("`{text}` is none of worse:PERCENT, SOURCE>NUMBER, SOURCE<NUMBER")
        })?;
        let (source, limit) = (text[..at].trim_end(), text[at + 1..].trim());
        let source = source.parse()?;
        ensure!(
            !matches!(source, Source::Calls { .. }),
            "`{text}`: calls have no limit"
        );
        let number = limit.parse().ok().filter(|limit: &f64| limit.is_finite());
        Ok(Self::Beyond(Limit {
            source,
            above: text[at..].starts_with('>'),
            limit: number.with_context(|| format!("`{limit}` in `{text}` is no number"))?,
        }))
    }
}

/// From `20%` or `20` to 0.2.
pub(super) fn parse_part(text: &str) -> Result<f64> {
    let percent = weights::parse_percent(text.trim_start())?;
    ensure!(
        percent > 0.0 && percent.is_finite(),
        "`{text}` is not more than 0 percent"
    );
    Ok(percent / 100.0)
}

/// The strictest of all.
pub(super) fn worse(guards: &[Guard]) -> Option<f64> {
    let parts = guards.iter().filter_map(|guard| match guard {
        Guard::Worse(part) => Some(*part),
        Guard::Beyond(_) => None,
    });
    parts.reduce(f64::min)
}

pub(super) fn limits(guards: &[Guard]) -> impl Iterator<Item = &Limit> {
    guards.iter().filter_map(|guard| match guard {
        Guard::Worse(_) => None,
        Guard::Beyond(limit) => Some(limit),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_of_blocks_or_of_numbers() {
        let guards = ["worse:50%", "cmd:x > y|wc>1e3", "file:/e<-2", "worse: 7"];
        let guards: Vec<Guard> = guards.iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(worse(&guards), Some(0.07));
        let limits: Vec<&Limit> = limits(&guards).collect();
        assert_eq!(limits[0].source, Source::Command("x > y|wc".into()));
        assert!(limits[0].is_beyond(1001.0) && !limits[0].is_beyond(1000.0));
        assert!(limits[1].is_beyond(-3.0) && !limits[1].is_beyond(0.0));
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for bad in [
            "",
            "worse:",
            "worse:0%",
            "worse:-1%",
            "file:/e",
            "file:/e>",
            "file:/e>inf",
            "/e>3",
            "uprobe:/x:y>3",
        ] {
            assert!(bad.parse::<Guard>().is_err(), "{bad}");
        }
    }
}
