// SPDX-License-Identifier: GPL-2.0-only
//! What the loader is to do, from its options: defaults are resolved, and options that contradict each
//! other refused.

use std::io::Write;

use anyhow::{ensure, Context, Result};
use strategy::profile::Profile;
use strategy::Allotment;

use super::options::RunArgs;
use crate::live::Knobs;
use crate::policy::Policy;
use crate::sched::Plan;
use crate::weights;
use crate::weights::{PolicyList, Weights};

/// What --strategy came to, and from what.
pub(super) struct Computed {
    /// For people: the profile and the options it was computed with.
    headline: String,
    pub(super) allotment: Allotment,
}

impl Computed {
    pub(super) fn print(&self, json: bool, out: &mut impl Write) -> Result<()> {
        if json {
            writeln!(out, "{}", self.allotment.json())?;
        } else {
            write!(out, "{}\n{}", self.headline, self.allotment.table())?;
        }
        out.flush()?;
        for warning in &self.allotment.warnings {
            log::warn!("{warning}");
        }
        Ok(())
    }
}

impl RunArgs {
    pub(super) fn policies(&self) -> PolicyList {
        self.policies.clone().unwrap_or_else(PolicyList::all)
    }

    /// Does what --strategy asks for, if it is there.
    pub(super) fn compute(&self, policies: &PolicyList) -> Result<Option<Computed>> {
        let Some(strategy) = self.strategy else {
            return Ok(None);
        };
        let base_slice = humantime::format_duration(self.base_slice);
        let Some(path) = &self.profile else {
            ensure!(
                !strategy.needs_profile(),
                "--strategy {strategy} needs --profile"
            );
            return Ok(Some(Computed {
                headline: format!("strategy {strategy}, base slice {base_slice}"),
                allotment: self.equally(policies)?,
            }));
        };
        let names = policies.names();
        let profile = Profile::read(path, &names)?;
        let file = path.display();
        let mut allotment = Allotment::from_profile(
            strategy,
            self.prefer,
            &profile.applications,
            &names,
            self.base_slice,
        )
        .with_context(|| format!("--profile {file}"))?;
        if profile.partial {
            let warning = format!("{file} is partial: its measurement was cut short");
            allotment.warnings.insert(0, warning);
        }
        let source = profile.provenance.map(|source| format!(" ({source})"));
        let source = source.unwrap_or_default();
        let prefer = self.prefer;
        Ok(Some(Computed {
            headline: format!(
                "profile {file}{source}\n\
                 strategy {strategy}, preferred policy by {prefer}, base slice {base_slice}"
            ),
            allotment,
        }))
    }

    fn equally(&self, policies: &PolicyList) -> Result<Allotment> {
        let turning: Vec<Policy> = policies.equal_weights().turning().collect();
        Allotment::round_robin(turning, &policies.names(), self.base_slice)
    }

    /// The whole of it, without a word.
    pub(super) fn resolve(&self) -> Result<Plan> {
        let policies = self.policies();
        let computed = self.compute(&policies)?;
        self.plan(policies, computed.as_ref().map(|c| &c.allotment))
    }

    /// Resolves defaults and refuses options that contradict each other.
    pub(super) fn plan(&self, policies: PolicyList, allotment: Option<&Allotment>) -> Result<Plan> {
        let auto = self.auto.auto();
        if let Some(auto) = &auto {
            auto.arms.check_available(&policies)?;
        }
        let weights = match (allotment, &self.weights, &self.rotate) {
            _ if auto.is_some() => Weights::new([]),
            (Some(allotment), ..) => Weights::of(allotment)?,
            (None, Some(weights), _) => weights.clone(),
            (None, None, Some(rotate)) => rotate.weights(&policies),
            (None, None, None) => policies.default_weights(),
        };
        let option = match self.rotate {
            Some(_) => "--rotate",
            None => "--weights",
        };
        weights.check_available(&policies).context(option)?;
        if let Some(policy) = self.pin {
            ensure!(
                policies.contains(policy),
                "--pin {policy}: not among --policies"
            );
        }
        let period_us = match allotment {
            Some(allotment) => weights::period_us_of(allotment)?,
            None => self.period_us(&weights)?,
        };
        Ok(Plan {
            policies,
            knobs: Knobs {
                weights,
                period_us,
                pin: self.pin,
            },
            auto,
            tunables: self.tunables,
            run: self.run,
        })
    }

    fn period_us(&self, weights: &Weights) -> Result<u32> {
        let period = weights.period(self.base_slice).context("--base-slice")?;
        // Where no weight decides, for who sets some later.
        let period = period.max(self.base_slice);
        weights::period_us(period).with_context(|| {
            let turns = weights.in_rotation();
            format!("--base-slice times {turns} policies in rotation")
        })
    }
}
