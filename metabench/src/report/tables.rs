// SPDX-License-Identifier: GPL-2.0-only
//! The figures' numbers as tables.

use evidence::sample::Interval;
use evidence::table;
use maud::{html, Markup};

use super::book::Chapter;
use super::measure::Measure;
use super::rows::heading;
use super::{together, words};
use crate::estimate::{Verdict, EEVDF};
use crate::outcome::{Claim, Comparison, Outcome, RowOutcome, SubjectOutcome};
use crate::trial::record::Stage;

const NS_PER_MS: f64 = 1e6;
const NONE: &str = "–";

pub(crate) fn tables(chapter: &Chapter) -> Markup {
    html! {
        @if chapter.stage == Stage::Breakdown { (counts(&chapter.outcomes)) }
        @for outcome in &chapter.outcomes {
            @if !outcome.comparisons.is_empty() { (comparisons(outcome)) }
            @if !outcome.claimed.is_empty() { (claims(&outcome.claimed)) }
            @if outcome.subjects.is_empty() { p { "No super-block is complete." } }
            @for subject in &outcome.subjects {
                (rows(subject))
                @if !subject.eevdf.parts.is_empty() { (parts(subject)) }
                (places(&subject.positions))
            }
        }
    }
}

fn verdict(verdict: Option<Verdict>) -> Markup {
    let class = match verdict {
        Some(Verdict::Better) => "better",
        Some(Verdict::Worse) => "worse",
        Some(Verdict::InsideNoise) => "noise",
        None => return html! { (NONE) },
    };
    html! { @if let Some(verdict) = verdict { span.badge.(class) { (verdict.to_string()) } } }
}

fn ratio(ratio: Option<Interval>) -> Markup {
    match ratio {
        Some(ratio) => html! {
            (words::change(ratio.estimate)) " " small { (words::between(ratio)) }
        },
        None => html! { (NONE) },
    }
}

fn rows(subject: &SubjectOutcome) -> Markup {
    let has_latency = subject.quantile.is_some();
    let latency = Measure::Latency.name([subject]);
    let about = &subject.subject;
    html! {
        p.caption {
                (heading(subject)) ": " (about.unit) ", "
                (words::count(about.concurrency as usize, "request")) " at once, "
                (words::count(subject.super_blocks, "super-block"))
            }
        div.scroll { table {
            thead { tr {
                th { "row" } th.n { (about.unit) }
                th.n { "against " (EEVDF) } th { "throughput" }
                @if has_latency {
                    th.n { "requests" } th.n { (latency) } th.n { "against " (EEVDF) } th { "latency" }
                }
            } }
            tbody {
                (row(&subject.eevdf, subject))
                @for row in &subject.rows { (self::row(row, subject)) }
            }
        } }
    }
}

fn row(row: &RowOutcome, subject: &SubjectOutcome) -> Markup {
    let is_floor = row.role.is_none();
    let of = |measure: Measure| match is_floor {
        true => html! { "noise floor" },
        false => verdict(measure.verdict(row, &subject.eevdf)),
    };
    let is_rotation = !row.setting.is_one();
    html! {
        tr.floor[is_floor] {
            th { (row.label) @if is_rotation { small { (row.setting) } } }
            td.n { (words::figure(row.throughput.estimate)) }
            td.n { (ratio(Some(row.throughput_ratio))) }
            td { (of(Measure::Throughput)) }
            @if subject.quantile.is_some() {
                td.n { (table::count(row.requests)) }
                td.n { (row.latency_ms.map_or(NONE.into(), milliseconds)) }
                td.n { (ratio(row.latency_ratio)) }
                td { (of(Measure::Latency)) }
            }
        }
    }
}

fn milliseconds(ms: Interval) -> String {
    table::time_ns(ms.estimate * NS_PER_MS)
}

fn parts(subject: &SubjectOutcome) -> Markup {
    let all = || [&subject.eevdf].into_iter().chain(&subject.rows);
    html! {
        p.caption { (heading(subject)) ": throughput of each part against " (EEVDF) }
        div.scroll { table {
            thead { tr {
                th { "row" }
                @for (name, _) in &subject.eevdf.parts { th.n { (name) } }
            } }
            tbody { @for row in all() {
                tr.floor[row.role.is_none()] {
                    th { (row.label) }
                    @for (_, part) in &row.parts { td.n { (ratio(Some(*part))) } }
                }
            } }
        } }
    }
}

fn places(positions: &[Interval]) -> Markup {
    let shown = positions.iter().zip(1..);
    let shown = shown.map(|(place, n)| format!("{n}: {}", words::with_interval(*place)));
    html! {
        @if !positions.is_empty() {
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

fn comparisons(outcome: &Outcome) -> Markup {
    let level = outcome
        .comparisons
        .first()
        .map_or(0.95, |comparison| comparison.level);
    let latency = Measure::Latency.name(outcome.whole());
    let answer = |comparison: &Comparison, measure: Measure| {
        html! {
            td.n { (ratio(measure.compared(comparison))) }
            td { (verdict(measure.answer(comparison, outcome.eevdf()))) }
        }
    };
    html! {
        p.caption { "Asked beforehand; each interval is of " (format!("{:.2}", 100.0 * level)) " %" }
        div.scroll { table {
            thead { tr {
                th { "the first against the second" }
                th.n { "throughput" } th {} th.n { (latency) } th {}
            } }
            tbody { @for comparison in &outcome.comparisons { tr {
                th { (comparison.what) }
                @for measure in Measure::ALL { (answer(comparison, measure)) }
            } } }
        } }
    }
}

fn claims(claims: &[Claim]) -> Markup {
    let points = |claim: &Claim| {
        let difference = 100.0 * (claim.compare.estimate - claim.tune.estimate);
        format!("{difference:+.1} points").replace('-', "−")
    };
    html! {
        p.caption { "Shrinkage: throughput against " (EEVDF) ", as tune had it and afresh" }
        div.scroll { table {
            thead { tr {
                th { "row" } th.n { "by tune" } th.n { "afresh" } th.n { "difference" }
            } }
            tbody { @for claim in claims { tr {
                th { (claim.label) }
                td.n { (ratio(Some(claim.tune))) }
                td.n { (ratio(Some(claim.compare))) }
                td.n { (points(claim)) }
            } } }
        } }
    }
}

fn counts(outcomes: &[&Outcome]) -> Markup {
    let counted = together::by_count(outcomes);
    let best = |subject| together::best_held(subject, Measure::Throughput);
    let over = |row: &RowOutcome, subject| {
        together::quotient(row.throughput_ratio, best(subject)?.throughput_ratio)
    };
    html! {
        p.caption { "Throughput of rotations by number of applications" }
        div.scroll { table {
            thead { tr {
                th.n { "n" } th { "row" } th.n { "against " (EEVDF) } th {}
                th { "best policy held" } th.n { "against it" }
            } }
            tbody { @for (count, subject) in &counted {
                @for row in subject.rows.iter().filter(|row| row.setting.period_us().is_some()) {
                    tr {
                        td.n { (count) }
                        th { (row.label) }
                        td.n { (ratio(Some(row.throughput_ratio))) }
                        td { (verdict(Measure::Throughput.verdict(row, &subject.eevdf))) }
                        td { (best(subject).map_or(NONE, |best| &best.label)) }
                        td.n { (ratio(over(row, subject))) }
                    }
                }
            } }
        } }
    }
}
