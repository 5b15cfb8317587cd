// SPDX-License-Identifier: GPL-2.0-only
//! Samples: what they sum up to, and how sure one can be of it.
//!
//! Percentiles are nearest rank, the median too: every figure is a value that was measured.
//! [`Statistic::Middle`] is the one exception, for few values.
//! Intervals are percentile bootstrap, of 95 % where no level is given. Values of one run resemble each other, so what is
//! resampled is *blocks* (a run, a switch, a boot), not single values; [`mean_ratio_at`] goes by Student's t
//! instead. The generator is seeded:
//! the same raw data give the same report.

use anyhow::{ensure, Context, Result};
use fastrand::Rng;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// How sure an interval is unless somebody asks for more.
pub const LEVEL: f64 = 0.95;

/// Enough that a second seed moves a bound by less than its width is worth: 2000 resamples at
/// 95 %, and as many more at a higher level as leave the same number beyond each bound.
const BEYOND_A_BOUND: f64 = 50.0;

/// Any number does, as long as it stays.
const SEED: u64 = 0x5c_ae_7a;

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    pub n: usize,
    pub min: f64,
    pub p10: f64,
    pub median: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
    pub mean: f64,
}

impl Summary {
    /// Sums up values in any order; there must be some, and all of them finite.
    pub fn of(values: &[f64]) -> Result<Self> {
        check(values)?;
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = |percent| sorted[rank(sorted.len(), percent)];
        Ok(Self {
            n: sorted.len(),
            min: sorted[0],
            p10: at(10.0),
            median: at(50.0),
            p90: at(90.0),
            p99: at(99.0),
            max: sorted[sorted.len() - 1],
            mean: mean(&sorted),
        })
    }

    /// The width of the middle 80 %, as a part of the median: the spread that reports state.
    pub fn spread(&self) -> f64 {
        (self.p90 - self.p10) / self.median
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    /// The value in the middle; of an even number the lower of the two.
    Median,
    /// The same, but of an even number the mean of the two. Of few values the lower one is
    /// noticeably too low: in simulations of eight ratios by a third of their median's error.
    Middle,
    /// The value that this percentage of all values does not exceed.
    Percentile(f64),
    Mean,
}

impl Statistic {
    /// Of values in any order; reorders them.
    fn of(self, values: &mut [f64]) -> f64 {
        let percent = match self {
            Self::Mean => return mean(values),
            Self::Middle => return middle(values),
            Self::Median => 50.0,
            Self::Percentile(percent) => percent,
        };
        let rank = rank(values.len(), percent);
        *values.select_nth_unstable_by(rank, f64::total_cmp).1
    }
}

/// An estimate and its interval, of 95 % unless its place says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    pub estimate: f64,
    pub low: f64,
    pub high: f64,
}

impl Interval {
    /// Of 1 ÷ it.
    pub fn inverse(self) -> Self {
        Self {
            estimate: 1.0 / self.estimate,
            low: 1.0 / self.high,
            high: 1.0 / self.low,
        }
    }
}

/// The level that each of `m` intervals needs so that all of them together are as sure as one
/// at 95 % (Bonferroni).
pub fn corrected_level(m: usize) -> f64 {
    1.0 - (1.0 - LEVEL) / m.max(1) as f64
}

/// A statistic of all values of all blocks.
pub fn interval(blocks: &[Vec<f64>], statistic: Statistic) -> Result<Interval> {
    check_blocks(blocks)?;
    let estimate = statistic.of(&mut blocks.concat());
    Ok(bootstrap(estimate, LEVEL, |rng| {
        statistic.of(&mut resample(blocks, rng))
    }))
}

/// A statistic of one sample ÷ that of another one, whose blocks have nothing to do with the
/// first one's.
pub fn ratio(of: &[Vec<f64>], to: &[Vec<f64>], statistic: Statistic) -> Result<Interval> {
    check_blocks(of)?;
    check_blocks(to)?;
    let estimate = statistic.of(&mut of.concat()) / statistic.of(&mut to.concat());
    let interval = bootstrap(estimate, LEVEL, |rng| {
        statistic.of(&mut resample(of, rng)) / statistic.of(&mut resample(to, rng))
    });
    check_ratio(interval)
}

/// As [`ratio`], of samples whose blocks belong together, `of[i]` with `to[i]`: taken in the same
/// run, so that what the run has in common does not widen the interval. Single blocks may be
/// empty, as long as hardly any resample is.
pub fn ratio_within(of: &[Vec<f64>], to: &[Vec<f64>], statistic: Statistic) -> Result<Interval> {
    ensure!(
        of.len() == to.len(),
        "{} blocks to compare with {}: they do not pair",
        of.len(),
        to.len()
    );
    let (all_of, all_to) = (of.concat(), to.concat());
    check(&all_of)?;
    check(&all_to)?;
    let estimate = statistic.of(&mut { all_of }) / statistic.of(&mut { all_to });
    let interval = bootstrap(estimate, LEVEL, |rng| loop {
        let picks: Vec<_> = (0..of.len()).map(|_| rng.usize(..of.len())).collect();
        let gather = |blocks: &[Vec<f64>]| -> Vec<f64> {
            picks
                .iter()
                .flat_map(|&i| blocks[i].iter())
                .copied()
                .collect()
        };
        let (mut of, mut to) = (gather(of), gather(to));
        if !of.is_empty() && !to.is_empty() {
            return statistic.of(&mut of) / statistic.of(&mut to);
        }
    });
    check_ratio(interval)
}

/// A statistic of each pair's ratio, first ÷ second, with an interval as sure as `level` says; pairs
/// are resampled.
pub fn paired_ratio_at(pairs: &[(f64, f64)], statistic: Statistic, level: f64) -> Result<Interval> {
    let ratios: Vec<f64> = pairs.iter().map(|&(of, to)| of / to).collect();
    ensure!(
        ratios.iter().all(|ratio| ratio.is_finite()),
        "a pair has no ratio: its second value is 0"
    );
    check(&ratios)?;
    of_draws(ratios.len(), level, |drawn| {
        let mut ratios: Vec<f64> = drawn.iter().map(|&i| ratios[i]).collect();
        Some(statistic.of(&mut ratios))
    })
}

/// The geometric mean of pairs' ratios, first ÷ second, with an interval as sure as `level` says, by Student's
/// t of the logarithms: right for few pairs, too, where a bootstrap is too sure of itself. Takes two pairs
/// and more.
pub fn mean_ratio_at(pairs: &[(f64, f64)], level: f64) -> Result<Interval> {
    let logs: Vec<f64> = pairs.iter().map(|&(of, to)| (of / to).ln()).collect();
    check(&logs)?;
    ensure!(logs.len() > 1, "of one pair nothing can be said");
    let n = logs.len() as f64;
    let middle = mean(&logs);
    let squares: f64 = logs.iter().map(|log| (log - middle).powi(2)).sum();
    let error = (squares / (n - 1.0) / n).sqrt();
    let half = StudentsT::new(0.0, 1.0, n - 1.0)?.inverse_cdf((1.0 + level) / 2.0) * error;
    Ok(Interval {
        estimate: middle.exp(),
        low: (middle - half).exp(),
        high: (middle + half).exp(),
    })
}

/// From a normal distribution, of mean 0 and variance 1: the sum of twelve is as good here.
pub fn normal(rng: &mut Rng) -> f64 {
    (0..12).map(|_| rng.f64()).sum::<f64>() - 6.0
}

/// Any statistic of `n` blocks: it gets the numbers of the blocks to compute it from, first each
/// once, then as they are drawn. Nothing comes of a draw without values, which is drawn again.
pub fn of_draws(
    n: usize,
    level: f64,
    statistic: impl Fn(&[usize]) -> Option<f64>,
) -> Result<Interval> {
    ensure!(
        level > 0.0 && level < 1.0,
        "an interval cannot be {level} sure"
    );
    let mut drawn: Vec<usize> = (0..n).collect();
    let estimate = statistic(&drawn);
    let estimate = estimate.context("nothing was measured: there is no value in any block")?;
    let interval = bootstrap(estimate, level, |rng| loop {
        drawn.iter_mut().for_each(|i| *i = rng.usize(..n));
        if let Some(value) = statistic(&drawn) {
            return value;
        }
    });
    ensure!(
        [interval.estimate, interval.low, interval.high]
            .iter()
            .all(|value| value.is_finite()),
        "a statistic came to a value that is no number"
    );
    Ok(interval)
}

fn bootstrap(estimate: f64, level: f64, mut draw: impl FnMut(&mut Rng) -> f64) -> Interval {
    let beyond = (1.0 - level) / 2.0;
    let resamples = (BEYOND_A_BOUND / beyond).round() as usize;
    let mut rng = Rng::with_seed(SEED);
    let mut drawn: Vec<f64> = (0..resamples).map(|_| draw(&mut rng)).collect();
    drawn.sort_unstable_by(f64::total_cmp);
    Interval {
        estimate,
        low: drawn[rank(resamples, 100.0 * beyond)],
        high: drawn[rank(resamples, 100.0 * (1.0 - beyond))],
    }
}

/// As many blocks as there are, drawn with replacement.
fn resample(blocks: &[Vec<f64>], rng: &mut Rng) -> Vec<f64> {
    (0..blocks.len())
        .flat_map(|_| &blocks[rng.usize(..blocks.len())])
        .copied()
        .collect()
}

/// Nearest rank, counted from 0, in a sorted sample of `n` values.
fn rank(n: usize, percent: f64) -> usize {
    // A percentage such as 99.9 has no exact binary form: 99.9 % of 1000 must stay rank 999.
    let exact = n as f64 * percent / 100.0;
    let nearest = exact.round();
    let up = if (exact - nearest).abs() < 1e-6 {
        nearest
    } else {
        exact.ceil()
    };
    (up as usize).clamp(1, n) - 1
}

fn middle(values: &mut [f64]) -> f64 {
    let upper = values.len() / 2;
    let is_even = values.len().is_multiple_of(2);
    let (below, upper, _) = values.select_nth_unstable_by(upper, f64::total_cmp);
    match below.iter().copied().max_by(f64::total_cmp) {
        Some(lower) if is_even => (lower + *upper) / 2.0,
        _ => *upper,
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn check(values: &[f64]) -> Result<()> {
    ensure!(
        !values.is_empty(),
        "nothing was measured: the sample is empty"
    );
    ensure!(
        values.iter().all(|value| value.is_finite()),
        "a sample holds a value that is no number"
    );
    Ok(())
}

fn check_blocks(blocks: &[Vec<f64>]) -> Result<()> {
    ensure!(
        !blocks.is_empty(),
        "nothing was measured: there is no block"
    );
    blocks.iter().try_for_each(|block| check(block))
}

fn check_ratio(interval: Interval) -> Result<Interval> {
    let Interval { estimate, high, .. } = interval;
    ensure!(
        estimate.is_finite() && high.is_finite(),
        "a ratio divides by 0"
    );
    Ok(interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up_to(n: u32) -> Vec<f64> {
        (1..=n).map(f64::from).collect()
    }

    fn paired_ratio(pairs: &[(f64, f64)]) -> Result<Interval> {
        paired_ratio_at(pairs, Statistic::Median, LEVEL)
    }

    fn singles(values: &[f64]) -> Vec<Vec<f64>> {
        values.iter().map(|&value| vec![value]).collect()
    }

    #[test]
    fn percentiles_are_nearest_rank() {
        let mut values = up_to(200);
        values.reverse();
        let summary = Summary::of(&values).unwrap();
        assert_eq!((summary.n, summary.min, summary.max), (200, 1.0, 200.0));
        assert_eq!((summary.p10, summary.median), (20.0, 100.0));
        assert_eq!((summary.p90, summary.p99), (180.0, 198.0));
        assert_eq!(summary.mean, 100.5);
        assert_eq!(summary.spread(), 1.6);
        // ceil(0.5 * 4) = 2nd, ceil(0.99 * 4) = 4th, ceil(0.1 * 4) = 1st
        let four = Summary::of(&[40.0, 10.0, 30.0, 20.0]).unwrap();
        assert_eq!((four.p10, four.median, four.p99), (10.0, 20.0, 40.0));
    }

    #[test]
    fn a_percentage_without_an_exact_form_keeps_its_rank() {
        assert_eq!(rank(1000, 99.9), 998);
        assert_eq!(rank(1000, 99.91), 999);
        assert_eq!(rank(1, 0.0), 0);
        assert_eq!(rank(7, 100.0), 6);
    }

    #[test]
    fn every_way_to_a_percentile_agrees() {
        let mut values = vec![5.0, 1.0, 4.0, 2.0, 3.0, 9.0, 7.0];
        let summary = Summary::of(&values).unwrap();
        assert_eq!(Statistic::Median.of(&mut values), summary.median);
        assert_eq!(Statistic::Percentile(90.0).of(&mut values), summary.p90);
        assert_eq!(Statistic::Mean.of(&mut values), summary.mean);
    }

    #[test]
    fn equal_values_leave_no_doubt() {
        let certain = interval(&singles(&[3.0; 20]), Statistic::Median).unwrap();
        let Interval {
            estimate,
            low,
            high,
        } = certain;
        assert_eq!((estimate, low, high), (3.0, 3.0, 3.0));
    }

    #[test]
    fn the_bootstrap_of_a_median_is_what_order_statistics_say() {
        // The median of 99 resampled values is at most the k-th with the probability that a
        // binomial(99, k/99) reaches 50: 2.5 % at k = 40, 97.5 % at k = 60.
        let got = interval(&singles(&up_to(99)), Statistic::Median).unwrap();
        assert_eq!(got.estimate, 50.0);
        assert!((39.0..=42.0).contains(&got.low), "{got:?}");
        assert!((58.0..=61.0).contains(&got.high), "{got:?}");
    }

    #[test]
    fn a_report_made_twice_is_the_same() {
        let blocks = singles(&up_to(50));
        let make = || ratio(&blocks, &blocks, Statistic::Percentile(90.0)).unwrap();
        assert_eq!(make(), make());
    }

    #[test]
    fn values_in_few_blocks_are_less_sure_than_single_ones() {
        // Two runs, each with the same value over and over, are two observations.
        let blocks = vec![vec![1.0; 100], vec![2.0; 100]];
        let got = interval(&blocks, Statistic::Mean).unwrap();
        assert_eq!((got.estimate, got.low, got.high), (1.5, 1.0, 2.0));
        let single = interval(&singles(&blocks.concat()), Statistic::Mean).unwrap();
        assert!(single.low > 1.4 && single.high < 1.6, "{single:?}");
    }

    #[test]
    fn a_ratio_is_of_the_two_statistics() {
        let of = singles(&[20.0, 40.0, 60.0]);
        let got = ratio(&of, &singles(&[4.0]), Statistic::Median).unwrap();
        assert_eq!(got.estimate, 10.0);
        // A resample of three has median 20 or 60 with probability 7/27 each.
        assert_eq!((got.low, got.high), (5.0, 15.0));
        let zero = ratio(&of, &singles(&[0.0]), Statistic::Median);
        assert!(zero.unwrap_err().to_string().contains("divides by 0"));
    }

    #[test]
    fn what_runs_have_in_common_cancels_within_them() {
        // Each run is slower than the last, and twice as slow near a flip.
        let rest: Vec<_> = (1..=20).map(|run| vec![f64::from(run); 9]).collect();
        let near: Vec<_> = rest.iter().map(|run| vec![run[0] * 2.0; 3]).collect();
        let within = ratio_within(&near, &rest, Statistic::Median).unwrap();
        assert_eq!((within.estimate, within.low, within.high), (2.0, 2.0, 2.0));
        let across = ratio(&near, &rest, Statistic::Median).unwrap();
        assert!(across.low < 1.6 && across.high > 2.4, "{across:?}");
        assert!(ratio_within(&near[1..], &rest, Statistic::Median).is_err());
    }

    #[test]
    fn an_empty_block_beside_full_ones_is_taken() {
        let of = vec![vec![2.0], vec![]];
        let to = vec![vec![1.0], vec![1.0]];
        let got = ratio_within(&of, &to, Statistic::Median).unwrap();
        assert_eq!((got.estimate, got.low, got.high), (2.0, 2.0, 2.0));
    }

    #[test]
    fn pairs_are_compared_one_by_one() {
        // 2, 3 and 4 times; the ratio of the medians would be 30 / 10.
        let got = paired_ratio(&[(2.0, 1.0), (30.0, 10.0), (400.0, 100.0)]).unwrap();
        assert_eq!((got.estimate, got.low, got.high), (3.0, 2.0, 4.0));
        assert!(paired_ratio(&[(1.0, 0.0)]).is_err());
    }

    #[test]
    fn a_mean_ratio_has_students_interval() {
        // Logarithms 1, 2 and 3 of e: a mean of 2, an error of 1 / √3, and t of two degrees is 4.3027.
        let pairs: Vec<_> = (1..=3).map(|i| (f64::from(i).exp(), 1.0)).collect();
        let got = mean_ratio_at(&pairs, LEVEL).unwrap();
        let logs = [got.estimate, got.low, got.high].map(f64::ln);
        for (log, expected) in logs.into_iter().zip([2.0, -0.48414, 4.48414]) {
            assert!((log - expected).abs() < 1e-4, "{logs:?}");
        }
        assert!(mean_ratio_at(&pairs[..1], LEVEL).is_err());
        assert!(mean_ratio_at(&[(1.0, 1.0), (0.0, 1.0)], LEVEL).is_err());
    }

    #[test]
    fn a_higher_level_is_wider_as_order_statistics_say() {
        let pairs: Vec<_> = (1..=99).map(|i| (f64::from(i), 1.0)).collect();
        let plain = paired_ratio(&pairs).unwrap();
        assert_eq!(
            plain,
            interval(&singles(&up_to(99)), Statistic::Median).unwrap()
        );
        // 0.25 % beyond each bound: ranks 36 and 64 of a binomial(99, 1/2).
        let level = corrected_level(10);
        assert!((level - 0.995).abs() < 1e-12);
        let sure = paired_ratio_at(&pairs, Statistic::Median, level).unwrap();
        assert_eq!(sure.estimate, plain.estimate);
        assert!((35.0..=37.0).contains(&sure.low), "{sure:?}");
        assert!((63.0..=65.0).contains(&sure.high), "{sure:?}");
        assert_eq!(corrected_level(1), LEVEL);
        assert!(paired_ratio_at(&pairs, Statistic::Median, 1.0).is_err());
    }

    #[test]
    fn the_middle_of_an_even_number_lies_between_two() {
        let middle = |values: &[f64]| Statistic::Middle.of(&mut values.to_vec());
        assert_eq!(middle(&[4.0, 1.0, 9.0, 2.0]), 3.0);
        assert_eq!(middle(&[9.0, 1.0, 4.0]), 4.0);
        assert_eq!((middle(&[7.0]), middle(&[7.0, 8.0])), (7.0, 7.5));
        // The same from either side: turned around, the ratio of the middle is turned around.
        let few = [0.8, 0.9, 1.1, 1.25];
        assert_eq!(middle(&few) - 1.0, 1.0 - middle(&few.map(|x| 2.0 - x)));
    }

    #[test]
    fn draws_without_a_value_are_drawn_again() {
        let values = [Some(4.0), None];
        let first = |drawn: &[usize]| drawn.iter().find_map(|&i| values[i]);
        let got = of_draws(2, LEVEL, first).unwrap();
        assert_eq!((got.low, got.estimate, got.high), (4.0, 4.0, 4.0));
        assert!(of_draws(2, LEVEL, |_| None).is_err());
    }

    #[test]
    fn nothing_measured_is_an_error() {
        assert!(Summary::of(&[]).is_err() && Summary::of(&[f64::NAN]).is_err());
        assert!(interval(&[], Statistic::Median).is_err());
        assert!(interval(&[vec![]], Statistic::Median).is_err());
        assert!(paired_ratio(&[]).is_err());
    }
}
