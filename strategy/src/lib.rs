// SPDX-License-Identifier: GPL-2.0-only
//! From what was measured under each policy ([`profile`]) to weights. Pure: it never knows what the
//! weights do, nor what a policy is but its name.
//!
//! Each of n applications has a preferred policy and a share w_i of every
//! rotation, which lasts n · t_b (the base slice): t_i = n · t_b · w_i.
//! Applications that prefer the same policy add up.

#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod policies;
mod prefer;
pub mod profile;
mod remainder;
pub mod source;
mod table;
#[cfg(test)]
mod tests;
mod warnings;

use std::fmt;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use clap::ValueEnum;

pub use self::policies::Policies;
use self::prefer::preferred;
pub use self::prefer::{Basis, Prefer};
use self::profile::Application;
pub use self::remainder::{largest_remainder, WEIGHT_TOTAL};

/// How applications share the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Strategy {
    /// The same for each; without a profile, for each policy
    RoundRobin,
    /// By latency under EEVDF: the slowest gets most
    Delta,
    /// By throughput under the preferred policy, relative to EEVDF: the paper's
    /// formula, literally; almost round-robin
    Benefit,
    /// By what the preferred policy gains over EEVDF; who gains nothing gets none
    BenefitGain,
    /// delta × benefit
    DeltaBenefit,
    /// delta × benefit-gain
    DeltaBenefitGain,
}

impl Strategy {
    /// Whether there is anything to compute from without measurements.
    pub fn needs_profile(self) -> bool {
        self != Self::RoundRobin
    }

    /// Whether every application must have a latency.
    pub fn compares_latencies(self) -> bool {
        matches!(
            self,
            Self::Delta | Self::DeltaBenefit | Self::DeltaBenefitGain
        )
    }

    fn counts_gains(self) -> bool {
        matches!(self, Self::BenefitGain | Self::DeltaBenefitGain)
    }

    /// The numerator of w_i.
    fn claim(self, basis: &Basis) -> Result<f64> {
        let ratio = basis.throughput_ratio;
        let gain = (ratio - 1.0).max(0.0);
        let latency_ms = || {
            basis.latency_ms.with_context(|| {
                let name = &basis.name;
                format!(
                    "application `{name}` has no latency_ms, which --strategy {self} compares: \
                     measure it with a load that reports latencies, or take --strategy {}",
                    Self::without_latencies()
                )
            })
        };
        Ok(match self {
            Self::RoundRobin => 1.0,
            Self::Delta => latency_ms()?,
            Self::Benefit => ratio,
            Self::BenefitGain => gain,
            Self::DeltaBenefit => latency_ms()? * ratio,
            Self::DeltaBenefitGain => latency_ms()? * gain,
        })
    }

    /// `round-robin, benefit or …`
    fn without_latencies() -> String {
        let strategies = Self::value_variants().iter();
        let names: Vec<_> = strategies
            .filter(|strategy| !strategy.compares_latencies())
            .map(Self::to_string)
            .collect();
        names.join(" or ")
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_option_value(self, f)
    }
}

/// As people type it.
fn write_option_value(value: &impl ValueEnum, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match value.to_possible_value() {
        Some(value) => f.pad(value.get_name()),
        None => Ok(()),
    }
}

/// One of the n that share the time.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The preferred policy.
    pub policy: String,
    /// None without a profile: then the policy stands for itself.
    pub basis: Option<Basis>,
    /// w_i; the sum of all is 1.
    pub weight: f64,
    /// t_i
    pub timeslice_ms: f64,
}

/// What a strategy came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Allotment {
    /// Which one.
    pub strategy: Strategy,
    /// The n, in the profile's order.
    pub rows: Vec<Row>,
    /// Of the loaded policies, in table order; the sum is `WEIGHT_TOTAL`.
    pub weights: Vec<(String, u32)>,
    /// n · t_b
    pub period: Duration,
    /// What a person should know before trusting it.
    pub warnings: Vec<String>,
}

/// What one of the n asks for.
struct Claim {
    policy: String,
    basis: Option<Basis>,
    size: f64,
}

impl Allotment {
    /// Each of `turning` gets the same.
    pub fn round_robin<T: ToString>(
        turning: impl IntoIterator<Item = T>,
        policies: &Policies,
        base_slice: Duration,
    ) -> Result<Self> {
        let claims = turning.into_iter().map(|policy| Claim {
            policy: policy.to_string(),
            basis: None,
            size: 1.0,
        });
        let mut claims: Vec<Claim> = claims.collect();
        claims.sort_by_key(|claim| policies.place(&claim.policy));
        Self::share_out(Strategy::RoundRobin, claims, policies, base_slice)
    }

    /// By what was measured; only loaded policies are considered.
    pub fn from_profile(
        strategy: Strategy,
        prefer: Prefer,
        applications: &[Application],
        policies: &Policies,
        base_slice: Duration,
    ) -> Result<Self> {
        let mut warnings = Vec::new();
        if strategy.compares_latencies() {
            warnings.extend(warnings::of_unlike_latencies(strategy, applications));
        }
        let mut claims = Vec::new();
        for application in applications {
            let (policy, basis) = preferred(application, prefer, policies)?;
            warnings.extend(warnings::of_no_gain(&basis, &policy, prefer));
            claims.push(Claim {
                policy,
                size: strategy.claim(&basis)?,
                basis: Some(basis),
            });
        }
        if strategy.counts_gains() && claims.iter().all(|claim| claim.size == 0.0) {
            warnings.push(format!(
                "{strategy}: no application gains any throughput, so all get the same"
            ));
            claims.iter_mut().for_each(|claim| claim.size = 1.0);
        }
        let mut allotment = Self::share_out(strategy, claims, policies, base_slice)?;
        warnings.append(&mut allotment.warnings);
        Ok(Self {
            warnings,
            ..allotment
        })
    }

    fn share_out(
        strategy: Strategy,
        claims: Vec<Claim>,
        policies: &Policies,
        base_slice: Duration,
    ) -> Result<Self> {
        let period = u32::try_from(claims.len())
            .ok()
            .and_then(|n| base_slice.checked_mul(n));
        let period = period.context("--base-slice: too long")?;
        let sum: f64 = claims.iter().map(|claim| claim.size).sum();
        ensure!(
            sum.is_finite() && sum > 0.0,
            "--strategy {strategy}: the profile's figures are too large or too small to compare"
        );
        let row = |claim: Claim| Row {
            policy: claim.policy,
            basis: claim.basis,
            weight: claim.size / sum,
            timeslice_ms: period.as_secs_f64() * 1000.0 * claim.size / sum,
        };
        let rows: Vec<Row> = claims.into_iter().map(row).collect();
        let weights = policy_weights(&rows, policies)?;
        Ok(Self {
            strategy,
            warnings: warnings::of_idle_policies(&rows, &weights),
            rows,
            weights,
            period,
        })
    }
}

fn policy_weights(rows: &[Row], policies: &Policies) -> Result<Vec<(String, u32)>> {
    let share = |policy: &String| {
        let rows = rows.iter().filter(|row| row.policy == *policy);
        rows.map(|row| row.weight).sum()
    };
    let shares: Vec<f64> = policies.loaded().iter().map(share).collect();
    let weights = largest_remainder(&shares, WEIGHT_TOTAL)?;
    Ok(policies.loaded().iter().cloned().zip(weights).collect())
}
