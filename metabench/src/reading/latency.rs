// SPDX-License-Identifier: GPL-2.0-only
//! The latencies of several runs as those of one.

use anyhow::{bail, ensure, Result};

use super::histogram;
use crate::record::Latency;

/// Histograms add up. Percentiles cannot: their mean, weighted by requests, stands for them.
pub(crate) fn pooled(runs: Vec<Option<Latency>>) -> Result<Option<Latency>> {
    let n = runs.len();
    let said: Vec<Latency> = runs.into_iter().flatten().collect();
    if said.is_empty() {
        return Ok(None);
    }
    ensure!(
        said.len() == n,
        "only {} of {n} runs say their latencies",
        said.len()
    );
    let mut bins = Vec::new();
    let mut quantiles = Vec::new();
    for latency in said {
        match latency {
            Latency::Histogram(more) => bins.extend(more),
            Latency::Quantiles { n, at } => quantiles.push((n, at)),
        }
    }
    match (bins.is_empty(), quantiles.is_empty()) {
        (false, true) => Ok(Some(Latency::Histogram(histogram::pooled(bins)))),
        (true, false) => mean(&quantiles).map(Some),
        _ => bail!("some runs say a histogram, and others percentiles"),
    }
}

/// Requests, and (percent, µs).
type Quantiles = (u64, Vec<(f64, f64)>);

fn mean(runs: &[Quantiles]) -> Result<Latency> {
    let n: u64 = runs.iter().map(|(n, _)| n).sum();
    ensure!(n > 0, "latencies of no request");
    let (_, first) = &runs[0];
    let same = |other: &[(f64, f64)]| {
        other.len() == first.len() && other.iter().zip(first).all(|((a, _), (b, _))| a == b)
    };
    ensure!(
        runs.iter().all(|(_, at)| same(at)),
        "runs say different percentiles"
    );
    let at = first.iter().enumerate().map(|(i, (percent, _))| {
        let sum: f64 = runs.iter().map(|(n, at)| at[i].1 * *n as f64).sum();
        (*percent, sum / n as f64)
    });
    Ok(Latency::Quantiles {
        n,
        at: at.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantiles(n: u64, at: &[(f64, f64)]) -> Option<Latency> {
        let at = at.to_vec();
        Some(Latency::Quantiles { n, at })
    }

    #[test]
    fn percentiles_are_weighted_by_requests() {
        let runs = vec![
            quantiles(30, &[(50.0, 10.0), (99.0, 100.0)]),
            quantiles(10, &[(50.0, 50.0), (99.0, 20.0)]),
        ];
        let all = pooled(runs).unwrap();
        assert_eq!(all, quantiles(40, &[(50.0, 20.0), (99.0, 80.0)]));
        assert_eq!(pooled(vec![None, None]).unwrap(), None);
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let histogram = || Some(Latency::Histogram(vec![(1.0, 1)]));
        for (runs, expected) in [
            (vec![histogram(), None], "only 1 of 2 runs"),
            (
                vec![histogram(), quantiles(3, &[(50.0, 1.0)])],
                "some runs say a histogram",
            ),
            (
                vec![quantiles(3, &[(50.0, 1.0)]), quantiles(3, &[(90.0, 1.0)])],
                "different percentiles",
            ),
            (vec![quantiles(0, &[(50.0, 1.0)])], "no request"),
        ] {
            let error = pooled(runs).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
