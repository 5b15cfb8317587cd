// SPDX-License-Identifier: GPL-2.0-only
//! Brings a guest nearer to the machine: each cost is tied to loads that it makes slow, and is
//! multiplied by what those lack. A few rounds do, since most loads depend on one cost above all.

use labkit::calibrate::Group;

use super::samples::Samples;
use crate::vm::vclock::Costs;

/// A load is fitted if its guest takes from 75 to 125 % of the native time.
pub(super) const TOLERANCE: f64 = 0.25;

/// A cost changes by no more than a half in a round: the loads that it is tied to hold other costs too.
const STEP_MAX: f64 = 1.5;

/// A cost, and the loads whose ratio to the native ones it follows, on (geometric) average.
struct Rule {
    cost: &'static str,
    loads: &'static [&'static str],
}

/// The rest, the machine's caches above all, is not fitted but written by hand.
const RULES: [Rule; 18] = [
    rule("plain_ns", &["mixed arithmetic"]),
    rule("branch_ns", &["branches"]),
    rule("operand_ns", &["loads and stores"]),
    rule("multiply_ns", &["multiplication"]),
    rule("divide_ns", &["division"]),
    rule("locked_ns", &["locked add"]),
    rule("syscall_ns", &["system call"]),
    rule("exception_ns", &["page fault"]),
    rule("vector_ns", &["memcpy 64 KiB"]),
    rule("shared_stream_ns", &["memcpy 1 MiB"]),
    rule("memory_stream_ns", &["memcpy 8 MiB"]),
    rule("nontemporal_ns", &["memcpy 64 MiB"]),
    rule(
        "private_line_ns",
        &["pointer chasing 64 KiB", "pointer chasing 256 KiB"],
    ),
    rule("shared_line_ns", &["pointer chasing 1 MiB"]),
    rule(
        "memory_line_ns",
        &["pointer chasing 8 MiB", "pointer chasing 64 MiB"],
    ),
    rule("cold_line_ns", &["pointer chasing 64 KiB after idling"]),
    rule("wake_ns", &["pipe between CPUs", "perf bench sched pipe"]),
    rule(
        "kernel_percent",
        &[
            "perf bench sched messaging, processes",
            "perf bench sched messaging, threads",
            "hackbench, processes",
            "hackbench, threads",
            "hackbench, pipes",
            "fork and exec",
        ],
    ),
];

const fn rule(cost: &'static str, loads: &'static [&'static str]) -> Rule {
    Rule { cost, loads }
}

/// The costs for the next round.
pub(super) fn next(costs: &Costs, native: &Samples, guest: &Samples) -> Costs {
    let mut next = costs.clone();
    for rule in &RULES {
        let Some(now) = costs.get(rule.cost) else {
            continue;
        };
        let ratios: Vec<f64> = rule
            .loads
            .iter()
            .filter_map(|load| ratio(native, guest, load))
            .collect();
        if ratios.is_empty() {
            continue;
        }
        let missing = ratios.iter().map(|ratio| -ratio.ln()).sum::<f64>() / ratios.len() as f64;
        next.set(
            rule.cost,
            now * missing.exp().clamp(STEP_MAX.recip(), STEP_MAX),
        );
    }
    // The plugin's own bound: a program's instruction is the cheapest there is.
    let kernel = next.get("kernel_percent").unwrap_or(0.0);
    next.set("kernel_percent", kernel.max(100.0));
    next
}

/// The guest's time of a load in parts of the native one.
pub(super) fn ratio(native: &Samples, guest: &Samples, load: &str) -> Option<f64> {
    Some(guest.of(load)?.median / native.of(load)?.median)
}

/// How far a guest is from the machine, over the loads that it is judged by.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) struct Distance {
    /// Loads that are not within the tolerance.
    pub off: usize,
    /// By how much all are off, as logarithms: 3 times as slow is as bad as 3 times as fast.
    pub sum: f64,
}

pub(super) fn distance(native: &Samples, guest: &Samples) -> Distance {
    let judged = native.loads().filter(|load| load.group != Group::Micro);
    let ratios: Vec<f64> = judged
        .filter_map(|load| ratio(native, guest, &load.name))
        .collect();
    Distance {
        off: ratios.iter().filter(|&&ratio| !is_fitted(ratio)).count(),
        sum: ratios.iter().map(|ratio| ratio.ln().abs()).sum(),
    }
}

/// Whether a load is as fast as natively, within the tolerance.
pub(super) fn is_fitted(ratio: f64) -> bool {
    (ratio - 1.0).abs() <= TOLERANCE
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use labkit::calibrate;

    use super::super::samples::tests::samples;
    use super::*;

    #[test]
    fn a_cost_grows_by_what_its_loads_lack() {
        let mut costs = Costs::read().unwrap();
        costs.set("locked_ns", 2.0);
        costs.set("wake_ns", 1000.0);
        costs.set("divide_ns", 3.0);
        let native = samples(
            Group::Micro,
            &[
                ("locked add", 3.0),
                ("division", 1.0),
                ("pipe between CPUs", 3.38),
                ("perf bench sched pipe", 1.0),
            ],
        );
        let guest = samples(
            Group::Micro,
            &[
                ("locked add", 2.0),
                ("division", 9.0),
                ("pipe between CPUs", 2.0),
                ("perf bench sched pipe", 1.0),
            ],
        );
        let next = next(&costs, &native, &guest);
        assert_eq!(next.get("locked_ns"), Some(3.0));
        // The geometric average of 1.69 and 1.
        assert_eq!(next.get("wake_ns"), Some(1300.0));
        // No more than a step.
        assert_eq!(next.get("divide_ns"), Some(2.0));
        // Nothing was measured that it is tied to.
        assert_eq!(next.get("plain_ns"), costs.get("plain_ns"));
    }

    #[test]
    fn a_model_of_one_cost_a_load_is_found_in_a_few_rounds() {
        // As in a guest: a part of each load's time is not the cost's.
        let machine = |costs: &Costs| {
            let division = 1.0 + 4.0 * costs.get("divide_ns").unwrap();
            let locked = 0.5 + costs.get("locked_ns").unwrap();
            samples(
                Group::Sched,
                &[("division", division), ("locked add", locked)],
            )
        };
        let mut truth = Costs::read().unwrap();
        truth.set("divide_ns", 2.7);
        truth.set("locked_ns", 1.8);
        let native = machine(&truth);
        let mut costs = truth.clone();
        costs.set("divide_ns", 0.7);
        costs.set("locked_ns", 9.0);
        assert_eq!(distance(&native, &machine(&costs)).off, 2);
        for _ in 0..6 {
            costs = next(&costs, &native, &machine(&costs));
        }
        let distance = distance(&native, &machine(&costs));
        assert_eq!(distance.off, 0);
        assert!(distance.sum < 0.02, "{distance:?}");
    }

    #[test]
    fn rules_name_loads_and_costs_that_there_are() {
        let loads: BTreeSet<_> = calibrate::loads()
            .into_iter()
            .map(|load| load.name)
            .collect();
        let costs = Costs::read().unwrap();
        for rule in &RULES {
            assert!(costs.get(rule.cost).is_some(), "{}", rule.cost);
            for &load in rule.loads {
                assert!(loads.contains(load), "{load}");
            }
        }
    }

    #[test]
    fn a_quarter_more_is_fitted_and_not_more_than_that() {
        assert!(is_fitted(1.25) && is_fitted(0.75));
        assert!(!is_fitted(1.26) && !is_fitted(0.74));
    }
}
