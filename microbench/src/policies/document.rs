// SPDX-License-Identifier: GPL-2.0-only
//! The figures of `bench policies` as a Markdown document, which can be read in a terminal as well.

use std::fmt::Write;

use evidence::provenance;
use evidence::table::Table as Grid;

use super::figures::{Figure, OfMachine, Report, Row, Verdict};
use super::measure::EEVDF;
use super::metric::{Metric, Table, METRICS};

const METHOD: &str = include_str!("document.md");

/// A metric that a scheduler has not been measured for.
const NOTHING: &str = "–";

/// Fewer, and chance alone puts an interval on one side of 1 now and then.
const FEW_ROUNDS: usize = 6;

pub(crate) fn text(report: &Report) -> String {
    let mut text = String::from(METHOD);
    let _ = writeln!(text, "\n## How it was measured\n");
    for (name, value) in &report.facts {
        let _ = writeln!(text, "- {name}: {value}");
    }
    for machine in &report.machines {
        let OfMachine {
            name,
            rounds,
            boots,
            ..
        } = machine;
        let _ = writeln!(
            text,
            "- {name}: Linux {}, {}; rounds: {rounds}, boots: {boots}",
            machine.machine.kernel,
            provenance::hardware(&machine.machine)
        );
    }
    let emulated = match report.emulated {
        true => "yes: software plays the processor. Compare values of one machine with each other, not with those of real ones",
        false => "no",
    };
    let _ = writeln!(text, "- emulated: {emulated}");
    let _ = writeln!(text, "- date: {}", report.date);
    let _ = writeln!(text, "- again: `{}`", report.again);
    text.push_str(&tables(report));
    text
}

pub(crate) fn tables(report: &Report) -> String {
    let mut text = String::new();
    for machine in &report.machines {
        let _ = writeln!(text, "\n## {}", machine.name);
        if machine.rounds < FEW_ROUNDS {
            let _ = writeln!(
                text,
                "\nRounds: {}. With fewer than {FEW_ROUNDS} the intervals are too narrow.",
                machine.rounds
            );
        }
        for (table, title) in Table::ALL {
            let metrics: Vec<&Metric> = METRICS
                .iter()
                .filter(|metric| metric.table == table && is_measured(machine, metric))
                .collect();
            if !metrics.is_empty() {
                let _ = writeln!(text, "\n### {title}\n\n{}", grid(machine, &metrics));
            }
        }
        if !machine.failures.is_empty() {
            let _ = writeln!(text, "\n### Failures\n");
            for failure in &machine.failures {
                let _ = writeln!(text, "- {}", failure.replace('\n', " "));
            }
        }
    }
    text
}

fn is_measured(machine: &OfMachine, metric: &Metric) -> bool {
    let mut rows = machine.rows.iter();
    rows.any(|row| row.figures.contains_key(metric.key))
}

fn grid(machine: &OfMachine, metrics: &[&Metric]) -> String {
    let heads = metrics.iter().map(|metric| metric.head);
    let mut grid = Grid::new([""].into_iter().chain(heads));
    let mut line = |label: &str, row: &Row, show: fn(&Metric, &Figure) -> String| {
        let cells = metrics.iter().map(|metric| {
            let figure = row.figures.get(metric.key);
            figure.map_or_else(|| NOTHING.into(), |figure| show(metric, figure))
        });
        grid.row([label.to_owned()].into_iter().chain(cells));
    };
    for row in &machine.rows {
        if row.label == EEVDF[0] {
            line(EEVDF[0], row, own);
            line(EEVDF[1], row, ratio);
        } else {
            line(&row.label, row, ratio);
        }
    }
    grid.aligned()
}

/// `49.2 µs`
fn own(metric: &Metric, figure: &Figure) -> String {
    let value = number(figure.value);
    match metric.unit {
        "" => value,
        unit => format!("{value} {unit}"),
    }
}

/// `0.52 (0.48–0.55) ▲`
fn ratio(_: &Metric, figure: &Figure) -> String {
    let ratio = figure.ratio;
    let mark = match figure.verdict {
        Verdict::Better => " ▲",
        Verdict::Worse => " ▼",
        Verdict::Same => "",
    };
    let estimate = number(ratio.estimate);
    if figure.rounds < 2 {
        return estimate;
    }
    format!(
        "{estimate} ({}–{}){mark}",
        number(ratio.low),
        number(ratio.high)
    )
}

/// Three digits, two after the point at most.
fn number(number: f64) -> String {
    match number.abs() {
        size if size >= 99.95 => format!("{number:.0}"),
        size if size >= 9.995 => format!("{number:.1}"),
        size if size >= 0.0995 => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::figures::tests::report;
    use super::*;

    #[test]
    fn the_document_has_method_facts_and_a_row_for_each_scheduler() {
        let text = text(&report());
        for wanted in [
            "cargo xtask bench policies",
            "- commit: abc",
            "calibrated costs; rounds: 6, boots: 6",
            "- emulated: yes",
            "## 4 CPUs",
            "- failing, coming in charge, round 0: ejected",
        ] {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
        let fifo = text.lines().find(|line| line.starts_with("| fifo"));
        let fifo = fifo.unwrap();
        assert!(fifo.contains("1.99 (1.99–1.99) ▼"), "{fifo}");
        let failing = text.lines().find(|line| line.starts_with("| failing"));
        assert!(failing.unwrap().contains(NOTHING));
    }

    #[test]
    fn numbers_have_three_digits() {
        let numbers = [0.0123, 0.517, 1.0, 12.34, 1234.5].map(number);
        assert_eq!(numbers, ["0.012", "0.52", "1.00", "12.3", "1234"]);
    }
}
