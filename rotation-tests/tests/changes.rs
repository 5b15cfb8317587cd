// SPDX-License-Identifier: GPL-2.0-only
//! Plans that change while a turn is under way, as fast as the timer looks.

mod made;

use made::Chance;
use proptest::collection;
use proptest::prelude::*;
use rotation_tests::{Limits, Plan};

const LOOKS: u32 = 100_000;
const POLL_NS: u64 = 5_000_000;
const LATE_MAX_NS: u64 = 20_000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whoever has a weight in all of the plans gets a turn within the longest rotation that could be
    /// made of their turns, however the plans follow each other.
    #[test]
    fn nobody_is_kept_from_a_turn_by_changes(
        plans in collection::vec((made::weights(2), made::period_us()), 2..6),
        epoch in made::epoch(),
        seed: u64,
        calm in 1..20u64,
    ) {
        let plans: Vec<Plan> = plans.iter().map(|(w, us)| Plan::of(w, *us, 0)).collect();
        let all = Limits::get().policies();
        let longest_turn = |policy| plans.iter().map(|plan| plan.turn_ns(policy)).max().unwrap_or(0);
        let rotation_ns: u64 = all.clone().map(longest_turn).sum();
        let late_ns = u64::from(all.end) * (LATE_MAX_NS + Limits::get().min_sleep_ns);
        let always: Vec<u32> = all
            .clone()
            .filter(|policy| plans.iter().all(|plan| plan.turn_ns(*policy) > 0))
            .collect();
        // The looks must see some rotations, whatever the period is.
        let poll_ns = POLL_NS.max(rotation_ns / 1000);

        let mut chance = Chance::new(seed);
        let mut plan = plans[0];
        let (mut policy, mut start, mut now) = (plan.policies()[0], epoch, epoch);
        let mut seen = [epoch; 16];
        for _ in 0..LOOKS {
            if chance.below(calm) == 0 {
                let next = plans[chance.below(plans.len() as u64) as usize];
                if next.changed(&plan) {
                    start = next.replan(&plan, policy, start, now);
                    prop_assert!(start <= now);
                    plan = next;
                }
            }
            let at = plan.advance(policy, start, now);
            (policy, start) = (at.policy, at.start_ns);
            prop_assert!(plan.turn_ns(policy) > 0, "one without a weight is active");
            prop_assert!(start <= now && now - start < plan.turn_ns(policy));
            seen[policy as usize] = now;
            for policy in &always {
                let waited = now - seen[*policy as usize];
                prop_assert!(waited <= rotation_ns + late_ns + poll_ns, "{policy}: {waited} ns");
            }
            now = plan.next_fire(policy, start, now, poll_ns) + chance.below(LATE_MAX_NS);
        }
    }
}

proptest! {
    /// New weights change the turn under way; one that would be over already ends now, not in the past:
    /// the next one has all of its time.
    #[test]
    fn a_turn_that_is_cut_short_ends_now(
        old in made::rotation(),
        new in made::rotation(),
        start_ns in made::epoch(),
        since in 0..1u64 << 44,
    ) {
        let now = start_ns + since;
        for active in old.policies() {
            let start = new.replan(&old, active, start_ns, now);
            let turn = new.turn_ns(active);
            prop_assert_eq!(start, if since > turn { now - turn } else { start_ns });
            let at = new.advance(active, start, now);
            if since >= turn {
                prop_assert_eq!((at.policy, at.start_ns), (new.next(active), now));
            } else {
                prop_assert_eq!((at.policy, at.start_ns), (active, start_ns));
            }
            prop_assert_eq!((at.skipped, at.rotations), (0, 0));
        }
    }

    /// A pin, and its end, begin a turn.
    #[test]
    fn a_pin_begins_a_turn(
        plan in made::rotation(),
        pins in [0..Limits::get().nr_policies, 0..Limits::get().nr_policies],
        active in Limits::get().policies(),
        start_ns in made::epoch(),
        since in 0..1u64 << 44,
    ) {
        prop_assume!(pins[0] != pins[1]);
        let [old, new] = pins.map(|pin| plan.pinned(pin));
        let now = start_ns + since;
        prop_assert_eq!(new.replan(&old, active, start_ns, now), now);
    }
}
