// SPDX-License-Identifier: GPL-2.0-only
//! A rotation that can be put in charge: policies that exist, weights that are not all zero, a
//! period in range.

use std::time::Duration;

use anyhow::{ensure, Result};
use scx_meta::policy::Policy;
use scx_meta::weights;
use scx_meta::weights::{PolicyList, Weights};

use crate::charge::setting::Setting;

/// Who takes turns, and how long a rotation is.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotation {
    /// Those with a share, in the kernel's order.
    shares: Vec<(Policy, u32)>,
    period_us: u32,
}

impl Rotation {
    /// Of a setting that has one; its policies must be available.
    pub fn of(setting: &Setting, available: &PolicyList) -> Result<Self> {
        let mut shares = Vec::new();
        for (name, weight) in setting.weights() {
            let policy: Policy = name.parse()?;
            let known = shares.iter().any(|(known, _)| *known == policy);
            ensure!(!known, "{policy} is there twice");
            if *weight > 0 {
                shares.push((policy, *weight));
            }
        }
        Weights::new(shares.clone()).check_available(available)?;
        ensure!(!shares.is_empty(), "no policy has a weight above 0");
        shares.sort_by_key(|(policy, _)| policy.id());
        let period = Duration::from_micros(setting.period_us().unwrap_or_default().into());
        let period_us = weights::period_us(period)?;
        Ok(Self { shares, period_us })
    }

    /// Those that take turns.
    pub fn policies(&self) -> PolicyList {
        PolicyList::from_iter(self.shares.iter().map(|(policy, _)| *policy))
    }

    /// Whether it takes turns.
    pub fn contains(&self, policy: Policy) -> bool {
        self.shares.iter().any(|(known, _)| *known == policy)
    }

    /// Their weights.
    pub fn shares(&self) -> &[(Policy, u32)] {
        &self.shares
    }

    /// Length of a whole rotation.
    pub fn period_us(&self) -> u32 {
        self.period_us
    }

    /// Each one's turn, in the kernel's order.
    pub fn turns(&self) -> Vec<(Policy, Duration)> {
        let total: u64 = self.shares.iter().map(|(_, w)| u64::from(*w)).sum();
        let turn = |weight: u32| {
            let us = u64::from(self.period_us) * u64::from(weight) / total;
            Duration::from_micros(us)
        };
        let shares = self.shares.iter();
        shares.map(|(p, weight)| (*p, turn(*weight))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(weights: &[(&str, u32)], period_us: u32) -> Setting {
        let weights = weights.iter().map(|(name, w)| ((*name).into(), *w));
        Setting::Replace {
            weights: weights.collect(),
            period_us,
        }
    }

    fn error(weights: &[(&str, u32)], period_us: u32) -> String {
        let available = "fifo,vtime".parse().unwrap();
        let rotation = Rotation::of(&setting(weights, period_us), &available);
        format!("{:#}", rotation.unwrap_err())
    }

    #[test]
    fn turns_share_the_period_by_weight_in_the_kernels_order() {
        let setting = setting(&[("vtime", 305), ("fifo", 695), ("nest", 0)], 100_000);
        let rotation = Rotation::of(&setting, &PolicyList::all()).unwrap();
        let turns: Vec<_> = rotation
            .turns()
            .iter()
            .map(|(policy, turn)| (policy.name(), turn.as_micros()))
            .collect();
        assert_eq!(turns, [("fifo", 69_500), ("vtime", 30_500)]);
        let names: Vec<_> = rotation.policies().iter().map(Policy::name).collect();
        assert_eq!(names, ["fifo", "vtime"]);
    }

    #[test]
    fn what_cannot_be_put_in_charge_is_refused() {
        assert!(error(&[("fofo", 1)], 100_000).contains("`fofo`"));
        assert!(error(&[("fifo", 1), ("fifo", 2)], 100_000).contains("twice"));
        assert!(error(&[("nest", 1)], 100_000).contains("`nest=1`"));
        assert!(error(&[("fifo", 0)], 100_000).contains("above 0"));
        assert!(error(&[("fifo", 1)], 1).contains("out of range"));
    }
}
