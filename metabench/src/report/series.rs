// SPDX-License-Identifier: GPL-2.0-only
//! Rows of strategies as runs over steps. A row that several strategies came to was measured once
//! and has all their names: names that always go together share one run, and a row is a point of
//! each of its runs.

use evidence::figure::{Look, Run};
use evidence::sample::Interval;
use labkit::charge::setting::Setting;

use crate::outcome::RowOutcome;
use crate::record::Role;

/// Said behind the name of a run that switches by processes.
const BY_PROCESS: &str = ", replacing processes";

/// A row at its step.
pub(crate) type Placed<'a> = (usize, &'a RowOutcome);

/// Rows under a name, by number; or under several that always go together.
struct Named {
    names: Vec<String>,
    by_process: bool,
    rows: Vec<usize>,
}

/// Runs of the rows that are rotations; of others none.
pub(crate) fn runs(
    rows: &[Placed],
    value: impl Fn(usize, &RowOutcome) -> Option<Interval>,
) -> Vec<Run> {
    let all = named(rows);
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
        let points = named.rows.iter().filter_map(|&row| {
            let (step, row) = rows[row];
            Some((step, value(step, row)?))
        });
        runs.push(Run {
            name: format!("{}{how}", named.names.join(" = ")),
            look,
            points: points.collect(),
        });
    }
    runs.retain(|run| !run.points.is_empty());
    runs
}

/// In the order of first use.
fn named(rows: &[Placed]) -> Vec<Named> {
    let mut all: Vec<Named> = Vec::new();
    for (number, (_, row)) in rows.iter().enumerate() {
        let by_process = matches!(row.setting, Setting::Replace { .. });
        for name in names(row) {
            let known = all
                .iter_mut()
                .find(|named| named.names[0] == name && named.by_process == by_process);
            match known {
                Some(named) => named.rows.push(number),
                None => all.push(Named {
                    names: vec![name],
                    by_process,
                    rows: vec![number],
                }),
            }
        }
    }
    let mut merged: Vec<Named> = Vec::new();
    for named in all {
        match merged.iter_mut().find(|other| other.rows == named.rows) {
            Some(same) => same.names.extend(named.names),
            None => merged.push(named),
        }
    }
    merged
}

fn names(row: &RowOutcome) -> Vec<String> {
    match &row.role {
        Some(Role::Strategy { strategies, .. }) => strategies.clone(),
        Some(Role::EqualRotation) => vec!["equal rotation".into()],
        _ => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::made::{strategies, Effect, Made, BATCH};

    fn rows(rows: Vec<Effect>) -> Vec<RowOutcome> {
        let made = Made {
            subjects: vec![BATCH],
            rows,
            ..Made::default()
        };
        made.subject().rows
    }

    fn names(runs: &[Run]) -> Vec<(&str, Look, usize)> {
        let shown = |run: &Run| run.points.len();
        runs.iter()
            .map(|run| (&*run.name, run.look, shown(run)))
            .collect()
    }

    #[test]
    fn names_that_always_go_together_are_one_run() {
        let three = ["round-robin", "benefit", "delta of a with b"];
        let rows = rows(vec![
            strategies(&three[..2], 20_000, 1.01, 1.0),
            strategies(&["delta"], 20_000, 1.02, 1.0),
            strategies(&three, 100_000, 1.03, 1.0),
            strategies(&["delta"], 100_000, 1.04, 1.0),
        ]);
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
        assert_eq!(runs[0].points[1], (2, rows[2].throughput_ratio));
    }

    #[test]
    fn another_mechanism_looks_like_its_own_strategy_but_hollow() {
        let delta = strategies(&["delta"], 100_000, 1.0, 1.0);
        let process = Effect {
            label: "delta, processes".into(),
            setting: Setting::Replace {
                weights: vec![],
                period_us: 1,
            },
            ..delta.clone()
        };
        let benefit = strategies(&["benefit"], 100_000, 1.1, 1.0);
        let rows = rows(vec![benefit, delta, process]);
        let placed: Vec<_> = rows.iter().map(|row| (0, row)).collect();
        let runs = runs(&placed, |_, row| Some(row.throughput_ratio));
        assert_eq!(
            names(&runs)[2],
            ("delta, replacing processes", Look::Hollow(1), 1)
        );
        assert!(super::runs(&placed, |_, _| None).is_empty());
    }
}
