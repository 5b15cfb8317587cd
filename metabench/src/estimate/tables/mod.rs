// SPDX-License-Identifier: GPL-2.0-only
//! An outcome for a terminal: where it comes from, then the noise floor, then the rows.

mod compared;
mod number;

use std::fmt::{self, Write};

pub(crate) use compared::surest;
use number::{between, figure, or_dash, ratio};

use super::verdict::{self, Verdict};
use crate::outcome::{Outcome, RowOutcome, Source, SubjectOutcome};
use evidence::sample::{Interval, LEVEL};
use evidence::table::{self, time_ns, Table};

const NS_PER_MS: f64 = 1e6;

/// Where an outcome comes from, before any figure.
pub(crate) fn header(outcome: &Outcome) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_source(outcome, &mut text);
    text
}

pub(crate) fn tables(outcome: &Outcome) -> String {
    let mut text = String::new();
    let _ = write_tables(outcome, &mut text);
    text
}

fn write_tables(outcome: &Outcome, out: &mut String) -> fmt::Result {
    write_source(outcome, out)?;
    for subject in &outcome.subjects {
        write_subject(subject, out)?;
    }
    if !outcome.comparisons.is_empty() {
        compared::write_comparisons(outcome, out)?;
    }
    if !outcome.claimed.is_empty() {
        compared::write_claims(&outcome.claimed, out)?;
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
    let n: Vec<_> = outcome
        .subjects
        .iter()
        .map(|subject| format!("{} of {}", subject.super_blocks, subject.subject.name))
        .collect();
    writeln!(
        out,
        "n         super-blocks: {}; boots: {boots}{complete}",
        n.join(", ")
    )?;
    writeln!(out, "command   {command}")?;
    writeln!(out, "date      {date}")?;
    for note in notes {
        writeln!(out, "note      {note}")?;
    }
    writeln!(out)
}

fn write_subject(subject: &SubjectOutcome, out: &mut String) -> fmt::Result {
    let about = &subject.subject;
    let whole = if about.whole { ", the whole" } else { "" };
    let (name, unit, concurrency) = (&about.name, &about.unit, about.concurrency);
    writeln!(
        out,
        "{name}{whole}: {unit}, {concurrency} requests at once\n"
    )?;
    writeln!(out, "{}", rows(subject))?;
    if !subject.eevdf.parts.is_empty() {
        writeln!(out, "\nThroughput of each part, relative to EEVDF:\n")?;
        writeln!(out, "{}", parts(subject))?;
    }
    for row in &subject.rows {
        if !row.setting.is_one() {
            writeln!(out, "{}: {}", row.label, row.setting)?;
        }
    }
    writeln!(out, "{}", places(&subject.positions))?;
    compared::write_if_too_few(subject.super_blocks, LEVEL, out)?;
    writeln!(out)
}

fn rows(subject: &SubjectOutcome) -> Table {
    let unit = subject.subject.unit.as_str();
    let quantile = subject.quantile.map(|percent| format!("p{percent}"));
    let mut heads = vec!["", "n", unit, "ratio", "95 % interval", ""];
    if let Some(quantile) = &quantile {
        heads.extend(["requests", quantile, "ratio", "95 % interval", ""]);
    }
    let mut table = Table::new(heads);
    for row in [&subject.eevdf].into_iter().chain(&subject.rows) {
        let is_eevdf = row.role.is_none();
        let of = |verdict: Option<Verdict>| match verdict {
            _ if is_eevdf => "noise floor".into(),
            Some(verdict) => verdict.to_string(),
            None => "-".into(),
        };
        let throughput = Some(verdict::throughput(row, &subject.eevdf));
        let label = if is_eevdf {
            "EEVDF (last to first)"
        } else {
            &row.label
        };
        let mut cells = vec![
            label.into(),
            table::count(row.n as u64),
            figure(row.throughput.estimate),
            ratio(row.throughput_ratio.estimate),
            between(row.throughput_ratio),
            of(throughput),
        ];
        if quantile.is_some() {
            cells.push(table::count(row.requests));
            cells.push(or_dash(row.latency_ms, |ms| {
                time_ns(ms.estimate * NS_PER_MS)
            }));
            cells.push(or_dash(row.latency_ratio, |r| ratio(r.estimate)));
            cells.push(or_dash(row.latency_ratio, between));
            cells.push(of(verdict::latency(row, &subject.eevdf)));
        }
        table.row(cells);
    }
    table
}

fn parts(subject: &SubjectOutcome) -> Table {
    let names = subject.eevdf.parts.iter().map(|(name, _)| name.as_str());
    let mut table = Table::new([""].into_iter().chain(names));
    for row in [&subject.eevdf].into_iter().chain(&subject.rows) {
        let RowOutcome { label, parts, .. } = row;
        let cells = parts
            .iter()
            .map(|(_, r)| format!("{} ({})", ratio(r.estimate), between(*r)));
        table.row([label.clone()].into_iter().chain(cells));
    }
    table
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
        .map(|(number, place)| format!("{number} ({})", between(*place)))
        .collect();
    let surely = match &surely[..] {
        [] => "no place differs surely".into(),
        some => format!("places that differ: {}", some.join(", ")),
    };
    format!(
        "Place in the super-block (1 to {}): {} to {} of a row's median throughput; {surely}.",
        positions.len(),
        ratio(low),
        ratio(high)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::made::{winner, Made, BATCH, BOTH, WEB};
    use crate::estimate::outcome;
    use crate::outcome::{Claim, Comparison};

    fn made() -> Outcome {
        let mut made = Made {
            subjects: vec![WEB, BATCH, BOTH],
            ..Made::default()
        };
        made.rows.push(winner(1.0, 1.0));
        outcome(&[made.raw()]).unwrap()
    }

    fn position(text: &str, part: &str) -> usize {
        text.find(part).unwrap_or_else(|| panic!("{part}: {text}"))
    }

    #[test]
    fn the_method_comes_first_and_the_noise_floor_before_the_rows() {
        let text = tables(&made());
        let order = [
            "workload  made",
            "method    Super-blocks",
            "machine   Linux 6.18.15, 2 CPUs, emulated",
            "emulated  yes",
            "n         super-blocks: 8 of web, 8 of batch, 8 of both; boots: 1\n",
            "note      Emulated",
            "web: requests/s, 20 requests at once",
            "noise floor",
            " fifo ",
            " vtime ",
            "winner: fifo 75.0 %, vtime 25.0 %; rotation of 100 ms",
            "Place in the super-block (1 to 5): ",
            "batch: requests/s",
            "both, the whole: requests/s",
            "Throughput of each part",
        ];
        let mut rest = &text[..];
        for part in order {
            rest = &rest[position(rest, part)..];
        }
    }

    #[test]
    fn losses_are_said_as_plainly_as_wins() {
        let text = tables(&made());
        let web = &text[position(&text, "web: requests/s")..position(&text, "batch: requests/s")];
        let row = |name: &str| {
            let row = web.lines().find(|line| line.trim_start().starts_with(name));
            row.unwrap_or_else(|| panic!("{name}: {web}"))
        };
        assert_eq!(row("fifo").matches(" better").count(), 2, "{web}");
        assert_eq!(row("vtime").matches(" worse").count(), 2, "{web}");
        assert_eq!(
            row("winner").matches("inside the noise").count(),
            2,
            "{web}"
        );
        // A batch job has no latencies.
        let batch = &text[position(&text, "batch: requests/s")..position(&text, "both, the")];
        assert!(web.contains(" p99 ") && !batch.contains("p99"), "{batch}");
    }

    #[test]
    fn comparisons_say_how_sure_they_can_be() {
        let mut outcome = made();
        let throughput_ratio = Interval {
            estimate: 1.02,
            low: 1.01,
            high: 1.03,
        };
        outcome.comparisons = vec![Comparison {
            what: "winner against EEVDF".into(),
            throughput_ratio,
            latency_ratio: None,
            level: 1.0 - 0.05 / 12.0,
        }];
        outcome.claimed = vec![Claim {
            label: "winner".into(),
            tune: Interval {
                estimate: 1.05,
                ..throughput_ratio
            },
            compare: throughput_ratio,
        }];
        let text = tables(&outcome);
        assert!(text.contains("each interval is of 99.58 %"), "{text}");
        let few =
            "8 super-blocks are too few for an interval of 99.58 %: from the smallest to the \
                   largest ratio is one of 99.22 %.";
        assert!(text.contains(few), "{text}");
        let asked = &text[position(&text, "Asked beforehand")..position(&text, "What tune")];
        assert!(asked.contains("1.010 .. 1.030   better"), "{asked}");
        assert!(text.contains("-0.030"), "{text}");
        outcome.comparisons[0].level = 0.95;
        assert!(!tables(&outcome).contains("too few"));
    }

    #[test]
    fn too_few_super_blocks_are_said_to_be() {
        let text = |rounds| {
            let made = Made {
                rounds,
                ..Made::default()
            };
            tables(&outcome(&[made.raw()]).unwrap())
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
