// SPDX-License-Identifier: GPL-2.0-only
//! The requests of many blocks together, and their quantiles when super-blocks are drawn again
//! and again.
//!
//! All bins are sorted once, the longest latency first; a draw only weighs them. A high quantile
//! is near the beginning, so that few bins are looked at.

use super::blocks::SubjectBlocks;
use super::side::Side;
use crate::record::Latency;

/// Sums of weights are not exact.
const TOLERANCE: f64 = 1e-9;

pub(crate) struct Pool {
    /// The longest latency first.
    bins: Vec<Bin>,
    /// Weight of all requests of each super-block.
    totals: Vec<f64>,
}

struct Bin {
    us: f64,
    super_block: usize,
    weight: f64,
}

impl Pool {
    pub(crate) fn of(subject: &SubjectBlocks, side: &Side, part: usize) -> Self {
        let mut bins = Vec::new();
        for (number, super_block) in subject.super_blocks.iter().enumerate() {
            for (block, weight) in side.requests(super_block) {
                let Some(Latency::Histogram(of_block)) = &block.parts[part].latency else {
                    continue;
                };
                bins.extend(of_block.iter().map(|&(us, n)| Bin {
                    us,
                    super_block: number,
                    weight: weight * n as f64,
                }));
            }
        }
        Self::new(bins, subject.super_blocks.len())
    }

    fn new(mut bins: Vec<Bin>, super_blocks: usize) -> Self {
        bins.sort_unstable_by(|a, b| b.us.total_cmp(&a.us));
        let mut totals = vec![0.0; super_blocks];
        for bin in &bins {
            totals[bin.super_block] += bin.weight;
        }
        Self { bins, totals }
    }

    /// Nearest rank: the smallest latency that is at least as long as `percent` of all. `times`
    /// says how often each super-block counts. None without requests.
    pub(crate) fn quantile(&self, percent: f64, times: &[u32]) -> Option<f64> {
        let totals = self.totals.iter().zip(times);
        let total: f64 = totals.map(|(total, &n)| total * f64::from(n)).sum();
        // So much may be longer.
        let longer = total * (1.0 - percent / 100.0) + total * TOLERANCE;
        let mut sum = 0.0;
        let found = self.bins.iter().find(|bin| {
            sum += bin.weight * f64::from(times[bin.super_block]);
            sum > longer
        });
        found.map(|bin| bin.us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(super_blocks: &[&[(f64, f64)]]) -> Pool {
        let mut bins = Vec::new();
        for (super_block, of_block) in super_blocks.iter().enumerate() {
            bins.extend(of_block.iter().map(|&(us, weight)| Bin {
                us,
                super_block,
                weight,
            }));
        }
        Pool::new(bins, super_blocks.len())
    }

    #[test]
    fn quantiles_are_nearest_rank() {
        // 1 to 200 µs, once each, as in sample.rs.
        let each: Vec<_> = (1..=200).map(|us| (f64::from(us), 1.0)).collect();
        let pool = pool(&[&each[..150], &each[150..]]);
        let at = |percent| pool.quantile(percent, &[1, 1]);
        assert_eq!(
            [at(50.0), at(90.0), at(99.0)],
            [Some(100.0), Some(180.0), Some(198.0)]
        );
        assert_eq!(
            (at(100.0), at(99.5), at(99.6)),
            (Some(200.0), Some(199.0), Some(200.0))
        );
        // The first super-block alone, and what 51 to 150 and twice the rest are.
        assert_eq!(pool.quantile(90.0, &[1, 0]), Some(135.0));
        assert_eq!(pool.quantile(90.0, &[0, 3]), Some(195.0));
        assert_eq!(pool.quantile(50.0, &[0, 0]), None);
    }

    #[test]
    fn a_bin_counts_as_often_as_it_has_requests() {
        // 99 % of 10,000 is rank 9,900: the last of the short ones, or the first long one.
        let enough = pool(&[&[(5.0, 9_900.0), (80.0, 100.0)]]);
        assert_eq!(enough.quantile(99.0, &[1]), Some(5.0));
        let one_less = pool(&[&[(5.0, 9_899.0), (80.0, 101.0)]]);
        assert_eq!(one_less.quantile(99.0, &[1]), Some(80.0));
        // Fractions as well: 0.3 · 0.98 and 0.7 · 1 are 99.4 % short.
        let short = pool(&[&[(5.0, 0.3 * 0.98), (80.0, 0.3 * 0.02), (5.0, 0.7)]]);
        assert_eq!(short.quantile(99.4, &[1]), Some(5.0));
        assert_eq!(short.quantile(99.41, &[1]), Some(80.0));
    }

    #[test]
    fn thousands_of_draws_of_thousands_of_bins_take_no_time() {
        let of_block: Vec<_> = (0..5_000).map(|us| (f64::from(us), 2.0)).collect();
        let pool = pool(&[&of_block[..]; 16]);
        let began = std::time::Instant::now();
        for draw in 0..2_000u32 {
            let times: Vec<u32> = (0..16).map(|i| (draw + i) % 3).collect();
            assert_eq!(pool.quantile(99.0, &times), Some(4_949.0));
        }
        // Tests are not optimised, and others may have the CPUs.
        assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
    }
}
