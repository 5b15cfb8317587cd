// SPDX-License-Identifier: GPL-2.0-only
//! What `compare` asked beforehand, and what is left of `tune`'s claim.

use anyhow::Result;
use evidence::figure::{Dot, Group, Standing};

use super::conclusion::{of_others, of_winner};
use super::drawing::{dot, standing, Drawing, Frame, KEY};
use crate::estimate::{Measure, EEVDF};
use crate::outcome::{Comparison, Outcome};

pub(crate) fn drawings(outcome: &Outcome, stem: &str) -> Result<Vec<Drawing>> {
    let of = |measure| answers(outcome, stem, measure).transpose();
    Measure::ALL.into_iter().filter_map(of).collect()
}

fn answers(outcome: &Outcome, stem: &str, measure: Measure) -> Result<Option<Drawing>> {
    let name = measure.name(outcome.whole());
    let frame = Frame {
        file: format!("{stem}-asked-{}.svg", measure.stem()),
        title: format!("{}: asked beforehand, {name}", outcome.workload),
        label: measure.towards_better(&name),
        one: "no difference",
        source: &outcome.source,
    };
    let group = |(name, dots): (&str, Vec<Dot>)| Group {
        name: name.into(),
        band: measure.noise(outcome),
        dots,
    };
    let of_winner = ("the winner against …", dots(outcome, measure, of_winner));
    let of_others = ("beside it", dots(outcome, measure, of_others));
    let groups = [of_winner, of_others].into_iter();
    let groups = groups.filter(|(_, dots)| !dots.is_empty()).map(group);
    frame.dots(groups.collect(), KEY.to_vec())
}

/// Comparisons that have a name here.
fn dots<'a>(
    outcome: &'a Outcome,
    measure: Measure,
    name: impl Fn(&'a Comparison) -> Option<&'a str>,
) -> Vec<Dot> {
    let eevdf = outcome.eevdf();
    let of = |comparison: &'a Comparison| {
        let standing = standing(measure.answer(comparison, eevdf));
        Some(dot(
            name(comparison)?,
            measure.compared(comparison)?,
            standing,
        ))
    };
    outcome.comparisons.iter().filter_map(of).collect()
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
