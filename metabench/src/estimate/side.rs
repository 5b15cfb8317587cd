// SPDX-License-Identifier: GPL-2.0-only
//! The blocks on one side of a ratio within a super-block.

use super::blocks::SuperBlock;
use crate::record::Block;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Side {
    First,
    Last,
    /// Both of these: their mean, which a machine that drifts cannot turn into a gain.
    Eevdf,
    /// A row, by its number.
    Row(usize),
    /// Rows as they would be together if each had a share of the time and none disturbed another:
    /// (number, share).
    Mix(Vec<(usize, f64)>),
}

impl Side {
    /// Its blocks, and how much each counts.
    fn blocks<'a>(&self, super_block: &SuperBlock<'a>) -> Vec<(&'a Block, f64)> {
        match self {
            Self::First => vec![(super_block.first, 1.0)],
            Self::Last => vec![(super_block.last, 1.0)],
            Self::Eevdf => vec![(super_block.first, 1.0), (super_block.last, 1.0)],
            Self::Row(row) => vec![(super_block.rows[*row], 1.0)],
            Self::Mix(shares) => shares
                .iter()
                .map(|(row, share)| (super_block.rows[*row], *share))
                .collect(),
        }
    }

    /// Throughput; of several parts the geometric mean, in which each counts the same whatever
    /// it counts.
    pub(crate) fn throughput(&self, super_block: &SuperBlock, parts: &[usize]) -> f64 {
        let blocks = self.blocks(super_block);
        let whole: f64 = blocks.iter().map(|(_, share)| share).sum();
        geometric_mean(parts.iter().map(|&part| {
            let weighted = blocks
                .iter()
                .map(|(block, share)| block.parts[part].throughput * share);
            weighted.sum::<f64>() / whole
        }))
    }

    pub(crate) fn throughputs(&self, super_block: &SuperBlock, parts: &[usize]) -> Vec<f64> {
        match self {
            Self::Eevdf => vec![
                Self::First.throughput(super_block, parts),
                Self::Last.throughput(super_block, parts),
            ],
            _ => vec![self.throughput(super_block, parts)],
        }
    }

    /// Its blocks, and how much each of their requests counts. A share is one of time: of a block
    /// that ran twice as long, each request counts half.
    pub(crate) fn requests<'a>(&self, super_block: &SuperBlock<'a>) -> Vec<(&'a Block, f64)> {
        let blocks = self.blocks(super_block).into_iter();
        match self {
            Self::Mix(_) => blocks
                .map(|(block, share)| (block, share / block.seconds))
                .collect(),
            _ => blocks.collect(),
        }
    }
}

/// Of a single number exactly that number.
pub(crate) fn geometric_mean(numbers: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = numbers.len();
    let product = |numbers: &mut dyn Iterator<Item = f64>| numbers.map(f64::ln).sum::<f64>();
    let mut numbers = numbers;
    match n {
        1 => numbers.next().unwrap_or(f64::NAN),
        _ => (product(&mut numbers) / n as f64).exp(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::fake::block;

    fn blocks() -> [Block; 4] {
        [[10.0, 1.0], [30.0, 1.0], [8.0, 2.0], [2.0, 8.0]]
            .map(|throughputs| block(&throughputs.map(|t| ("", t))))
    }

    #[test]
    fn sides_weigh_their_blocks() {
        let [first, last, one, mut other] = blocks();
        other.seconds = 2.0 * one.seconds;
        let super_block = SuperBlock {
            first: &first,
            last: &last,
            rows: vec![&one, &other],
        };
        let of = |side: &Side| side.throughput(&super_block, &[0]);
        assert_eq!((of(&Side::First), of(&Side::Last)), (10.0, 30.0));
        assert_eq!(of(&Side::Eevdf), 20.0);
        assert_eq!(Side::Eevdf.throughputs(&super_block, &[0]), [10.0, 30.0]);
        let mix = Side::Mix(vec![(0, 3.0), (1, 1.0)]);
        assert_eq!(of(&mix), 6.5);
        let weights: Vec<_> = mix.requests(&super_block).iter().map(|r| r.1).collect();
        assert_eq!(weights[0], 6.0 * weights[1]);
        // √(8 · 2) and √(6.5 · 3.5)
        let both = |side: &Side| side.throughput(&super_block, &[0, 1]);
        assert!((both(&Side::Row(0)) - 4.0).abs() < 1e-12);
        assert!((both(&mix) - 22.75_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn a_part_that_does_nothing_is_not_hidden_by_the_others() {
        assert_eq!(geometric_mean([4.0, 0.0].into_iter()), 0.0);
        assert_eq!(geometric_mean([118.2].into_iter()), 118.2);
    }
}
