// SPDX-License-Identifier: GPL-2.0-only
//! All tables of outcomes, for a terminal and for the page.

use maud::html;

use super::table::{Cell, Head, Table};
use super::{together, words};
use crate::estimate::{best_held, Measure, EEVDF};
use crate::outcome::{Claim, Comparison, Outcome, RowOutcome, SubjectOutcome};

const AGAINST_EEVDF: &str = "against EEVDF";

/// EEVDF first.
fn all(subject: &SubjectOutcome) -> impl Iterator<Item = &RowOutcome> {
    [&subject.eevdf].into_iter().chain(&subject.rows)
}

fn is_floor(row: &&RowOutcome) -> bool {
    row.role.is_none()
}

/// The noise floor, then each row.
pub(crate) fn rows(subject: &SubjectOutcome) -> Table<&RowOutcome> {
    let about = &subject.subject;
    let heading = words::heading(subject);
    let lead = format!(
        "{heading}: {}, {} requests at once",
        about.unit, about.concurrency
    );
    let caption = format!(
        "{heading}: {}, {} at once, {}",
        about.unit,
        words::count(about.concurrency as usize, "request"),
        words::count(subject.super_blocks, "super-block")
    );
    let mut table = Table::new(lead, caption, all(subject))
        .floor(is_floor)
        .column(Head::label("row"), |row| label(row))
        .column(Head::number("n").in_terminal_only(), |row| {
            Cell::count(row.n as u64)
        })
        .column(Head::number(&about.unit), |row| {
            let figure = row.throughput.estimate;
            Cell::of(words::four_digits(figure), words::figure(figure))
        });
    table = against(table, subject, Measure::Throughput);
    let Some(percent) = subject.quantile else {
        return table;
    };
    let quantile = Head::number_as(&format!("p{percent}"), &Measure::Latency.name([subject]));
    table = table
        .column(Head::number("requests"), |row| Cell::count(row.requests))
        .column(quantile, |row| Cell::milliseconds(row.latency_ms));
    against(table, subject, Measure::Latency)
}

fn label(row: &RowOutcome) -> Cell {
    let terminal = match is_floor(&row) {
        true => "EEVDF (last to first)",
        false => &row.label,
    };
    let page = html! { (row.label) @if !row.setting.is_one() { small { (row.setting) } } };
    Cell::of(terminal, page)
}

/// Adds a measure's ratio and verdict.
fn against<'a>(
    table: Table<&'a RowOutcome>,
    subject: &SubjectOutcome,
    measure: Measure,
) -> Table<&'a RowOutcome> {
    table
        .column(Head::ratio("ratio", AGAINST_EEVDF), |row| {
            Cell::ratio(measure.ratio(row))
        })
        .column(Head::text(measure.stem()), |row| match is_floor(row) {
            true => Cell::text("noise floor"),
            false => Cell::verdict(measure.verdict(row, &subject.eevdf)),
        })
}

/// The applications of one that has several.
pub(crate) fn parts(subject: &SubjectOutcome) -> Table<&RowOutcome> {
    let lead = "\nThroughput of each part, relative to EEVDF:".into();
    let heading = words::heading(subject);
    let caption = format!("{heading}: throughput of each part against {EEVDF}");
    let mut table = Table::new(lead, caption, all(subject))
        .floor(is_floor)
        .column(Head::label("row"), |row| Cell::text(&row.label));
    for (i, (name, _)) in subject.eevdf.parts.iter().enumerate() {
        table = table.column(Head::number(name), |row| {
            Cell::brief_ratio(row.parts.get(i).map(|(_, ratio)| *ratio))
        });
    }
    table
}

/// Questions that were asked beforehand.
pub(crate) fn comparisons(outcome: &Outcome) -> Table<&Comparison> {
    let comparisons = &outcome.comparisons;
    let level = comparisons.first().map_or(0.95, |first| first.level);
    let lead = format!(
        "Asked beforehand; each interval is of {} %, so that all together hold with 95 %:",
        words::trimmed(100.0 * level)
    );
    let caption = format!(
        "Asked beforehand; each interval is of {:.2} %",
        100.0 * level
    );
    let mut table = Table::new(lead, caption, comparisons)
        .column(Head::label("the first against the second"), |comparison| {
            Cell::text(&comparison.what)
        });
    for measure in Measure::ALL {
        if comparisons.iter().all(|c| measure.compared(c).is_none()) {
            continue;
        }
        let head = Head::ratio_at_level(measure.stem(), &measure.name(outcome.whole()));
        table = table
            .column(head, |comparison| Cell::ratio(measure.compared(comparison)))
            .column(Head::text(""), |comparison| {
                Cell::verdict(measure.answer(comparison, outcome.eevdf()))
            });
    }
    table
}

/// Claims of an earlier stage, and what is left of them.
pub(crate) fn claims(claims: &[Claim]) -> Table<&Claim> {
    let lead = "What tune had claimed; the largest of many figures is too large, so it shrinks:";
    let caption = format!("Shrinkage: throughput against {EEVDF}, as tune had it and afresh");
    Table::new(lead.into(), caption, claims)
        .column(Head::label("row"), |claim| Cell::text(&claim.label))
        .column(Head::ratio_at_level("by tune", "by tune"), |claim| {
            Cell::ratio(Some(claim.tune))
        })
        .column(Head::ratio_at_level("afresh", "afresh"), |claim| {
            Cell::ratio(Some(claim.compare))
        })
        .column(Head::number("difference"), |claim| {
            let difference = claim.compare.estimate - claim.tune.estimate;
            let points = format!("{:+.1} points", 100.0 * difference).replace('-', "−");
            Cell::of(format!("{difference:+.3}"), points)
        })
}

/// Rotations by how many applications run at the same time.
pub(crate) fn counts<'a>(
    outcomes: &[&'a Outcome],
) -> Table<(usize, &'a SubjectOutcome, &'a RowOutcome)> {
    let caption = "Throughput of rotations by number of applications".into();
    let measure = Measure::Throughput;
    let rotations = together::by_count(outcomes)
        .into_iter()
        .flat_map(|(n, subject)| {
            let rows = subject.rows.iter();
            let rotations = rows.filter(|row| row.setting.period_us().is_some());
            rotations.map(move |row| (n, subject, row))
        });
    Table::new(String::new(), caption, rotations)
        .column(Head::number("n"), |(n, ..)| Cell::text(n.to_string()))
        .column(Head::label("row"), |(.., row)| Cell::text(&row.label))
        .column(Head::ratio("", AGAINST_EEVDF), |(.., row)| {
            Cell::ratio(measure.ratio(row))
        })
        .column(Head::text(""), |(_, subject, row)| {
            Cell::verdict(measure.verdict(row, &subject.eevdf))
        })
        .column(Head::text("best policy held"), |(_, subject, _)| {
            Cell::text(best_held(subject, measure).map_or("–", |best| &best.label))
        })
        .column(Head::ratio("", "against it"), |(_, subject, row)| {
            Cell::ratio(together::over_best(row, subject, measure))
        })
}

/// All subjects, and how much EEVDF differs from itself in each.
pub(crate) fn floors<'a>(outcomes: &[&'a Outcome]) -> Table<(&'a Outcome, &'a SubjectOutcome)> {
    let caption = "What was measured, and the noise floor: EEVDF against itself".into();
    let subjects = outcomes.iter().flat_map(|outcome| {
        let subjects = outcome.subjects.iter();
        subjects.map(|subject| (*outcome, subject))
    });
    let noise = |measure: Measure, subject: &SubjectOutcome| {
        let ratio = measure.ratio(&subject.eevdf);
        ratio.map_or_else(|| "–".into(), words::with_interval)
    };
    Table::new(String::new(), caption, subjects)
        .column(Head::label("stage"), |(outcome, _)| {
            let page = html! {
                (outcome.stage.command())
                @if outcome.partial { " " span.badge.noise { "partial" } }
            };
            Cell::of("", page)
        })
        .column(Head::text("under load"), |(_, subject)| {
            Cell::text(words::heading(subject))
        })
        .column(Head::number("boots"), |(outcome, _)| {
            Cell::text(outcome.source.boots.to_string())
        })
        .column(Head::number("super-blocks"), |(_, subject)| {
            Cell::text(subject.super_blocks.to_string())
        })
        .column(Head::number("throughput, noise floor"), |(_, subject)| {
            Cell::text(noise(Measure::Throughput, subject))
        })
        .column(Head::number("latency, noise floor"), |(_, subject)| {
            Cell::text(match subject.quantile {
                Some(percent) => format!("p{percent}: {}", noise(Measure::Latency, subject)),
                None => "–".into(),
            })
        })
        .column(Head::text("date (UTC)"), |(outcome, _)| {
            let date = &outcome.source.date;
            Cell::of("", html! { time datetime=(date) { (words::minute(date)) } })
        })
}
