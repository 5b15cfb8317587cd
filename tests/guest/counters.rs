// SPDX-License-Identifier: GPL-2.0-only
//! Sums over the map "stats", and its law of conservation.

use std::time::Duration;

use scx_meta::bpf::abi;
use scx_meta::policy::Policy;

use crate::clock::wait_for;
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
        if maps.status().generation == before.generation {
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

/// Prints shares beside the expected ones; the largest distance, in points.
pub fn worst_distance(what: &str, shares: &[(Policy, f64)], weights: &[u32]) -> f64 {
    let sum: u32 = weights.iter().sum();
    let mut worst = 0.0_f64;
    for ((policy, share), weight) in shares.iter().zip(weights) {
        let expected = f64::from(*weight) / f64::from(sum);
        worst = worst.max(100.0 * (share - expected).abs());
        println!(
            "{what} {policy}: {:.2} % (expected {:.2} %)",
            100.0 * share,
            100.0 * expected
        );
    }
    worst
}

/// The longest time any task waited in a queue; needs --stats-json.
pub fn longest_wait_ns(maps: &Maps) -> u64 {
    Policy::all()
        .map(|policy| maps.counters(policy).wait_max_ns)
        .max()
        .unwrap_or(0)
}

fn in_custody(stats: &abi::meta_stats) -> i64 {
    let taken = stats.enqueued + stats.handed_in;
    taken as i64 - (stats.ran + stats.removed + stats.handed_out) as i64
}

/// Once nothing waits, every task taken into custody has run or was removed:
/// exactly, for each policy.
pub fn assert_conserved(maps: &Maps) {
    let mut rows = Vec::new();
    let settled = wait_for(SETTLE_LIMIT, Duration::from_millis(20), || {
        rows = Policy::all()
            .map(|policy| (policy, maps.counters(policy)))
            .collect();
        rows.iter().all(|(_, stats)| in_custody(stats) == 0)
    });
    for (policy, stats) in &rows {
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
            crate::clock::ms(stats.wait_max_ns),
        );
    }
    assert!(settled, "tasks were lost or counted twice");
}
