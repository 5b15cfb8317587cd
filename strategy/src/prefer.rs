// SPDX-License-Identifier: GPL-2.0-only
//! `--prefer`: which policy suits an application best.

use std::cmp::Ordering;
use std::fmt;

use anyhow::{ensure, Context, Result};
use clap::ValueEnum;

use super::write_option_value;
use crate::profile::{Application, Ends, Figures, Quantile};
use crate::Policies;

/// What makes a policy the preferred one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Prefer {
    /// The highest throughput; of equals the lowest latency
    Throughput,
    /// The lowest latency; of equals the highest throughput
    P99,
}

impl Prefer {
    /// Less is better.
    fn order(self, a: &Relative, b: &Relative) -> Ordering {
        let throughput = b.throughput.total_cmp(&a.throughput);
        let latency = match (a.latency, b.latency) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            _ => Ordering::Equal,
        };
        match self {
            Self::Throughput => throughput.then(latency),
            Self::P99 => latency.then(throughput),
        }
    }

    fn beats_eevdf(self, policy: &Relative) -> bool {
        match self {
            Self::Throughput => policy.throughput > 1.0,
            Self::P99 => policy.latency.is_some_and(|latency| latency < 1.0),
        }
    }

    /// How sure the file is of the ratio by which the policy is preferred.
    fn interval(self, figures: &Figures) -> Option<Ends> {
        match self {
            Self::Throughput => figures.throughput_ratio_interval,
            Self::P99 => figures.latency_ratio_interval,
        }
    }

    /// What it looks at, for people.
    pub(super) fn of(self, quantile: Option<Quantile>) -> String {
        match (self, quantile) {
            (Self::P99, Some(quantile)) => quantile.to_string(),
            (Self::P99, None) => "latency".into(),
            (Self::Throughput, _) => "throughput".into(),
        }
    }
}

impl fmt::Display for Prefer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_option_value(self, f)
    }
}

/// A policy relative to EEVDF.
struct Relative {
    throughput: f64,
    latency: Option<f64>,
}

impl Relative {
    fn of(application: &Application, figures: &Figures) -> Self {
        Self {
            throughput: application.throughput_ratio(figures),
            latency: application.latency_ratio(figures),
        }
    }
}

/// What a strategy knows of an application.
#[derive(Clone, Debug, PartialEq)]
pub struct Basis {
    /// The application's name.
    pub name: String,
    /// Throughput under the preferred policy relative to EEVDF.
    pub throughput_ratio: f64,
    /// Under EEVDF; none if the application has no latencies.
    pub latency_ms: Option<f64>,
    /// Which latency that is.
    pub latency_quantile: Option<Quantile>,
    /// The preferred policy is better than EEVDF in what it is preferred for.
    pub beats_eevdf: bool,
    /// Ends of the interval of the ratio by which it is preferred, if the profile has them.
    pub interval: Option<Ends>,
}

/// Of the loaded policies the best one.
pub(super) fn preferred(
    application: &Application,
    prefer: Prefer,
    policies: &Policies,
) -> Result<(String, Basis)> {
    let (name, eevdf) = (&application.name, &application.eevdf);
    ensure!(
        prefer != Prefer::P99 || eevdf.latency_ms.is_some(),
        "application `{name}` has no latency_ms, by which --prefer p99 chooses: measure it with a \
         load that reports latencies, or take --prefer throughput"
    );
    let measured = application.policies.iter();
    let loaded_only = measured.filter(|(policy, _)| policies.is_loaded(policy));
    let relative =
        loaded_only.map(|(policy, figures)| (policy, figures, Relative::of(application, figures)));
    let (policy, figures, relative) = relative
        .min_by(|(p, _, a), (q, _, b)| {
            prefer
                .order(a, b)
                .then_with(|| policies.place(p).cmp(&policies.place(q)))
        })
        .with_context(|| {
            let loaded = policies.loaded().join(", ");
            format!("application `{name}` was measured under none of {loaded}")
        })?;
    let basis = Basis {
        name: name.clone(),
        throughput_ratio: relative.throughput,
        latency_ms: eevdf.latency_ms,
        latency_quantile: application.latency_quantile,
        beats_eevdf: prefer.beats_eevdf(&relative),
        interval: prefer.interval(figures),
    };
    Ok((policy.clone(), basis))
}
