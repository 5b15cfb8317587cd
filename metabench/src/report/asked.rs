// SPDX-License-Identifier: GPL-2.0-only
//! What `compare` asked beforehand, and what is left of `tune`'s claim.

use anyhow::Result;
use evidence::figure::{Dot, Dots, Group, Standing};
use evidence::sample::Interval;

use super::conclusion::{of_others, of_winner};
use super::drawing::{standing, Drawing, BAND, KEY};
use super::measure::Measure;
use super::words;
use crate::estimate::EEVDF;
use crate::outcome::{Claim, Comparison, Outcome};

pub(crate) fn drawings(outcome: &Outcome, stem: &str) -> Result<Vec<Drawing>> {
    let of = |measure| answers(outcome, stem, measure).transpose();
    Measure::ALL.into_iter().filter_map(of).collect()
}

fn answers(outcome: &Outcome, stem: &str, measure: Measure) -> Result<Option<Drawing>> {
    let noise = measure.noise(outcome);
    let groups = [
        (
            "the winner against …",
            answered(outcome, measure, of_winner),
        ),
        ("beside it", answered(outcome, measure, of_others)),
    ];
    let groups = groups.into_iter().filter(|(_, dots)| !dots.is_empty());
    let groups: Vec<_> = groups
        .map(|(name, dots)| Group {
            name: name.into(),
            band: noise,
            dots,
        })
        .collect();
    if groups.is_empty() {
        return Ok(None);
    }
    let name = measure.name(outcome.whole());
    let title = format!("{}: asked beforehand, {name}", outcome.workload);
    let label = measure.towards_better(&name);
    let ratios = groups
        .iter()
        .flat_map(|group| &group.dots)
        .map(|dot| dot.value);
    let figure = Dots {
        title: &title,
        axis: words::axis(&label, ratios.chain(noise)),
        one: "no difference",
        groups,
        key: KEY.to_vec(),
        band: BAND,
    };
    let file = format!("{stem}-asked-{}.svg", measure.stem());
    Drawing::new(file, &title, &outcome.source, |note| figure.svg(note)).map(Some)
}

fn answered<'a>(
    outcome: &'a Outcome,
    measure: Measure,
    name: impl Fn(&'a Comparison) -> Option<&'a str>,
) -> Vec<Dot> {
    let eevdf = outcome.eevdf();
    let dot = |comparison: &'a Comparison| {
        let value = measure.compared(comparison)?;
        Some(Dot {
            label: name(comparison)?.to_owned(),
            value,
            shown: words::change(value.estimate),
            standing: standing(measure.answer(comparison, eevdf)?),
        })
    };
    outcome.comparisons.iter().filter_map(dot).collect()
}

pub(crate) fn claims(outcome: &Outcome, stem: &str) -> Result<Option<Drawing>> {
    if outcome.claimed.is_empty() {
        return Ok(None);
    }
    let noise = Measure::Throughput.noise(outcome);
    let title = format!(
        "{}: what tune claimed, and what is left of it",
        outcome.workload
    );
    let label = Measure::Throughput.towards_better("throughput against EEVDF");
    let ratios = outcome
        .claimed
        .iter()
        .flat_map(|claim| [claim.tune, claim.compare]);
    let figure = Dots {
        title: &title,
        axis: words::axis(&label, ratios.chain(noise)),
        one: EEVDF,
        groups: outcome
            .claimed
            .iter()
            .map(|claim| group(claim, noise))
            .collect(),
        key: vec![
            (Standing::Unclear, "the best of many, by tune"),
            (Standing::Floor, "the same afresh, by compare"),
        ],
        band: BAND,
    };
    let file = format!("{stem}-shrinkage.svg");
    Drawing::new(file, &title, &outcome.source, |note| figure.svg(note)).map(Some)
}

fn group(claim: &Claim, noise: Option<Interval>) -> Group {
    let dot = |label: &str, value: Interval, standing| Dot {
        label: label.to_owned(),
        value,
        shown: words::change(value.estimate),
        standing,
    };
    Group {
        name: claim.label.clone(),
        band: noise,
        dots: vec![
            dot("by tune", claim.tune, Standing::Unclear),
            dot("afresh", claim.compare, Standing::Floor),
        ],
    }
}
