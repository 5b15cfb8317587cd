// SPDX-License-Identifier: GPL-2.0-only
//! What was measured, on what: before any figure.

use std::collections::BTreeSet;

use maud::{html, Markup};

use super::measure::Measure;
use super::rows::heading;
use super::words;
use crate::outcome::{Outcome, SubjectOutcome};

/// The machine, emulation and its limits, how often, and the noise floor.
pub(crate) fn head(outcomes: &[&Outcome]) -> Markup {
    html! {
        section {
            @if outcomes.iter().any(|outcome| outcome.source.emulated) { (emulated(outcomes)) }
            @for machine in machines(outcomes) { p.machine { (machine) } }
            (floors(outcomes))
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
    let machine = |outcome: &Outcome| {
        let source = &outcome.source;
        format!("Linux {}, {}", source.kernel, source.machine)
    };
    let mut all: Vec<(String, Vec<String>)> = Vec::new();
    for outcome in outcomes {
        let name = outcome.stage.command().to_owned();
        match all.iter_mut().find(|(known, _)| *known == machine(outcome)) {
            Some((_, stages)) if stages.contains(&name) => {}
            Some((_, stages)) => stages.push(name),
            None => all.push((machine(outcome), vec![name])),
        }
    }
    let is_one = all.len() == 1;
    let said = all.into_iter().map(|(machine, stages)| match is_one {
        true => format!("{machine}."),
        false => format!("{machine}: {}.", words::list(&stages)),
    });
    said.collect()
}

fn floors(outcomes: &[&Outcome]) -> Markup {
    html! {
        p.caption { "What was measured, and the noise floor: EEVDF against itself" }
        div.scroll { table {
            thead { tr {
                th { "stage" } th { "under load" }
                th.n { "boots" } th.n { "super-blocks" }
                th.n { "throughput, noise floor" } th.n { "latency, noise floor" }
                th { "date (UTC)" }
            } }
            tbody { @for outcome in outcomes { @for subject in &outcome.subjects {
                (floor(outcome, subject))
            } } }
        } }
    }
}

fn floor(outcome: &Outcome, subject: &SubjectOutcome) -> Markup {
    let of = |measure: Measure| match measure.ratio(&subject.eevdf) {
        Some(ratio) => words::with_interval(ratio),
        None => "–".into(),
    };
    let latency = match subject.quantile {
        Some(percent) => format!("p{percent}: {}", of(Measure::Latency)),
        None => "–".into(),
    };
    html! {
        tr {
            th { (outcome.stage.command()) @if outcome.partial { " " span.badge.noise { "partial" } } }
            td { (heading(subject)) }
            td.n { (outcome.source.boots) }
            td.n { (subject.super_blocks) }
            td.n { (of(Measure::Throughput)) }
            td.n { (latency) }
            td { time datetime=(outcome.source.date) { (date(&outcome.source.date)) } }
        }
    }
}

/// `2026-11-23 14:05`
fn date(rfc3339: &str) -> String {
    rfc3339
        .chars()
        .take(16)
        .collect::<String>()
        .replace('T', " ")
}

fn notes(outcomes: &[&Outcome]) -> Markup {
    let mut seen = BTreeSet::new();
    let notes = outcomes.iter().flat_map(|outcome| &outcome.source.notes);
    let notes: Vec<_> = notes.filter(|note| seen.insert(note.as_str())).collect();
    html! {
        @if !notes.is_empty() {
            h3 { "What to know before believing it" }
            ul.notes { @for note in notes { li { (note) } } }
        }
    }
}
