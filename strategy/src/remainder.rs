// SPDX-License-Identifier: GPL-2.0-only
//! Shares as whole weights.

use anyhow::{ensure, Result};

/// Weights that strategies compute sum to this.
pub const WEIGHT_TOTAL: u32 = 1_000_000;

/// Scales shares to whole weights that sum to exactly `total`: each gets its
/// floor, and the largest remainders get one more, the first of equals first.
pub fn largest_remainder(shares: &[f64], total: u32) -> Result<Vec<u32>> {
    let valid = shares
        .iter()
        .all(|share| share.is_finite() && *share >= 0.0);
    let sum: f64 = shares.iter().sum();
    ensure!(
        valid && sum.is_finite() && sum > 0.0,
        "shares must be finite, not negative, and not all zero: {shares:?}"
    );
    let exact: Vec<f64> = shares.iter().map(|s| s / sum * f64::from(total)).collect();
    let mut weights: Vec<u32> = exact.iter().map(|value| value.floor() as u32).collect();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by(|&a, &b| exact[b].fract().total_cmp(&exact[a].fract()));
    let given: u32 = weights.iter().sum();
    for &index in order.iter().take(total.saturating_sub(given) as usize) {
        weights[index] += 1;
    }
    Ok(weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn largest_remainder_sums_exactly() {
        assert_eq!(
            largest_remainder(&[1.0, 1.0, 1.0], 100).unwrap(),
            [34, 33, 33]
        );
        assert_eq!(
            largest_remainder(&[1.0662, 1.0291], 10).unwrap(),
            [5, 5],
            "almost round robin"
        );
        assert_eq!(largest_remainder(&[0.0, 2.0], 7).unwrap(), [0, 7]);
        let odd: Vec<f64> = (1..=7).map(|i| 1.0 / f64::from(i)).collect();
        let weights = largest_remainder(&odd, WEIGHT_TOTAL).unwrap();
        assert_eq!(weights.iter().sum::<u32>(), WEIGHT_TOTAL);
        assert!(weights.windows(2).all(|pair| pair[0] >= pair[1]));
    }

    #[test]
    fn largest_remainder_refuses_what_has_no_sum() {
        for shares in [&[][..], &[0.0, 0.0], &[-1.0, 2.0], &[f64::NAN, 1.0]] {
            assert!(largest_remainder(shares, 10).is_err(), "{shares:?}");
        }
    }
}
