// SPDX-License-Identifier: GPL-2.0-only
//! The order of rows within super-blocks: Williams designs.
//!
//! An earlier row can linger: caches, a queue that drains, a warm virtual CPU. In a Williams
//! design every row follows every other row equally often and has every place equally often, so
//! that none of it favours a row. It takes n super-blocks for an even number of rows and 2 n for
//! an odd one; within a design begun and not completed the balance is only approximate.

use fastrand::Rng;

/// Orders of `n` rows, one for each super-block, without end.
pub(crate) struct Orders {
    n: usize,
    rng: Rng,
    /// The rest of the current design.
    left: Vec<Vec<usize>>,
}

impl Orders {
    /// The same generator gives the same orders.
    pub(crate) fn new(n: usize, rng: Rng) -> Self {
        Self {
            n,
            rng,
            left: Vec::new(),
        }
    }

    /// A complete design; chance decides which row is 0 and which sequence comes first.
    fn design(&mut self) -> Vec<Vec<usize>> {
        let mut labels: Vec<usize> = (0..self.n).collect();
        self.rng.shuffle(&mut labels);
        let mut sequences = sequences(self.n);
        self.rng.shuffle(&mut sequences);
        let named = |sequence: &Vec<usize>| sequence.iter().map(|&i| labels[i]).collect();
        sequences.iter().map(named).collect()
    }
}

impl Iterator for Orders {
    type Item = Vec<usize>;

    fn next(&mut self) -> Option<Vec<usize>> {
        if self.left.is_empty() {
            self.left = self.design();
        }
        self.left.pop()
    }
}

/// The sequences of a design: one square for even `n`, two, the second reversed, for odd `n`.
fn sequences(n: usize) -> Vec<Vec<usize>> {
    // 0, 1, n-1, 2, n-2, …: neighbours differ by each distance once, if n is even.
    let zigzag: Vec<usize> = (0..n)
        .map(|i| match i % 2 {
            1 => i.div_ceil(2),
            _ => (n - i / 2) % n,
        })
        .collect();
    let square = (0..n).map(|shift| zigzag.iter().map(|&i| (i + shift) % n).collect());
    let mut all: Vec<Vec<usize>> = square.collect();
    if n % 2 == 1 {
        let mirrored: Vec<Vec<usize>> = all
            .iter()
            .map(|sequence| sequence.iter().rev().copied().collect())
            .collect();
        all.extend(mirrored);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Super-blocks of a complete design.
    fn complete(n: usize) -> usize {
        n * (1 + n % 2)
    }

    fn orders(n: usize, seed: u64, count: usize) -> Vec<Vec<usize>> {
        Orders::new(n, Rng::with_seed(seed)).take(count).collect()
    }

    #[test]
    fn every_row_follows_every_other_one_equally_often() {
        for n in 2..=9 {
            for design in orders(n, 7, 3 * complete(n)).chunks(complete(n)) {
                let mut follows = vec![vec![0; n]; n];
                for pair in design.iter().flat_map(|order| order.windows(2)) {
                    follows[pair[0]][pair[1]] += 1;
                }
                let expected = 1 + n % 2;
                for (a, row) in follows.iter().enumerate() {
                    for (b, &times) in row.iter().enumerate() {
                        let expected = if a == b { 0 } else { expected };
                        assert_eq!(times, expected, "{n} rows: {b} after {a}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_row_has_every_place_equally_often() {
        for n in 1..=9 {
            for design in orders(n, 8, 2 * complete(n)).chunks(complete(n)) {
                for place in 0..n {
                    let mut rows: Vec<usize> = design.iter().map(|order| order[place]).collect();
                    rows.sort_unstable();
                    let each = complete(n) / n;
                    let expected: Vec<usize> = (0..n).flat_map(|row| vec![row; each]).collect();
                    assert_eq!(rows, expected, "{n} rows, place {place}");
                }
            }
        }
    }

    #[test]
    fn the_seed_decides_and_designs_differ() {
        assert_eq!(orders(5, 1, 10), orders(5, 1, 10));
        assert_ne!(orders(5, 1, 10), orders(5, 2, 10));
        let two = orders(5, 1, 20);
        assert_ne!(two[..10], two[10..]);
    }

    #[test]
    fn without_rows_there_is_nothing_to_order() {
        assert!(orders(0, 1, 2).concat().is_empty());
    }
}
