// SPDX-License-Identifier: GPL-2.0-only
//! The paper's second figure: each strategy at each base slice, relative to EEVDF, beside each
//! policy held.

use std::collections::BTreeSet;

use anyhow::Result;
use evidence::figure::{Look, Run};
use evidence::table::brief_time_ns;

use super::drawing::{Drawing, Frame};
use super::series::{self, Placed};
use crate::estimate::{Measure, EEVDF};
use crate::outcome::{Outcome, RowOutcome, SubjectOutcome};
use crate::record::Role;

const HELD: &str = "held";

/// Nothing if no strategy was measured.
pub(crate) fn drawing(outcome: &Outcome, stem: &str, measure: Measure) -> Result<Option<Drawing>> {
    let Some(whole) = outcome.whole() else {
        return Ok(None);
    };
    let slices: BTreeSet<u32> = whole.rows.iter().filter_map(base_slice_us).collect();
    let slices: Vec<u32> = slices.into_iter().collect();
    let placed: Vec<Placed> = whole
        .rows
        .iter()
        .filter_map(|row| Some((1 + slices.binary_search(&base_slice_us(row)?).ok()?, row)))
        .collect();
    let mut runs = series::runs(&placed, |_, row| measure.ratio(row));
    if runs.is_empty() {
        return Ok(None);
    }
    runs.splice(0..0, held(whole, measure));
    let name = measure.name([whole]);
    let workload = &outcome.workload;
    let frame = Frame {
        file: format!("{stem}-{}.svg", measure.stem()),
        title: format!("{workload}: {name} by strategy and base timeslice"),
        label: measure.towards_better(&format!("{name} against EEVDF")),
        one: EEVDF,
        source: &outcome.source,
    };
    let times = slices.iter().map(|us| brief_time_ns(f64::from(*us) * 1e3));
    frame.steps(
        "policies held, and rotations by base timeslice t_b (steps not to scale)",
        [HELD.to_owned()].into_iter().chain(times).collect(),
        measure.ratio(&whole.eevdf),
        runs,
    )
}

fn held(whole: &SubjectOutcome, measure: Measure) -> Vec<Run> {
    let singles = whole.rows.iter();
    let singles = singles.filter(|row| matches!(row.role, Some(Role::Single)));
    let run = |row: &RowOutcome| {
        Some(Run {
            name: row.label.clone(),
            look: Look::Level,
            points: vec![(0, measure.ratio(row)?)],
        })
    };
    singles.filter_map(run).collect()
}

/// t_b; an equal rotation's is that of each of its policies.
fn base_slice_us(row: &RowOutcome) -> Option<u32> {
    match &row.role {
        Some(Role::Strategy { base_slice_us, .. }) => Some(*base_slice_us),
        Some(Role::EqualRotation) => {
            let policies = u32::try_from(row.setting.weights().len()).ok()?;
            row.setting.period_us()?.checked_div(policies)
        }
        _ => None,
    }
}
