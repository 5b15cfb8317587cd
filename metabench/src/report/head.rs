// SPDX-License-Identifier: GPL-2.0-only
//! The machine and the noise floor: before any figure.

use maud::{html, Markup};

use super::{tables, words};
use crate::outcome::Outcome;

/// The machine, emulation and its limits, how often, and the noise floor.
pub(crate) fn head(outcomes: &[&Outcome]) -> Markup {
    html! {
        section {
            @if outcomes.iter().any(|outcome| outcome.source.emulated) { (emulated(outcomes)) }
            @for machine in machines(outcomes) { p.machine { (machine) } }
            (tables::floors(outcomes).page())
            (notes(outcomes))
        }
    }
}

fn emulated(outcomes: &[&Outcome]) -> Markup {
    let emulated = outcomes.iter().filter(|outcome| outcome.source.emulated);
    let of: Vec<_> = emulated.map(|o| o.stage.command().to_owned()).collect();
    let which = match of.len() == outcomes.len() {
        true => String::new(),
        false => format!(" ({})", words::list(&of)),
    };
    html! {
        p.emulated role="note" {
            strong { "Emulated" (which) ". " }
            "Software played the processor. No time here is that of a real machine: compare \
             figures with each other, never with figures from elsewhere."
        }
    }
}

/// Each machine once, with the stages that ran on it if not all did.
fn machines(outcomes: &[&Outcome]) -> Vec<String> {
    let all = by_stage(outcomes, |outcome| {
        let source = &outcome.source;
        format!("Linux {}, {}", source.kernel, source.machine)
    });
    let is_one = all.len() == 1;
    let said = all.into_iter().map(|(machine, stages)| match is_one {
        true => format!("{machine}."),
        false => format!("{machine}: {}.", words::list(&stages)),
    });
    said.collect()
}

/// Each of what is said of outcomes once, with the stages it is said of.
pub(crate) fn by_stage(
    outcomes: &[&Outcome],
    said: impl Fn(&Outcome) -> String,
) -> Vec<(String, Vec<String>)> {
    let mut all: Vec<(String, Vec<String>)> = Vec::new();
    for outcome in outcomes {
        let (said, stage) = (said(outcome), outcome.stage.command().to_owned());
        match all.iter_mut().find(|(known, _)| *known == said) {
            Some((_, stages)) if stages.contains(&stage) => {}
            Some((_, stages)) => stages.push(stage),
            None => all.push((said, vec![stage])),
        }
    }
    all
}

fn notes(outcomes: &[&Outcome]) -> Markup {
    let notes = evidence::once(outcomes.iter().flat_map(|outcome| &outcome.source.notes));
    html! {
        @if !notes.is_empty() {
            h3 { "What to know before believing it" }
            ul.notes { @for note in notes { li { (note) } } }
        }
    }
}
