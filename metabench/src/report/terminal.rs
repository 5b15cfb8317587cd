// SPDX-License-Identifier: GPL-2.0-only
//! An outcome for a terminal: where it comes from, then the noise floor and the rows.

use std::fmt::{self, Write};

use evidence::sample::{Interval, LEVEL};

use super::{tables, words};
use crate::estimate::surest;
use crate::outcome::{Outcome, Source, SubjectOutcome};

/// The origin of an outcome, before any figure.
pub(crate) fn header(outcome: &Outcome) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_source(outcome, &mut text);
    text
}

/// The header, and all tables.
pub(crate) fn text(outcome: &Outcome) -> String {
    let mut text = header(outcome);
    let _ = write_tables(outcome, &mut text);
    text
}

fn write_tables(outcome: &Outcome, out: &mut String) -> fmt::Result {
    for subject in &outcome.subjects {
        write_subject(subject, out)?;
    }
    if let Some(first) = outcome.comparisons.first() {
        out.push_str(&tables::comparisons(outcome).terminal());
        let subjects = outcome.subjects.iter();
        let fewest = subjects.map(|subject| subject.super_blocks).min();
        write_if_too_few(fewest.unwrap_or_default(), first.level, out)?;
        writeln!(out)?;
    }
    if !outcome.claimed.is_empty() {
        out.push_str(&tables::claims(&outcome.claimed).terminal());
    }
    Ok(())
}

fn write_source(outcome: &Outcome, out: &mut String) -> fmt::Result {
    let Source {
        kernel,
        machine,
        emulated,
        boots,
        date,
        command,
        method,
        notes,
    } = &outcome.source;
    writeln!(out, "workload  {}", outcome.workload)?;
    writeln!(out, "method    {method}")?;
    writeln!(out, "machine   Linux {kernel}, {machine}")?;
    let emulated = if *emulated { "yes" } else { "no" };
    writeln!(out, "emulated  {emulated}")?;
    let complete = if outcome.partial { ", cut short" } else { "" };
    let subjects = outcome.subjects.iter();
    let n = subjects.map(|s| format!("{} of {}", s.super_blocks, s.subject.name));
    let n = n.collect::<Vec<_>>().join(", ");
    writeln!(out, "n         super-blocks: {n}; boots: {boots}{complete}")?;
    writeln!(out, "command   {command}")?;
    writeln!(out, "date      {date}")?;
    for note in notes {
        writeln!(out, "note      {note}")?;
    }
    writeln!(out)
}

fn write_subject(subject: &SubjectOutcome, out: &mut String) -> fmt::Result {
    out.push_str(&tables::rows(subject).terminal());
    if !subject.eevdf.parts.is_empty() {
        out.push_str(&tables::parts(subject).terminal());
    }
    for row in subject.rows.iter().filter(|row| !row.setting.is_one()) {
        writeln!(out, "{}: {}", row.label, row.setting)?;
    }
    writeln!(out, "{}", places(&subject.positions))?;
    write_if_too_few(subject.super_blocks, LEVEL, out)?;
    writeln!(out)
}

/// However many resamples: an interval cannot be wider than from the smallest to the largest.
fn write_if_too_few(super_blocks: usize, level: f64, out: &mut String) -> fmt::Result {
    let sure = surest(super_blocks);
    if sure >= level {
        return Ok(());
    }
    let [sure, level] = [sure, level].map(|part| words::trimmed(100.0 * part));
    writeln!(
        out,
        "{super_blocks} super-blocks are too few for an interval of {level} %: from the smallest \
         to the largest ratio is one of {sure} %."
    )
}

/// The effect of place in one line.
fn places(positions: &[Interval]) -> String {
    if positions.is_empty() {
        return "Place in the super-block: nothing can be said of it.".into();
    }
    let estimates = || positions.iter().map(|place| place.estimate);
    let low = estimates().fold(f64::INFINITY, f64::min);
    let high = estimates().fold(0.0, f64::max);
    let surely: Vec<_> = (1..)
        .zip(positions)
        .filter(|(_, place)| place.low > 1.0 || place.high < 1.0)
        .map(|(number, place)| format!("{number} ({})", words::bounds(*place)))
        .collect();
    let surely = match &surely[..] {
        [] => "no place differs surely".into(),
        some => format!("places that differ: {}", some.join(", ")),
    };
    format!(
        "Place in the super-block (1 to {}): {} to {} of a row's median throughput; {surely}.",
        positions.len(),
        words::ratio(low),
        words::ratio(high)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::made::Made;
    use crate::report::sample;

    #[test]
    fn the_method_comes_first_and_losses_are_said_as_plainly_as_wins() {
        insta::assert_snapshot!(text(&sample::compare()));
    }

    #[test]
    fn without_latencies_there_are_no_columns_for_them() {
        insta::assert_snapshot!(text(&sample::messaging()));
    }

    #[test]
    fn too_few_super_blocks_are_said_to_be() {
        let text = |rounds| {
            let made = Made {
                rounds,
                ..Made::default()
            };
            text(&made.outcome())
        };
        // All five ratios lie on one side of the median once in sixteen times.
        let few = "5 super-blocks are too few for an interval of 95 %";
        assert!(text(5).contains(few), "{}", text(5));
        assert!(text(5).contains("is one of 93.75 %."));
        assert!(!text(6).contains("too few"));
    }

    #[test]
    fn a_place_that_matters_is_named() {
        let sure = |low, high| Interval {
            estimate: (low + high) / 2.0,
            low,
            high,
        };
        let text = places(&[sure(0.96, 0.98), sure(0.99, 1.01)]);
        assert_eq!(
            text,
            "Place in the super-block (1 to 2): 0.970 to 1.000 of a row's median throughput; \
             places that differ: 1 (0.960 .. 0.980)."
        );
        assert!(places(&[sure(0.9, 1.1)]).ends_with("no place differs surely."));
    }
}
