// SPDX-License-Identifier: GPL-2.0-only
//! Loads scx_meta for a program that is written in Rust: what the command line says, in types.

use std::mem::MaybeUninit;
use std::time::Duration;

use anyhow::{ensure, Result};
use libbpf_rs::OpenObject;

use crate::auto::Auto;
use crate::live::Knobs;
use crate::machine::Machine;
use crate::policy::Policy;
use crate::sched::{Plan, RunOptions, Standby};
use crate::tunables::Tunables;
use crate::weights;
use crate::weights::{PolicyList, Weights};

/// Says which policies are loaded, and how. What is not said is as on the command line.
///
/// A program that it loaded is not pinned, not loaded again after an ejection and not reported on:
/// the caller has its maps, [`Running::live`](crate::Running::live).
#[derive(Clone, Debug, Default)]
pub struct Loader {
    policies: Option<PolicyList>,
    weights: Option<Weights>,
    period: Option<Duration>,
    pin: Option<Policy>,
    auto: Option<Auto>,
    tunables: Tunables,
    run: RunOptions,
}

impl Loader {
    /// With all policies, of which `eevdf` is held.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only these are loaded, and can get a weight later.
    pub fn policies(mut self, policies: impl IntoIterator<Item = Policy>) -> Self {
        self.policies = Some(policies.into_iter().collect());
        self
    }

    /// The share of each policy in a rotation.
    pub fn weights(mut self, weights: Weights) -> Self {
        self.weights = Some(weights);
        self
    }

    /// Length of a whole rotation, from 1 ms to 1 h; else it is 1800 ms for each policy in it.
    pub fn period(mut self, period: Duration) -> Self {
        self.period = Some(period);
        self
    }

    /// Holds this policy from the start.
    pub fn pin(mut self, policy: Policy) -> Self {
        self.pin = Some(policy);
        self
    }

    /// Who is in charge when neither a weight nor the pin says so; then no policy has a weight unless
    /// [`weights`](Self::weights) gives it one.
    pub fn auto(mut self, auto: Auto) -> Self {
        self.auto = Some(auto);
        self
    }

    /// The knobs of the policies.
    pub fn tunables(mut self, tunables: Tunables) -> Self {
        self.tunables = tunables;
        self
    }

    /// Whether the last 1024 turns are recorded, for [`turns::read`](crate::turns::read).
    pub fn record_turns(mut self, record: bool) -> Self {
        self.run.record_turns = record;
        self
    }

    /// Loads and verifies the program, which is not in charge then. `object` is its place in memory.
    ///
    /// Nothing is checked of the machine beforehand; [`Machine::require_all`] tells better than the
    /// kernel why it would refuse the program.
    ///
    /// Fails if a weight or the pin is of a policy that is not loaded, if the period is out of range,
    /// and if the kernel refuses the program.
    pub fn load<'obj>(&self, object: &'obj mut MaybeUninit<OpenObject>) -> Result<Standby<'obj>> {
        let plan = self.plan()?;
        Standby::load(&plan, &plan.knobs, &Machine::default(), object)
    }

    pub(crate) fn plan(&self) -> Result<Plan> {
        let policies = self.policies.clone().unwrap_or_else(PolicyList::all);
        let weights = self.weights.clone();
        let weights = match &self.auto {
            Some(_) => weights.unwrap_or_else(|| Weights::new([])),
            None => weights.unwrap_or_else(|| policies.default_weights()),
        };
        if let Some(auto) = &self.auto {
            auto.arms.check_available(&policies)?;
        }
        weights.check_available(&policies)?;
        if let Some(pin) = self.pin {
            ensure!(policies.contains(pin), "the pinned {pin} is not loaded");
        }
        let period = match self.period {
            Some(period) => period,
            None => weights
                .period(weights::BASE_SLICE)?
                .max(weights::BASE_SLICE),
        };
        Ok(Plan {
            knobs: Knobs {
                weights,
                period_us: weights::period_us(period)?,
                pin: self.pin,
            },
            policies,
            auto: self.auto.clone(),
            tunables: self.tunables,
            run: self.run,
        })
    }
}
