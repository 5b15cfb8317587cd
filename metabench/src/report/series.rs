// SPDX-License-Identifier: GPL-2.0-only
//! Rows of strategies as runs over steps. A row that several strategies came to was measured once
//! and has all their names: names that always go together share one run, and a row is a point of
//! each of its runs.

use evidence::figure::{Look, Run};
use evidence::sample::Interval;
use labkit::charge::setting::Setting;

use crate::outcome::RowOutcome;
use crate::trial::record::Role;

/// What a run of another mechanism is called beside.
const BY_PROCESS: &str = ", replacing processes";

/// A row at its step.
pub(crate) type Placed<'a> = (usize, &'a RowOutcome);

struct Named<'a> {
    names: Vec<String>,
    by_process: bool,
    rows: Vec<Placed<'a>>,
}

/// Runs of the rows that are rotations; of others none.
pub(crate) fn runs(
    rows: &[Placed],
    value: impl Fn(usize, &RowOutcome) -> Option<Interval>,
) -> Vec<Run> {
    let all = merged(named(rows));
    let flips: Vec<&Named> = all.iter().filter(|named| !named.by_process).collect();
    let mut next = flips.len();
    let mut runs = Vec::new();
    for named in &all {
        let own = flips
            .iter()
            .position(|flip| flip.names[0] == named.names[0]);
        let number = own.unwrap_or_else(|| {
            next += 1;
            next - 1
        });
        let (look, how) = match named.by_process {
            false => (Look::Own(number), ""),
            true => (Look::Hollow(number), BY_PROCESS),
        };
        let points = named.rows.iter();
        runs.push(Run {
            name: format!("{}{how}", named.names.join(" = ")),
            look,
            points: points
                .filter_map(|(step, row)| Some((*step, value(*step, row)?)))
                .collect(),
        });
    }
    runs.retain(|run| !run.points.is_empty());
    runs
}

/// A run for each name, in the order of first use.
fn named<'a>(rows: &[Placed<'a>]) -> Vec<Named<'a>> {
    let mut all: Vec<Named> = Vec::new();
    for &(step, row) in rows {
        let by_process = matches!(row.setting, Setting::Replace { .. });
        for name in names(row) {
            let known = all
                .iter_mut()
                .find(|named| named.names[0] == name && named.by_process == by_process);
            match known {
                Some(named) => named.rows.push((step, row)),
                None => all.push(Named {
                    names: vec![name],
                    by_process,
                    rows: vec![(step, row)],
                }),
            }
        }
    }
    all
}

fn names(row: &RowOutcome) -> Vec<String> {
    match &row.role {
        Some(Role::Strategy { strategies, .. }) => strategies.clone(),
        Some(Role::EqualRotation) => vec!["equal rotation".into()],
        _ => vec![],
    }
}

fn merged(all: Vec<Named>) -> Vec<Named> {
    let mut merged: Vec<Named> = Vec::new();
    for named in all {
        let labels = |named: &Named| -> Vec<(usize, String)> {
            let rows = named.rows.iter();
            rows.map(|(step, row)| (*step, row.label.clone())).collect()
        };
        let same = merged
            .iter_mut()
            .find(|m| m.by_process == named.by_process && labels(m) == labels(&named));
        match same {
            Some(same) => same.names.extend(named.names),
            None => merged.push(named),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::super::sample::{ratio, rotation};
    use super::*;

    fn names(runs: &[Run]) -> Vec<(&str, Look, usize)> {
        let shown = |run: &Run| run.points.len();
        runs.iter()
            .map(|run| (&*run.name, run.look, shown(run)))
            .collect()
    }

    #[test]
    fn names_that_always_go_together_are_one_run() {
        let rows = [
            rotation(&["round-robin", "benefit"], 20_000, ratio(1.01)),
            rotation(&["delta"], 20_000, ratio(1.02)),
            rotation(
                &["round-robin", "benefit", "delta of a with b"],
                100_000,
                ratio(1.03),
            ),
            rotation(&["delta"], 100_000, ratio(1.04)),
        ];
        let placed = [(1, &rows[0]), (1, &rows[1]), (2, &rows[2]), (2, &rows[3])];
        let runs = runs(&placed, |_, row| Some(row.throughput_ratio));
        assert_eq!(
            names(&runs),
            [
                ("round-robin = benefit", Look::Own(0), 2),
                ("delta", Look::Own(1), 2),
                ("delta of a with b", Look::Own(2), 1),
            ]
        );
        assert_eq!(runs[0].points[1], (2, ratio(1.03)));
    }

    #[test]
    fn another_mechanism_looks_like_its_own_strategy_but_hollow() {
        let mut process = rotation(&["delta"], 100_000, ratio(0.9));
        process.setting = Setting::Replace {
            weights: vec![],
            period_us: 1,
        };
        let flip = [
            rotation(&["benefit"], 100_000, ratio(1.1)),
            rotation(&["delta"], 100_000, ratio(1.0)),
        ];
        let placed = [(0, &flip[0]), (0, &flip[1]), (0, &process)];
        let runs = runs(&placed, |_, row| Some(row.throughput_ratio));
        assert_eq!(
            names(&runs)[2],
            ("delta, replacing processes", Look::Hollow(1), 1)
        );
        assert!(super::runs(&placed, |_, _| None).is_empty());
    }
}
