// SPDX-License-Identifier: GPL-2.0-only
//! Throughputs, and their ratios within super-blocks.

use anyhow::Result;
use evidence::sample::{self, Interval, Statistic};

use super::blocks::SubjectBlocks;
use super::side::Side;

impl SubjectBlocks<'_> {
    pub(crate) fn all_parts(&self) -> Vec<usize> {
        (0..self.parts.len()).collect()
    }

    pub(crate) fn throughput(&self, side: &Side) -> Result<Interval> {
        let parts = self.all_parts();
        let super_blocks = self.super_blocks.iter();
        let blocks: Vec<_> = super_blocks.map(|s| side.throughputs(s, &parts)).collect();
        sample::interval(&blocks, Statistic::Middle)
    }

    /// Median over super-blocks of the ratio within each.
    pub(crate) fn throughput_ratio(
        &self,
        of: &Side,
        to: &Side,
        parts: &[usize],
        level: f64,
    ) -> Result<Interval> {
        let super_blocks = self.super_blocks.iter();
        let pairs: Vec<_> = super_blocks
            .map(|s| (of.throughput(s, parts), to.throughput(s, parts)))
            .collect();
        sample::paired_ratio_at(&pairs, Statistic::Middle, level)
    }
}
