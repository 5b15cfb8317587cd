// SPDX-License-Identifier: GPL-2.0-only
//! What scx_meta says about itself (`--stats-json`, `status --json`), and what happened between
//! two such readings.

use std::time::Duration;

use anyhow::{ensure, Context, Result};
use serde::Deserialize;

/// One reading: the fields of scx_meta's JSON object that the run needs.
#[derive(Clone, Debug, Deserialize)]
pub struct Snapshot {
    /// Name of the active policy; nobody is while the first one is yet to come.
    pub active: Option<String>,
    /// How long its turn lasts already.
    active_for_ns: u64,
    /// Switches since load.
    pub generation: u64,
    /// Length of a rotation.
    pub period_us: u64,
    /// Every policy, in table order.
    pub policies: Vec<Policy>,
    /// What belongs to no policy: tasks that the kernel placed by itself.
    pub kernel: Kernel,
}

/// A policy's weight and its counters since load (`include/stats.h`).
#[derive(Clone, Debug, Deserialize)]
pub struct Policy {
    pub name: String,
    pub weight: u64,
    pub activations: u64,
    /// The running turn included, once [`Snapshot::parse`] has added it.
    pub active_ns: u64,
    pub cpu_ns: u64,
    pub enqueued: u64,
    pub ran: u64,
    pub removed: u64,
    pub flip_ns: u64,
    pub flip_max_ns: u64,
    /// Turns lost because the timer came late.
    pub skipped: u64,
}

/// The counters kept for tasks without an owner.
#[derive(Clone, Debug, Deserialize)]
pub struct Kernel {
    pub cpu_ns: u64,
}

/// What happened between two readings.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub elapsed: Duration,
    pub period: Duration,
    pub switches: u64,
    pub flip_ns: u64,
    /// Turns lost because the timer came late.
    pub skipped: u64,
    pub policies: Vec<PolicyChange>,
    /// CPU time of tasks without an owner ÷ all CPU time.
    pub kernel_cpu_share: f64,
}

/// A policy's part of a [`Change`]; shares are fractions of 1.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyChange {
    pub name: String,
    pub weight: u64,
    pub turns: u64,
    /// Of the time.
    pub share: f64,
    /// Of the weights.
    pub expected_share: f64,
    /// Of the CPU time of all tasks that a policy owned.
    pub share_ran: f64,
    pub enqueued: u64,
    pub ran: u64,
    pub removed: u64,
}

impl Snapshot {
    /// Reads one JSON object.
    pub fn parse(json: &str) -> Result<Self> {
        let mut snapshot: Self = serde_json::from_str(json)
            .with_context(|| format!("cannot read scx_meta's JSON: {json}"))?;
        snapshot.add_running_turn();
        Ok(snapshot)
    }

    /// The counter has finished turns only (`include/stats.h`).
    fn add_running_turn(&mut self) {
        let mut policies = self.policies.iter_mut();
        let active = policies.find(|policy| Some(&policy.name) == self.active.as_ref());
        if let Some(policy) = active {
            policy.active_ns += self.active_for_ns;
        }
    }

    /// Length of a rotation.
    pub fn period(&self) -> Duration {
        Duration::from_micros(self.period_us)
    }

    /// Time since load: always one policy is active.
    pub fn clock(&self) -> Duration {
        Duration::from_nanos(self.policies.iter().map(|policy| policy.active_ns).sum())
    }

    /// Names and weights, in table order.
    pub fn weights(&self) -> Vec<(&str, u64)> {
        let policies = self.policies.iter();
        policies
            .map(|policy| (policy.name.as_str(), policy.weight))
            .collect()
    }
}

impl Change {
    /// What happened from one reading to a later one.
    pub fn between(from: &Snapshot, to: &Snapshot) -> Result<Self> {
        ensure!(
            from.policies.len() == to.policies.len() && from.generation <= to.generation,
            "scx_meta started anew in the middle of the run (did a CPU come or go?)"
        );
        let pairs = || from.policies.iter().zip(&to.policies);
        let sum = |read: fn(&Policy) -> u64| -> Result<u64> {
            pairs().map(|(a, b)| since(read(a), read(b))).sum()
        };
        let active_ns = sum(|policy| policy.active_ns)?;
        let cpu_ns = sum(|policy| policy.cpu_ns)?;
        let kernel_ns = since(from.kernel.cpu_ns, to.kernel.cpu_ns)?;
        let weights = to.policies.iter().map(|policy| policy.weight).sum();

        let policies = pairs().map(|(a, b)| {
            Ok(PolicyChange {
                name: b.name.clone(),
                weight: b.weight,
                turns: since(a.activations, b.activations)?,
                share: ratio(since(a.active_ns, b.active_ns)?, active_ns),
                expected_share: ratio(b.weight, weights),
                share_ran: ratio(since(a.cpu_ns, b.cpu_ns)?, cpu_ns),
                enqueued: since(a.enqueued, b.enqueued)?,
                ran: since(a.ran, b.ran)?,
                removed: since(a.removed, b.removed)?,
            })
        });
        Ok(Self {
            elapsed: Duration::from_nanos(active_ns),
            period: to.period(),
            switches: to.generation - from.generation,
            flip_ns: sum(|policy| policy.flip_ns)?,
            skipped: sum(|policy| policy.skipped)?,
            policies: policies.collect::<Result<_>>()?,
            kernel_cpu_share: ratio(kernel_ns, cpu_ns + kernel_ns),
        })
    }

    /// Every policy with a weight had turns, and tasks ran in them.
    pub fn check_everyone_ran(&self) -> Result<()> {
        let weighted = self.policies.iter().filter(|policy| policy.weight > 0);
        for policy in weighted {
            ensure!(
                policy.share > 0.0 && policy.ran > 0,
                "policy {} has weight {} but {} turns in {:.1?}, in which {} tasks ran",
                policy.name,
                policy.weight,
                policy.turns,
                self.elapsed,
                policy.ran,
            );
        }
        Ok(())
    }

    /// How far the length is from whole rotations: negative when short of the nearest one.
    pub fn off_rotation_ns(&self) -> i64 {
        let period = self.period.as_nanos().max(1) as i64;
        let past = (self.elapsed.as_nanos() as i64).rem_euclid(period);
        if past * 2 < period {
            past
        } else {
            past - period
        }
    }
}

fn since(from: u64, to: u64) -> Result<u64> {
    to.checked_sub(from)
        .context("a counter of scx_meta went backwards: did it start anew?")
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    part as f64 / whole as f64
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A reading with these (name, weight, active_ns, cpu_ns, ran).
    pub fn snapshot(generation: u64, rows: &[(&str, u64, u64, u64, u64)]) -> Snapshot {
        let policies = rows.iter().map(|&(name, weight, active_ns, cpu_ns, ran)| {
            serde_json::json!({
                "name": name, "weight": weight, "share": 0.5, "cpu_share": 0.5,
                "activations": generation / 2, "active_ns": active_ns, "cpu_ns": cpu_ns,
                "enqueued": ran + 1, "ran": ran, "removed": 1,
                "flip_ns": generation * 500, "flip_max_ns": 2000, "skipped": 0, "flip_hist": [0, 1],
            })
        });
        let object = serde_json::json!({
            "uptime_s": 1.5, "active": null, "active_for_ns": 0, "generation": generation, "pinned": null,
            "period_us": 400_000, "policies": policies.collect::<Vec<_>>(),
            "kernel": { "cpu_ns": active_ns_of(rows) / 100 },
        });
        Snapshot::parse(&object.to_string()).unwrap()
    }

    fn active_ns_of(rows: &[(&str, u64, u64, u64, u64)]) -> u64 {
        rows.iter().map(|row| row.2).sum()
    }

    pub const MS: u64 = 1_000_000;

    #[test]
    fn shares_are_of_the_change_and_not_of_the_total() {
        let from = snapshot(
            10,
            &[("fifo", 1, 900 * MS, 70, 5), ("vtime", 1, 100 * MS, 10, 5)],
        );
        let to = snapshot(
            18,
            &[
                ("fifo", 3, 1200 * MS, 130, 9),
                ("vtime", 1, 200 * MS, 30, 7),
            ],
        );
        let change = Change::between(&from, &to).unwrap();
        let fifo = &change.policies[0];
        assert_eq!(fifo.share, 0.75);
        assert_eq!(fifo.expected_share, 0.75);
        assert_eq!(fifo.share_ran, 0.75);
        assert_eq!((fifo.ran, fifo.enqueued, fifo.removed), (4, 4, 0));
        assert_eq!(
            (change.switches, change.elapsed),
            (8, Duration::from_millis(400))
        );
        assert_eq!(change.off_rotation_ns(), 0);
        change.check_everyone_ran().unwrap();
    }

    #[test]
    fn a_policy_that_never_ran_is_an_error() {
        let from = snapshot(1, &[("fifo", 1, 0, 0, 0), ("vtime", 1, 0, 0, 3)]);
        let to = snapshot(9, &[("fifo", 1, MS, 9, 9), ("vtime", 1, MS, 9, 3)]);
        let change = Change::between(&from, &to).unwrap();
        let error = change.check_everyone_ran().unwrap_err().to_string();
        assert!(error.contains("policy vtime has weight 1"), "{error}");
    }

    #[test]
    fn a_policy_without_weight_need_not_run() {
        let from = snapshot(1, &[("fifo", 1, 0, 0, 0), ("vtime", 0, 0, 0, 3)]);
        let to = snapshot(9, &[("fifo", 1, MS, 9, 9), ("vtime", 0, 0, 9, 3)]);
        let change = Change::between(&from, &to).unwrap();
        change.check_everyone_ran().unwrap();
        assert_eq!(change.policies[1].expected_share, 0.0);
    }

    #[test]
    fn counters_that_went_back_are_an_error() {
        let from = snapshot(5, &[("fifo", 1, 9, 9, 9)]);
        assert!(Change::between(&from, &snapshot(4, &[("fifo", 1, 10, 10, 10)])).is_err());
        assert!(Change::between(&from, &snapshot(6, &[("fifo", 1, 10, 10, 8)])).is_err());
    }

    #[test]
    fn distance_to_a_whole_rotation_has_a_sign() {
        let at = |elapsed_ms| {
            snapshot(
                1 + elapsed_ms,
                &[("fifo", 1, elapsed_ms * MS, 1, elapsed_ms)],
            )
        };
        let off = |ms| Change::between(&at(0), &at(ms)).unwrap().off_rotation_ns();
        assert_eq!(off(807), 7 * MS as i64);
        assert_eq!(off(790), -10 * MS as i64);
        assert_eq!(off(1000), -200 * MS as i64);
    }

    #[test]
    fn the_running_turn_counts() {
        let mut reading = snapshot(1, &[("fifo", 1, 9, 1, 1), ("vtime", 1, 5, 1, 1)]);
        reading.active = Some("vtime".into());
        reading.active_for_ns = 3;
        reading.add_running_turn();
        assert_eq!(reading.policies[0].active_ns, 9);
        assert_eq!(reading.policies[1].active_ns, 8);
        assert_eq!(reading.clock(), Duration::from_nanos(17));
    }

    #[test]
    fn text_that_is_no_object_is_quoted_in_the_error() {
        let error = Snapshot::parse("fifo 25 %").unwrap_err().to_string();
        assert!(error.contains("fifo 25 %"), "{error}");
    }
}
