// SPDX-License-Identifier: GPL-2.0-only
//! From a trial's records to its figures, and nothing but the records: the same records give the
//! same figures.
//!
//! ```text
//! raw, of one boot or several
//!   boots, blocks    what is of one plan, and complete
//!   side             what stands on one side of a ratio
//!   throughput       paired within super-blocks
//!   latency, pool    quantiles of all requests together
//!   position         whether place within a super-block matters
//!   source           where it comes from, and what a reader must know
//! outcome ─► measure, verdict     what to think of a row
//!            choice               the best rows: `tune` freezes them
//! compare            questions asked beforehand, also against what single policies predict
//! ```

mod blocks;
mod boots;
pub(crate) mod choice;
mod compare;
mod latency;
#[cfg(test)]
pub(crate) mod made;
mod measure;
mod pool;
mod position;
mod side;
mod source;
#[cfg(test)]
mod tests;
mod throughput;
mod verdict;

use anyhow::{Context, Result};

pub(crate) use choice::{best_held, Choice};
pub(crate) use compare::{comparisons, surest, Against, Question, WINNER};
pub(crate) use verdict::Verdict;

use crate::outcome::{Outcome, RowOutcome, SubjectOutcome};
pub(crate) use crate::record::Measure;
use crate::record::Record;
use blocks::{SubjectBlocks, Trial};
use evidence::raw::Raw;
use evidence::sample::LEVEL;
use labkit::charge::setting::Setting;
use latency::Latencies;
use side::Side;

/// The kernel's own scheduler, in reports.
pub(crate) const EEVDF: &str = "EEVDF";

/// The outcome of a trial; several raw data are several boots of one plan. Its comparisons and
/// claims are for `compare` to fill in.
pub(crate) fn outcome(raws: &[Raw<Record>]) -> Result<Outcome> {
    let trial = Trial::of(raws)?;
    let subjects = trial.subjects.iter().map(|blocks| {
        let name = &blocks.subject.name;
        subject(blocks).with_context(|| format!("subject {name}"))
    });
    Ok(Outcome {
        stage: trial.plan.stage,
        workload: trial.plan.workload.clone(),
        source: source::source(&trial)?,
        partial: !trial.cut.is_empty(),
        subjects: subjects.collect::<Result<_>>()?,
        comparisons: vec![],
        claimed: vec![],
    })
}

fn subject(blocks: &SubjectBlocks) -> Result<SubjectOutcome> {
    let latencies = Latencies::of(blocks)?;
    let row = |number| row(blocks, latencies, number);
    let eevdf = row(None)?;
    let rows: Vec<_> = (0..blocks.rows.len())
        .map(|number| row(Some(number)))
        .collect::<Result<_>>()?;
    Ok(SubjectOutcome {
        subject: blocks.subject.clone(),
        quantile: latencies.map(|latencies| latencies.percent),
        super_blocks: blocks.super_blocks.len(),
        positions: position::positions(blocks, &eevdf, &rows)?,
        eevdf,
        rows,
    })
}

/// A row, by its number; or EEVDF.
fn row(
    blocks: &SubjectBlocks,
    latencies: Option<Latencies>,
    number: Option<usize>,
) -> Result<RowOutcome> {
    let (own, of, to) = match number {
        Some(number) => (Side::Row(number), Side::Row(number), Side::Eevdf),
        // The noise floor: the same scheduler twice, as far apart as blocks can be.
        None => (Side::Eevdf, Side::Last, Side::First),
    };
    let row = number.map(|number| &blocks.rows[number]);
    let label = row.map_or(EEVDF, |row| &row.label);
    let figures = || -> Result<RowOutcome> {
        let ratio = |parts: &[usize]| blocks.throughput_ratio(&of, &to, parts, LEVEL);
        let all = blocks.all_parts();
        let part = |&part: &usize| Ok((blocks.parts[part].to_owned(), ratio(&[part])?));
        let parts = match all.len() {
            1 => vec![],
            _ => all.iter().map(part).collect::<Result<_>>()?,
        };
        let latency_ms = latencies.map(|l| l.quantile_ms(&own)).transpose()?;
        let latency_ratio = latencies.map(|l| l.ratio(&of, &to, LEVEL));
        let per_super_block = if row.is_none() { 2 } else { 1 };
        Ok(RowOutcome {
            label: label.into(),
            setting: row.map_or(Setting::Eevdf, |row| row.setting.clone()),
            role: row.map(|row| row.role.clone()),
            n: per_super_block * blocks.super_blocks.len(),
            requests: latencies.map_or(0, |l| l.requests(&own)),
            throughput: blocks.throughput(&own)?,
            throughput_ratio: ratio(&all)?,
            latency_ms,
            latency_ratio: latency_ratio.transpose()?,
            parts,
        })
    };
    figures().with_context(|| format!("row {label}"))
}
