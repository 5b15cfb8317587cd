// SPDX-License-Identifier: GPL-2.0-only
//! Whether it matters at which place within its super-block a block ran: a machine that warms up
//! or tires would show here. Rows change places, so their own differences drop out.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{ensure, Result};
use evidence::sample::{self, Interval, Statistic};

use super::blocks::SubjectBlocks;
use super::side::geometric_mean;
use crate::outcome::RowOutcome;
use crate::record::Block;

/// Throughput relative to the row's median, by place.
pub(crate) fn positions(
    subject: &SubjectBlocks,
    eevdf: &RowOutcome,
    rows: &[RowOutcome],
) -> Result<Vec<Interval>> {
    let mut places: BTreeMap<u32, Vec<Vec<f64>>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for super_block in &subject.super_blocks {
        for (block, row) in super_block
            .blocks()
            .zip([eevdf, eevdf].into_iter().chain(rows))
        {
            let median = row.throughput.estimate;
            seen.insert(block.position);
            // A row under which nothing was done says nothing of places.
            if median > 0.0 {
                let relative = throughput(block) / median;
                places
                    .entry(block.position)
                    .or_default()
                    .push(vec![relative]);
            }
        }
    }
    ensure!(
        seen.iter().copied().eq(0..seen.len() as u32),
        "its blocks stand at the positions {seen:?}"
    );
    // Nothing can be said of a place where only such rows stood: then of none.
    if places.len() < seen.len() {
        return Ok(vec![]);
    }
    let of_place = |blocks: &Vec<Vec<f64>>| sample::interval(blocks, Statistic::Middle);
    places.values().map(of_place).collect()
}

fn throughput(block: &Block) -> f64 {
    geometric_mean(block.parts.iter().map(|part| part.throughput))
}
