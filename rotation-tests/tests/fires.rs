// SPDX-License-Identifier: GPL-2.0-only
//! When the timer looks again: soon, never in the past, and not later than the turn's end by more than
//! its shortest sleep.

mod made;

use proptest::prelude::*;
use rotation_tests::{Limits, Plan};

/// 100 ms is what an idle machine has, 1 ms what a hand-over has.
fn poll_ns() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(1_000_000),
        Just(5_000_000),
        Just(100_000_000),
        1..1u64 << 40,
    ]
}

proptest! {
    #[test]
    fn the_timer_is_armed_for_the_future_and_for_soon(
        weights in made::weights(0),
        period_us in made::period_us(),
        pin in 0..Limits::get().nr_policies,
        active in 0..2 * Limits::get().nr_policies,
        start_ns in made::epoch(),
        since in 0..1u64 << 44,
        poll_ns in poll_ns(),
    ) {
        let plan = Plan::of(&weights, period_us, pin);
        let now = start_ns + since;
        let at = plan.next_fire(active, start_ns, now, poll_ns);
        prop_assert!(at > now && at <= now + poll_ns);
    }

    #[test]
    fn a_turn_ends_on_time(
        plan in made::rotation(),
        start_ns in made::epoch(),
        part in 0.0..1.0,
        poll_ns in poll_ns(),
    ) {
        let min_sleep_ns = Limits::get().min_sleep_ns;
        for policy in plan.policies() {
            let turn = plan.turn_ns(policy);
            let (now, end) = (start_ns + (turn as f64 * part) as u64, start_ns + turn);
            let at = plan.next_fire(policy, start_ns, now, poll_ns);
            prop_assert!(at <= end.max(now + min_sleep_ns));
            if end >= now + min_sleep_ns && end <= now + poll_ns {
                prop_assert_eq!(at, end);
            }
        }
    }

    /// Held, or alone: only what people write to the maps matters.
    #[test]
    fn without_an_end_in_sight_it_polls(
        plan in made::rotation(),
        active in Limits::get().policies(),
        now in made::epoch(),
        poll_ns in poll_ns(),
    ) {
        let pinned = plan.pinned(active);
        prop_assert_eq!(pinned.next_fire(active, 0, now, poll_ns), now + poll_ns);
        let mut weights = vec![0; Limits::get().policies().len()];
        weights[active as usize - 1] = 1;
        let alone = Plan::of(&weights, 1000, 0);
        prop_assert_eq!(alone.next_fire(active, 0, now, poll_ns), now + poll_ns);
    }
}
