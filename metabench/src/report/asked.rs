// SPDX-License-Identifier: GPL-2.0-only
//! The questions that `compare` asked beforehand, and what is left of `tune`'s claim.

use anyhow::Result;
use evidence::figure::{Group, Standing};

use super::answer::{self, dot, Answer};
use super::drawing::{Drawing, Frame, KEY};
use crate::estimate::{Measure, EEVDF};
use crate::outcome::Outcome;

pub(crate) fn drawing(outcome: &Outcome, stem: &str, measure: Measure) -> Result<Option<Drawing>> {
    let name = measure.name(outcome.whole());
    let frame = Frame {
        file: format!("{stem}-asked-{}.svg", measure.stem()),
        title: format!("{}: asked beforehand, {name}", outcome.workload),
        label: measure.towards_better(&name),
        one: "no difference",
        source: &outcome.source,
    };
    let names = ["the winner against …", "beside it"];
    let groups = names.into_iter().zip(answer::asked(outcome, measure));
    let groups = groups.filter(|(_, answers)| !answers.is_empty());
    let groups = groups.map(|(name, answers)| Group {
        name: name.into(),
        band: measure.noise(outcome),
        dots: answers.iter().map(Answer::dot).collect(),
    });
    frame.dots(groups.collect(), KEY.to_vec())
}

/// The shrinkage.
pub(crate) fn claims(outcome: &Outcome, stem: &str) -> Result<Option<Drawing>> {
    let measure = Measure::Throughput;
    let workload = &outcome.workload;
    let frame = Frame {
        file: format!("{stem}-shrinkage.svg"),
        title: format!("{workload}: what tune claimed, and what is left of it"),
        label: measure.towards_better("throughput against EEVDF"),
        one: EEVDF,
        source: &outcome.source,
    };
    let groups = outcome.claimed.iter().map(|claim| Group {
        name: claim.label.clone(),
        band: measure.noise(outcome),
        dots: vec![
            dot("by tune", claim.tune, Standing::Unclear),
            dot("afresh", claim.compare, Standing::Floor),
        ],
    });
    let key = vec![
        (Standing::Unclear, "the best of many, by tune"),
        (Standing::Floor, "the same afresh, by compare"),
    ];
    frame.dots(groups.collect(), key)
}
