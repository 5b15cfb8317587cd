// SPDX-License-Identifier: GPL-2.0-only
//! How it was measured, and the commands that measure it again.

use maud::{html, Markup};

use super::head;
use crate::outcome::Outcome;

pub(crate) fn method(outcomes: &[&Outcome]) -> Markup {
    let methods = head::by_stage(outcomes, |outcome| outcome.source.method.clone());
    html! {
        section {
            h3 { "Method" }
            @for (method, stages) in &methods {
                p { @if methods.len() > 1 { strong { (stages.join(", ")) ": " } } (method) }
            }
            p {
                "A verdict is “inside the noise” where the interval includes 1 or lies within the \
                 noise floor's. Figures of latency come from the same blocks as those of throughput."
            }
            (loads(outcomes))
            h3 { "Again" }
            pre { code { @for outcome in outcomes { (outcome.source.command) "\n" } } }
            p {
                "Each writes its raw data beside its figures; with " code { "--from RAW" } " it makes \
                 the figures again and measures nothing. This page: "
                code { "scx_metabench report FILE.json… --out DIR" } "."
            }
        }
    }
}

/// The command lines of every load, once.
fn loads(outcomes: &[&Outcome]) -> Markup {
    let subjects = outcomes.iter().flat_map(|outcome| &outcome.subjects);
    let lines = subjects.flat_map(|subject| {
        let about = &subject.subject;
        about.commands.iter().map(|line| (&about.name, line))
    });
    let all = evidence::once(lines);
    html! {
        @if !all.is_empty() {
            p { "The load:" }
            ul.notes { @for (name, line) in all { li { (name) ": " code { (line) } } } }
        }
    }
}
