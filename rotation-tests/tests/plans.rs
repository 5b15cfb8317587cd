// SPDX-License-Identifier: GPL-2.0-only
//! What the maps say becomes turns: whatever was written, they are sound and follow the weights.

mod made;

use proptest::prelude::*;
use rotation_tests::{period_ns, weight, Limits, Plan};

#[test]
fn the_largest_weights_fit_the_longest_period() {
    let limits = Limits::get();
    let policies = limits.policies().len();
    // Sums and products that wrapped would end this program: see build.rs.
    let plan = Plan::of(&vec![u32::MAX; policies], u32::MAX, 0);
    let whole = u64::from(limits.max_period_us) * 1000;
    for policy in limits.policies() {
        assert_eq!(plan.turn_ns(policy), whole / policies as u64);
    }
    let mut weights = vec![1; policies];
    weights[0] = u32::MAX;
    let plan = Plan::of(&weights, u32::MAX, 0);
    let sum = u64::from(limits.max_weight) + policies as u64 - 1;
    assert_eq!(plan.turn_ns(2), whole / sum);
}

proptest! {
    #[test]
    fn whatever_is_written_counts_as_something_within_its_range(written: u32) {
        let limits = Limits::get();
        prop_assert_eq!(weight(written), written.min(limits.max_weight));
        let us = written.clamp(limits.min_period_us, limits.max_period_us);
        prop_assert_eq!(period_ns(written), u64::from(us) * 1000);
    }

    #[test]
    fn turns_are_the_weights_shares_of_the_period(
        weights in made::weights(0),
        period_us in made::period_us(),
    ) {
        let limits = Limits::get();
        let plan = Plan::of(&weights, period_us, 0);
        let period = u128::from(period_ns(period_us));
        let counted = |policy: u32| u128::from(weight(weights[policy as usize - 1]));
        let sum: u128 = limits.policies().map(counted).sum();
        for policy in limits.policies() {
            let exact = match counted(policy) {
                0 => 0,
                counted => (period * counted / sum).max(limits.min_turn_ns.into()),
            };
            prop_assert_eq!(u128::from(plan.turn_ns(policy)), exact);
        }
    }

    #[test]
    fn a_rotation_is_the_sum_of_its_turns_and_none_is_too_short(
        weights in made::weights(0),
        period_us in made::period_us(),
    ) {
        let limits = Limits::get();
        let plan = Plan::of(&weights, period_us, 0);
        let turns = plan.policies().into_iter().map(|policy| plan.turn_ns(policy));
        let turns: Vec<u64> = turns.collect();
        prop_assert_eq!(plan.rotation_ns, turns.iter().sum::<u64>());
        prop_assert_eq!(plan.nr as usize, turns.len());
        let weighted = weights.iter().filter(|weight| **weight > 0).count();
        prop_assert_eq!(turns.len(), weighted);
        prop_assert!(turns.iter().all(|turn| *turn >= limits.min_turn_ns));
        // Whole numbers cost less than 1 ns a turn; turns that were lengthened add theirs.
        let period = period_ns(period_us);
        let lengthened = plan.nr as u64 * limits.min_turn_ns;
        prop_assert!(plan.nr == 0 || plan.rotation_ns + u64::from(plan.nr) > period);
        prop_assert!(plan.rotation_ns <= period + lengthened);
    }

    #[test]
    fn a_plan_differs_by_its_pin_and_by_each_turn(
        weights in made::weights(0),
        period_us in made::period_us(),
        other in made::weights(0),
        pins: [u32; 2],
    ) {
        let plan = Plan::of(&weights, period_us, pins[0]);
        prop_assert!(!plan.changed(&plan));
        let differs = |policy| plan.turn_ns(policy) != Plan::of(&other, period_us, 0).turn_ns(policy);
        let differs = Limits::get().policies().any(differs);
        let others = Plan::of(&other, period_us, pins[0]);
        prop_assert_eq!(plan.changed(&others), differs);
        let pinned = Plan::of(&weights, period_us, pins[1]);
        prop_assert_eq!(plan.changed(&pinned), pins[0] != pins[1]);
    }

    #[test]
    fn policies_follow_each_other_in_table_order(
        weights in made::weights(0),
        from in 0..Limits::get().nr_policies,
    ) {
        let plan = Plan::of(&weights, 1_000_000, 0);
        let policies = plan.policies();
        let after = policies.iter().find(|policy| **policy > from);
        let expected = after.or(policies.first()).copied().unwrap_or(0);
        prop_assert_eq!(plan.next(from), expected);
    }
}
