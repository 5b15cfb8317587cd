// SPDX-License-Identifier: GPL-2.0-only
//! The page: one file that needs no other, in light, dark and print.

use maud::{html, Markup, PreEscaped, DOCTYPE};

use super::book::{Chapter, Part};
use super::drawing::Drawing;
use super::{conclusion, head, method, tables, words};
use crate::estimate::Choice;
use crate::outcome::{Outcome, SubjectOutcome};
use crate::record::Stage;

/// Figures are shown at these parts of their own size: their text is of 13 pixels.
const LARGEST: f64 = 1.15;
const USUAL: f64 = 0.9;
const SMALLEST: f64 = 0.72;
const LEAST_WIDTH: f64 = 480.0;

const STYLE: &str = include_str!("style.css");

pub(crate) fn page(parts: &[Part]) -> String {
    let names: Vec<_> = parts.iter().map(|part| part.workload.to_owned()).collect();
    let title = format!("scx_meta against EEVDF: {}", words::list(&names));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header { h1 { (title) } (contents(parts)) }
                main {
                    @for (number, part) in parts.iter().enumerate() { (self::part(part, number)) }
                }
            }
        }
    };
    page.into_string()
}

fn contents(parts: &[Part]) -> Markup {
    html! {
        @if parts.len() > 1 {
            nav aria-label="Workloads" {
                @for (number, part) in parts.iter().enumerate() {
                    a href={ "#w" (number) } { (part.workload) }
                }
            }
        }
    }
}

fn part(part: &Part, number: usize) -> Markup {
    html! {
        article id={ "w" (number) } {
            h2 { (part.workload) }
            (head::head(&part.outcomes))
            section {
                h3 { "Verdict" }
                (conclusion::conclusion(&part.outcomes))
            }
            @for chapter in &part.chapters { (self::chapter(chapter)) }
            (method::method(&part.outcomes))
        }
    }
}

fn chapter(chapter: &Chapter) -> Markup {
    let (heading, lead) = told(chapter.stage);
    html! {
        section {
            h3 { (heading) " " small { "scx_metabench " (chapter.stage.command()) } }
            p { (lead) }
            @if chapter.stage == Stage::Tune {
                @for outcome in &chapter.outcomes { (optima(outcome)) }
            }
            div.figures { @for drawing in &chapter.drawings { (figure(drawing)) } }
            (numbers(chapter))
        }
    }
}

/// Whether throughput and latency agree; nothing without latencies.
fn optima(outcome: &Outcome) -> Markup {
    let Some((throughput, latency)) = Choice::optima(outcome) else {
        return html! {};
    };
    html! {
        p { @if throughput == latency {
            "By throughput and by latency tune picks the same: " (throughput) "."
        } @else {
            "Both optima do not coincide: by throughput tune picks " (throughput)
            ", by latency " (latency) "."
        } }
    }
}

/// The picture, which grows and shrinks as long as it can be read; what it says, the tables say
/// too.
fn figure(drawing: &Drawing) -> Markup {
    let (_, rest) = drawing.inline.split_once("viewBox=").unwrap_or_default();
    let size = rest.split('"').nth(1).unwrap_or_default();
    let width = size.split(' ').nth(2).and_then(|width| width.parse().ok());
    let width: f64 = width.unwrap_or(LEAST_WIDTH);
    let [wide, usual, least] = [LARGEST, USUAL, SMALLEST].map(|part| (width * part).round());
    let sizes = format!("--wide:{wide}px;--usual:{usual}px;--least:{least}px");
    let label = html! { (drawing.title) }.into_string();
    html! {
        figure style=(sizes) {
            div.card { (PreEscaped(format!(r#"<svg role="img" aria-label="{label}" viewBox={rest}"#))) }
            figcaption { "As a file: " code { (drawing.file) } }
        }
    }
}

/// The figures' numbers.
fn numbers(chapter: &Chapter) -> Markup {
    html! {
        @if chapter.stage == Stage::Breakdown { (tables::counts(&chapter.outcomes).page()) }
        @for outcome in &chapter.outcomes {
            @if !outcome.comparisons.is_empty() { (tables::comparisons(outcome).page()) }
            @if !outcome.claimed.is_empty() { (tables::claims(&outcome.claimed).page()) }
            @if outcome.subjects.is_empty() { p { "No super-block is complete." } }
            @for subject in &outcome.subjects {
                (tables::rows(subject).page())
                @if !subject.eevdf.parts.is_empty() { (tables::parts(subject).page()) }
                (places(subject))
            }
        }
    }
}

fn places(subject: &SubjectOutcome) -> Markup {
    let shown = subject.positions.iter().zip(1..);
    let shown = shown.map(|(place, n)| format!("{n}: {}", words::with_interval(*place)));
    html! {
        @if !subject.positions.is_empty() {
            details {
                summary { "Does place within a super-block matter?" }
                p {
                    "Throughput by place, relative to the row's median; 0 % where place does not \
                     matter. " (shown.collect::<Vec<_>>().join(" · "))
                }
            }
        }
    }
}

fn told(stage: Stage) -> (&'static str, &'static str) {
    match stage {
        Stage::Try => (
            "One command under each scheduler",
            "Every row against the EEVDF blocks around it.",
        ),
        Stage::Profile => (
            "Parts and the whole by policy",
            "Each application by itself, and the whole, with one policy held at a time.",
        ),
        Stage::Tune => (
            "Strategy by base timeslice",
            "Each strategy at each base timeslice t_b, beside each policy held. A row that several \
             strategies came to was measured once and stands for all of them. The best of so many \
             rows flatters itself: no claim comes from here.",
        ),
        Stage::Compare => (
            "The winner, afresh",
            "Asked before the data came; the intervals are as wide as all questions together need \
             for 95\u{a0}%. The controls are what a claim of synergy must exceed: what the policies \
             held predict for their shares, and the weights swapped between policies. A rotation \
             between two rows of one policy shows what switching does by itself.",
        ),
        Stage::Arena => (
            "A scenario of the arena",
            "Every policy held, and the schedulers that choose or rotate.",
        ),
        Stage::Breakdown => (
            "More and more applications at once",
            "n applications that run at the same time, each with the policy it prefers. The best \
             policy held is picked after the fact, for each n. Intervals of its comparison are as \
             wide as both rows' intervals together allow.",
        ),
    }
}
