// SPDX-License-Identifier: GPL-2.0-only
//! What a person should know before trusting a strategy's weights.

use super::{Basis, Prefer, Row, Strategy};
use crate::profile::Application;

/// A latency under more load is longer whatever the scheduler does.
pub fn of_unlike_latencies(strategy: Strategy, applications: &[Application]) -> Vec<String> {
    let differ = |of: fn(&Application) -> String| {
        let first = applications.first().map(of);
        let unlike = applications.iter().any(|app| Some(of(app)) != first);
        unlike.then(|| {
            let each = applications
                .iter()
                .map(|app| format!("{} {}", app.name, of(app)));
            each.collect::<Vec<_>>().join(", ")
        })
    };
    let quantile_of = |app: &Application| {
        let quantile = app.latency_quantile;
        quantile.map_or_else(|| "none".into(), |quantile| quantile.to_string())
    };
    let concurrency = differ(|app| app.concurrency.to_string())
        .map(|each| format!("{strategy} compares latencies, but at different concurrency: {each}"));
    let quantile = differ(quantile_of)
        .map(|each| format!("{strategy} compares latencies, but different quantiles: {each}"));
    concurrency.into_iter().chain(quantile).collect()
}

/// The best there is may be no better than EEVDF, or not surely.
pub fn of_no_gain(basis: &Basis, policy: &str, prefer: Prefer) -> Option<String> {
    let (name, what) = (&basis.name, prefer.of(basis.latency_quantile));
    if !basis.beats_eevdf {
        return Some(format!(
            "{name}: no policy beats EEVDF by {what}; {policy} is the best of them"
        ));
    }
    let (low, high) = basis.interval?;
    (low <= 1.0 && 1.0 <= high).then(|| {
        format!(
            "{name}: {policy} beats EEVDF by {what}, but not surely: the ratio lies between \
             {low:.4} and {high:.4}"
        )
    })
}

/// A share may round to nothing.
pub fn of_idle_policies(rows: &[Row], weights: &[(String, u32)]) -> Vec<String> {
    let idle = weights
        .iter()
        .filter(|(policy, weight)| *weight == 0 && rows.iter().any(|row| row.policy == *policy));
    idle.map(|(policy, _)| {
        format!("{policy} is preferred, but its weight comes to 0: it never runs")
    })
    .collect()
}
