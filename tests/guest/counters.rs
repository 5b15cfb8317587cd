// SPDX-License-Identifier: GPL-2.0-only
//! Sums over the map "stats", and its law of conservation.

use std::time::Duration;

use anyhow::{ensure, Result};
use labkit::process;
use scx_meta::bpf::abi;
use scx_meta::policy::{stat_rows, Fold, Policy};
use scx_meta::{stats, value};

use crate::clock::ms;
use crate::maps::Maps;

/// After a load ended, its last tasks are gone within this time.
const SETTLE_LIMIT: Duration = Duration::from_secs(5);

/// Time as the active policy, the turn under way included.
pub fn active_ns(maps: &Maps, now_ns: u64) -> Vec<(Policy, u64)> {
    loop {
        let before = maps.status();
        let times = Policy::all()
            .map(|policy| {
                let under_way = match policy.id() == before.active {
                    true => now_ns.saturating_sub(before.entered_at_ns),
                    false => 0,
                };
                (policy, maps.counters(policy).active_ns + under_way)
            })
            .collect();
        if stats::are_of_one_turn(&before, &maps.status()) {
            return times;
        }
    }
}

/// CPU time by the policy that owned the task.
pub fn cpu_ns(maps: &Maps) -> Vec<(Policy, u64)> {
    Policy::all()
        .map(|policy| (policy, maps.counters(policy).cpu_ns))
        .collect()
}

/// The difference of two readings, as shares of the whole.
pub fn shares(before: &[(Policy, u64)], after: &[(Policy, u64)]) -> Vec<(Policy, f64)> {
    let spent: Vec<(Policy, u64)> = before
        .iter()
        .zip(after)
        .map(|((policy, from), (_, to))| (*policy, to.saturating_sub(*from)))
        .collect();
    let whole: u64 = spent.iter().map(|(_, ns)| ns).sum();
    spent
        .into_iter()
        .map(|(policy, ns)| (policy, ns as f64 / whole as f64))
        .collect()
}

/// Prints shares beside those that the weights mean; the largest distance, in points.
pub fn worst_distance(what: &str, shares: &[(Policy, f64)], weights: &[(Policy, u32)]) -> f64 {
    let sum: u32 = weights.iter().map(|(_, weight)| weight).sum();
    let mut worst = 0.0_f64;
    for (policy, share) in shares {
        let weight = weights.iter().find(|(listed, _)| listed == policy);
        let weight = weight.map_or(0, |(_, weight)| *weight);
        let expected = f64::from(weight) / f64::from(sum);
        worst = worst.max(100.0 * (share - expected).abs());
        println!(
            "{what} {policy}: {:.2} % (expected {:.2} %)",
            100.0 * share,
            100.0 * expected
        );
    }
    worst
}

/// The longest time that any task waited in a queue since load.
pub fn longest_wait_since_load_ns(maps: &Maps) -> u64 {
    Policy::all()
        .map(|policy| maps.counters(policy).wait_max_ns)
        .max()
        .unwrap_or(0)
}

/// All counters at a moment, by policy and CPU.
pub struct Counted(Vec<(Policy, Vec<abi::meta_stats>)>);

impl Counted {
    pub fn now(maps: &Maps) -> Self {
        let of = |policy: Policy| (policy, maps.counters_by_cpu(policy.id()));
        Self(Policy::all().map(of).collect())
    }

    fn of(&self, policy: Policy) -> &[abi::meta_stats] {
        let row = self.0.iter().find(|(of, _)| *of == policy);
        &row.unwrap().1
    }

    /// By how much a policy's counters grew, one a CPU. A maximum that did not grow is 0: what
    /// happened since was no more than that.
    pub fn since_by_cpu(&self, before: &Self, policy: Policy) -> Vec<abi::meta_stats> {
        let pairs = self.of(policy).iter().zip(before.of(policy));
        pairs
            .map(|(now, before)| {
                let mut grown = value::zeroed();
                for row in stat_rows() {
                    let (now, before) = ((row.get)(now), (row.get)(before));
                    *(row.get_mut)(&mut grown) = match row.fold {
                        Fold::Sum => now.wrapping_sub(before),
                        Fold::Max if now > before => now,
                        Fold::Max => 0,
                    };
                }
                grown
            })
            .collect()
    }

    /// The same over all CPUs.
    pub fn since(&self, before: &Self, policy: Policy) -> abi::meta_stats {
        let mut whole = value::zeroed();
        for one in self.since_by_cpu(before, policy) {
            for row in stat_rows() {
                let (sum, value) = ((row.get_mut)(&mut whole), (row.get)(&one));
                *sum = match row.fold {
                    Fold::Sum => sum.wrapping_add(value),
                    Fold::Max => (*sum).max(value),
                };
            }
        }
        whole
    }
}

fn in_custody(stats: &abi::meta_stats) -> i64 {
    let taken = stats.enqueued.wrapping_add(stats.handed_in);
    let left = stats.ran.wrapping_add(stats.removed);
    taken.wrapping_sub(left.wrapping_add(stats.handed_out)) as i64
}

fn by_policy(maps: &Maps) -> Vec<(Policy, abi::meta_stats)> {
    Policy::all()
        .map(|policy| (policy, maps.counters(policy)))
        .collect()
}

/// Does it add up at this moment?
pub fn is_conserved(maps: &Maps) -> bool {
    let mut rows = by_policy(maps).into_iter();
    rows.all(|(_, stats)| in_custody(&stats) == 0)
}

/// Once nothing waits, every task taken into custody has run or was removed:
/// exactly, for each policy. For the end of a test, when its loads have ended.
pub fn check_conserved(maps: &Maps) -> Result<()> {
    let mut rows = Vec::new();
    let settled = process::await_that(SETTLE_LIMIT, Duration::from_millis(20), || {
        rows = by_policy(maps);
        rows.iter().all(|(_, stats)| in_custody(stats) == 0)
    });
    let used = rows.iter().filter(|(_, stats)| stats.activations > 0);
    for (policy, stats) in used {
        println!(
            "{policy}: enqueued {} + handed in {} = ran {} + removed {} + handed out {} + {}; \
             drained {}, kept {}, activations {}, skipped {}, wait max {:.0} ms",
            stats.enqueued,
            stats.handed_in,
            stats.ran,
            stats.removed,
            stats.handed_out,
            in_custody(stats),
            stats.drained,
            stats.kept,
            stats.activations,
            stats.skipped,
            ms(stats.wait_max_ns),
        );
    }
    ensure!(settled, "tasks were lost or counted twice");
    Ok(())
}
