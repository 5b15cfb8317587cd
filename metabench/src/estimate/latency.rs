// SPDX-License-Identifier: GPL-2.0-only
//! Latency quantiles, and their ratios within super-blocks.
//!
//! If loads say histograms, the quantile is that of the requests of all blocks together: of a
//! single block it would hang on few requests. If loads say only quantiles, these do not pool,
//! and the median over blocks stands for them.

use anyhow::{bail, Context, Result};
use evidence::sample::{self, Interval, Statistic, LEVEL};

use super::blocks::{place, SubjectBlocks, SuperBlock};
use super::pool::Pool;
use super::side::Side;
use crate::record::{Block, Latency};

/// Fewer, and a p99 hangs on less than a hundred requests.
const LEAST_FOR_P99: u64 = 10_000;

/// Which quantiles there may be, the first that is possible.
const PERCENTS: [u32; 2] = [99, 90];

const US_PER_MS: f64 = 1000.0;

#[derive(Clone, Copy)]
pub(crate) struct Latencies<'a> {
    subject: &'a SubjectBlocks<'a>,
    pub(crate) percent: u32,
    /// Of which part: the first that says any.
    part: usize,
    pooled: bool,
}

impl<'a> Latencies<'a> {
    /// None if no load says latencies, or none of the quantiles that are told.
    pub(crate) fn of(subject: &'a SubjectBlocks) -> Result<Option<Self>> {
        let Some((part, pooled)) = said(subject)? else {
            return Ok(None);
        };
        let rows = (0..subject.rows.len()).map(Side::Row);
        let fewest = rows
            .chain([Side::Eevdf])
            .map(|side| requests(subject, &side, part))
            .min();
        let enough = fewest >= Some(LEAST_FOR_P99);
        let possible = PERCENTS
            .into_iter()
            .filter(|percent| *percent < 99 || enough)
            .find(|percent| pooled || all_say(subject, part, *percent));
        Ok(possible.map(|percent| Self {
            subject,
            percent,
            part,
            pooled,
        }))
    }

    /// Requests of several rows can be put together.
    pub(crate) fn are_pooled(&self) -> bool {
        self.pooled
    }

    /// Requests of a side in all its blocks.
    pub(crate) fn requests(&self, side: &Side) -> u64 {
        requests(self.subject, side, self.part)
    }

    /// The quantile; `side` is no mixture unless histograms pool.
    pub(crate) fn quantile_ms(&self, side: &Side) -> Result<Interval> {
        if self.pooled {
            let pool = Pool::of(self.subject, side, self.part);
            return self.drawn(LEVEL, |times| {
                let us = pool.quantile(self.percent.into(), times);
                us.map(|us| us / US_PER_MS)
            });
        }
        let super_blocks = self.subject.super_blocks.iter();
        let blocks: Vec<_> = super_blocks
            .map(|super_block| self.own_ms(side, super_block))
            .collect::<Result<_>>()?;
        sample::interval(&blocks, Statistic::Middle)
    }

    /// Of two sides, neither a mixture unless histograms pool; less than 1 is better.
    pub(crate) fn ratio(&self, of: &Side, to: &Side, level: f64) -> Result<Interval> {
        if self.pooled {
            let [of, to] = [of, to].map(|side| Pool::of(self.subject, side, self.part));
            let percent = self.percent.into();
            return self.drawn(level, |times| {
                Some(of.quantile(percent, times)? / to.quantile(percent, times)?)
            });
        }
        let mean = |side: &Side, super_block: &SuperBlock| -> Result<f64> {
            let own = self.own_ms(side, super_block)?;
            Ok(own.iter().sum::<f64>() / own.len() as f64)
        };
        let super_blocks = self.subject.super_blocks.iter();
        let pairs: Vec<_> = super_blocks
            .map(|super_block| Ok((mean(of, super_block)?, mean(to, super_block)?)))
            .collect::<Result<_>>()?;
        sample::paired_ratio_at(&pairs, Statistic::Middle, level)
    }

    /// Bootstrap over super-blocks, given how often each is drawn.
    fn drawn(&self, level: f64, statistic: impl Fn(&[u32]) -> Option<f64>) -> Result<Interval> {
        let n = self.subject.super_blocks.len();
        let interval = sample::of_draws(n, level, |drawn| {
            let mut times = vec![0; n];
            drawn.iter().for_each(|&i| times[i] += 1);
            statistic(&times)
        });
        let Interval {
            estimate,
            low,
            high,
        } = interval.with_context(|| format!("{}: latencies", self.subject.subject.name))?;
        // The quantile of all may lie outside of what hardly any draw exceeds.
        Ok(Interval {
            estimate,
            low: low.min(estimate),
            high: high.max(estimate),
        })
    }

    /// Of each block, as the load said it.
    fn own_ms(&self, side: &Side, super_block: &SuperBlock) -> Result<Vec<f64>> {
        let own = |(block, _): (&Block, f64)| {
            let us = match &block.parts[self.part].latency {
                Some(Latency::Quantiles { at, .. }) => find(at, self.percent),
                _ => None,
            };
            let said =
                us.with_context(|| format!("{}: it says no p{}", place(block), self.percent));
            Ok(said? / US_PER_MS)
        };
        side.requests(super_block).into_iter().map(own).collect()
    }
}

/// A complaint if loads say latencies, but none that is told.
pub(crate) fn untold(subject: &SubjectBlocks) -> Result<Option<String>> {
    Ok(match (said(subject)?, Latencies::of(subject)?) {
        (Some(_), None) => Some(format!(
            "{}: its load says neither p99 nor p90, so there are no latencies",
            subject.subject.name
        )),
        _ => None,
    })
}

/// Number of the first part that says latencies, and whether as histograms: in all blocks alike.
fn said(subject: &SubjectBlocks) -> Result<Option<(usize, bool)>> {
    let blocks = || subject.super_blocks.iter().flat_map(SuperBlock::blocks);
    let says = |part: &usize| blocks().any(|block| block.parts[*part].latency.is_some());
    let Some(part) = subject.all_parts().into_iter().find(says) else {
        return Ok(None);
    };
    let mut pooled = None;
    for block in blocks() {
        let this = match &block.parts[part].latency {
            Some(Latency::Histogram(_)) => true,
            Some(Latency::Quantiles { .. }) => false,
            None => bail!("{}: it says no latencies, but others do", place(block)),
        };
        if *pooled.get_or_insert(this) != this {
            bail!(
                "{}: some say histograms, and others quantiles",
                place(block)
            );
        }
    }
    Ok(pooled.map(|pooled| (part, pooled)))
}

fn requests(subject: &SubjectBlocks, side: &Side, part: usize) -> u64 {
    let blocks = subject.super_blocks.iter().flat_map(|s| side.requests(s));
    let latencies = blocks.filter_map(|(block, _)| block.parts[part].latency.as_ref());
    latencies.map(Latency::requests).sum()
}

fn all_say(subject: &SubjectBlocks, part: usize, percent: u32) -> bool {
    let mut blocks = subject.super_blocks.iter().flat_map(SuperBlock::blocks);
    blocks.all(|block| match &block.parts[part].latency {
        Some(Latency::Quantiles { at, .. }) => find(at, percent).is_some(),
        _ => false,
    })
}

fn find(at: &[(f64, f64)], percent: u32) -> Option<f64> {
    let found = at
        .iter()
        .find(|(p, _)| (p - f64::from(percent)).abs() < 1e-6);
    found.map(|(_, us)| *us)
}
