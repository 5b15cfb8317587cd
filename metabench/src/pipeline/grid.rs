// SPDX-License-Identifier: GPL-2.0-only
//! Rows of strategies: each at each base slice, for `tune` and `breakdown`.
//!
//! Strategies often come to the same weights. What is the same is measured once, under all its
//! names; what comes to one policy alone is that policy's row already.

use std::time::Duration;

use anyhow::{Context, Result};
use labkit::charge::setting::Setting;
use scx_meta::weights::{self, PolicyList};
use strategy::profile::Application;
use strategy::{Allotment, Prefer, Strategy};

use crate::record::{Role, Row};

/// How the rotation comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Mechanism {
    /// scx_meta's flip
    Flip,
    /// One scheduler's process replaces another's, as the paper did it
    Process,
}

#[derive(Clone, Copy)]
pub(crate) struct Grid<'a> {
    /// Applications as profiled; the policies that each may prefer.
    pub(crate) applications: &'a [Application],
    pub(crate) policies: &'a PolicyList,
    pub(crate) strategies: &'a [Strategy],
    /// t_b
    pub(crate) base_slices: &'a [Duration],
    pub(crate) prefer: Prefer,
    pub(crate) mechanism: Mechanism,
    /// The name that reports call these rows by, if not by what the profile prefers.
    pub(crate) named: Option<&'a str>,
}

impl Grid<'_> {
    /// Adds the rows that differ from all others, and its names to those that do not; returns
    /// what a person should know.
    pub(crate) fn add_to(&self, rows: &mut Vec<Row>) -> Result<Vec<String>> {
        let names = self.policies.names();
        let mut notes = Vec::new();
        for &base_slice in self.base_slices {
            for &strategy in self.strategies {
                let allotment = Allotment::from_profile(
                    strategy,
                    self.prefer,
                    self.applications,
                    &names,
                    base_slice,
                )
                .with_context(|| format!("strategy {strategy}"))?;
                for warning in &allotment.warnings {
                    if !notes.contains(warning) {
                        notes.push(warning.clone());
                    }
                }
                match self.setting(&allotment)? {
                    Some(setting) => self.add(rows, strategy, base_slice, setting),
                    None => notes.push(alone(&allotment)),
                }
            }
        }
        notes.dedup();
        Ok(notes)
    }

    /// None if one policy has all of the time.
    fn setting(&self, allotment: &Allotment) -> Result<Option<Setting>> {
        let turning = allotment.weights.iter().filter(|(_, weight)| *weight > 0);
        let weights: Vec<_> = turning.cloned().collect();
        let period_us = weights::period_us_of(allotment)?;
        Ok((weights.len() > 1).then_some(match self.mechanism {
            Mechanism::Flip => Setting::Rotate { weights, period_us },
            Mechanism::Process => Setting::Replace { weights, period_us },
        }))
    }

    fn add(&self, rows: &mut Vec<Row>, strategy: Strategy, slice: Duration, setting: Setting) {
        let name = match self.named {
            Some(named) => format!("{strategy} of {named}"),
            None => strategy.to_string(),
        };
        if let Some(same) = rows.iter_mut().find(|row| row.setting == setting) {
            if let Role::Strategy { strategies, .. } = &mut same.role {
                strategies.push(name);
                same.label = label(strategies, slice, self.mechanism);
            }
            return;
        }
        let strategies = vec![name];
        rows.push(Row {
            label: label(&strategies, slice, self.mechanism),
            setting,
            role: Role::Strategy {
                strategies,
                base_slice_us: slice.as_micros() as u32,
                named: self.named.map(Into::into),
            },
        });
    }
}

/// Said once, however many strategies it holds for.
fn alone(allotment: &Allotment) -> String {
    let only = allotment.weights.iter().find(|(_, weight)| *weight > 0);
    let policy = only.map_or("nobody", |(policy, _)| policy);
    format!("a strategy that gives {policy} all of the time is no rotation: see {policy} alone")
}

fn label(strategies: &[String], base_slice: Duration, mechanism: Mechanism) -> String {
    let how = match mechanism {
        Mechanism::Flip => "",
        Mechanism::Process => ", processes",
    };
    let slice = humantime::format_duration(base_slice);
    format!("{} @ {slice}{how}", strategies.join(" = "))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use scx_meta::policy::Policy;
    use strategy::profile::{Figures, Quantile};

    use super::*;

    fn figures(throughput: f64, latency_ms: f64) -> Figures {
        Figures {
            latency_ms: Some(latency_ms),
            ..Figures::of_throughput(throughput, NonZeroU32::MIN)
        }
    }

    fn application(name: &str, latency_ms: f64, best: Policy) -> Application {
        let policies = Policy::all().map(|policy| {
            let gain = if policy == best { 1.05 } else { 0.97 };
            (policy.to_string(), figures(100.0 * gain, latency_ms))
        });
        Application {
            name: name.into(),
            throughput_unit: "requests/s".into(),
            latency_quantile: Some(Quantile::P99),
            concurrency: NonZeroU32::MIN,
            eevdf: figures(100.0, latency_ms),
            policies: policies.collect(),
        }
    }

    /// Adds to `rows` those of two applications that prefer these; returns the notes.
    fn add(rows: &mut Vec<Row>, best: [Policy; 2], mechanism: Mechanism) -> Vec<String> {
        let grid = Grid {
            applications: &[
                application("a", 10.0, best[0]),
                application("b", 30.0, best[1]),
            ],
            policies: &PolicyList::all(),
            strategies: &[Strategy::RoundRobin, Strategy::Benefit, Strategy::Delta],
            base_slices: &[20, 100].map(Duration::from_millis),
            prefer: Prefer::Throughput,
            mechanism,
            named: None,
        };
        grid.add_to(rows).unwrap()
    }

    fn two() -> [Policy; 2] {
        let mut all = Policy::all();
        [all.next().unwrap(), all.next().unwrap()]
    }

    fn singles() -> Vec<Row> {
        Policy::all().map(|p| Row::held(p.name())).collect()
    }

    #[test]
    fn equal_weights_are_one_row_with_both_names() {
        let mut rows = singles();
        let held = rows.len();
        add(&mut rows, two(), Mechanism::Flip);
        let labels: Vec<_> = rows[held..].iter().map(|row| &*row.label).collect();
        assert_eq!(
            labels,
            [
                "round-robin = benefit @ 20ms",
                "delta @ 20ms",
                "round-robin = benefit @ 100ms",
                "delta @ 100ms"
            ]
        );
        assert_eq!(rows[held].setting.period_us(), Some(40_000));
        let [first, second] = two().map(|policy| policy.to_string());
        let shares = rows[held + 1].setting.weights();
        assert_eq!(shares, [(first, 250_000), (second, 750_000)]);
    }

    #[test]
    fn one_policy_for_all_is_no_new_row() {
        let mut rows = singles();
        let notes = add(&mut rows, [two()[0]; 2], Mechanism::Flip);
        assert_eq!(rows, singles());
        let is_said = notes.iter().any(|note| note.contains("is no rotation"));
        assert!(is_said, "{notes:?}");
    }

    #[test]
    fn processes_are_rows_of_their_own() {
        let mut rows = Vec::new();
        add(&mut rows, two(), Mechanism::Flip);
        let own = rows.len();
        add(&mut rows, two(), Mechanism::Process);
        assert_eq!(rows.len(), 2 * own);
        assert!(rows[own].label.ends_with("@ 20ms, processes"));
        assert!(matches!(rows[own].setting, Setting::Replace { .. }));
    }
}
