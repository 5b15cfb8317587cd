// SPDX-License-Identifier: GPL-2.0-only
//! Turns by the clock: a million of them drift by nothing, and a timer that comes late finds its
//! place.

mod made;

use made::{Chance, Model};
use proptest::prelude::*;
use rotation_tests::{Limits, Plan};

const TURNS: u64 = 1_000_000;

/// No poll: the timer fires at the end of each turn only.
const NEVER: u64 = 1 << 62;

/// The timer of bpf/switch.bpf.h in this program: it fires late, looks, and arms itself again.
struct Timer<'a> {
    plan: &'a Plan,
    poll_ns: u64,
    policy: u32,
    start_ns: u64,
    due_ns: u64,
    entered_ns: u64,
    /// By policy, turns that have ended.
    active_ns: [u64; 16],
}

impl<'a> Timer<'a> {
    fn new(plan: &'a Plan, first: u32, epoch: u64, poll_ns: u64) -> Self {
        Self {
            plan,
            poll_ns,
            policy: first,
            start_ns: epoch,
            due_ns: plan.next_fire(first, epoch, epoch, poll_ns),
            entered_ns: epoch,
            active_ns: [0; 16],
        }
    }

    /// Fires so late; when that was, and how many turns were skipped.
    fn fire(&mut self, late_ns: u64) -> (u64, u64) {
        let now = self.due_ns + late_ns;
        let at = self.plan.advance(self.policy, self.start_ns, now);
        if at.policy != self.policy {
            self.active_ns[self.policy as usize] += now - self.entered_ns;
            self.entered_ns = now;
        }
        (self.policy, self.start_ns) = (at.policy, at.start_ns);
        self.due_ns = self
            .plan
            .next_fire(self.policy, self.start_ns, now, self.poll_ns);
        let skipped = at.rotations * u64::from(self.plan.nr) + u64::from(at.skipped.count_ones());
        (now, skipped)
    }

    fn active_ns(&self, policy: u32, now: u64) -> u64 {
        let under_way = if policy == self.policy {
            now - self.entered_ns
        } else {
            0
        };
        self.active_ns[policy as usize] + under_way
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Boundaries are absolute: a million turns, each ended late by another time, end where they would
    /// have ended without.
    #[test]
    fn a_million_turns_do_not_drift(
        plan in made::rotation(),
        epoch in made::epoch(),
        seed: u64,
        polls in prop_oneof![Just(0), 1..20u64],
    ) {
        let model = Model::new(&plan, epoch);
        let poll_ns = plan.rotation_ns.checked_div(polls).unwrap_or(NEVER);
        let late_max_ns = model.shortest_ns() / 4;
        let mut timer = Timer::new(&plan, model.first(), epoch, poll_ns);
        let mut chance = Chance::new(seed);
        let mut turns = 0;
        while turns < TURNS {
            let (now, skipped) = timer.fire(chance.below(late_max_ns));
            let (number, policy, start) = model.at(now);
            prop_assert_eq!((timer.policy, timer.start_ns), (policy, start));
            prop_assert_eq!(skipped, 0, "less late than a turn");
            prop_assert!(number - turns <= 1);
            turns = number;
        }
    }

    /// Each policy has had its share of all the time that has passed, at the end of a million turns and
    /// on the way, up to one of its own turns.
    #[test]
    fn a_million_turns_share_time_by_weight(
        weights in made::weights(2),
        period_us in made::period_us(),
        epoch in made::epoch(),
        late in 0..1000u64,
    ) {
        let plan = Plan::of(&weights, period_us, 0);
        let model = Model::new(&plan, epoch);
        // The same each time, so that what a policy loses at its begin it gets at its end.
        let late_ns = model.shortest_ns() / 4 * late / 1000;
        let mut timer = Timer::new(&plan, model.first(), epoch, NEVER);
        let counted = |policy: u32| u128::from(rotation_tests::weight(weights[policy as usize - 1]));
        let sum: u128 = plan.policies().into_iter().map(counted).sum();
        let min_turn_ns = Limits::get().min_turn_ns;
        let bent = plan.policies().iter().any(|policy| plan.turn_ns(*policy) == min_turn_ns);
        for turn in 1..=TURNS {
            let (now, _) = timer.fire(late_ns);
            if turn % 9973 != 0 && turn != TURNS {
                continue;
            }
            let elapsed = u128::from(now - epoch);
            let rotations = elapsed / u128::from(plan.rotation_ns) + 1;
            for policy in plan.policies() {
                let had = u128::from(timer.active_ns(policy, now));
                let off = |part: u128, whole: u128| (had * whole).abs_diff(part * elapsed) / whole;
                let allowed = u128::from(plan.turn_ns(policy) + late_ns);
                let turn_ns = u128::from(plan.turn_ns(policy));
                prop_assert!(off(turn_ns, plan.rotation_ns.into()) <= allowed, "by turns");
                // Turns are whole nanoseconds: less than one a turn of a rotation is cut off.
                let cut_off = rotations * u128::from(plan.nr);
                let by_weight = off(counted(policy), sum);
                prop_assert!(bent || by_weight <= allowed + cut_off, "by weight: {by_weight}");
            }
        }
    }
}

proptest! {
    /// However late the timer is, and however often: it lands where the clock says, and every turn
    /// that passed was seen or is counted as skipped.
    #[test]
    fn a_late_timer_lands_where_the_clock_says(
        plan in made::rotation(),
        epoch in made::epoch(),
        late in proptest::collection::vec(
            prop_oneof![0..100_000u64, 0..10_000_000_000u64, 0..1u64 << 50],
            1..200,
        ),
    ) {
        let model = Model::new(&plan, epoch);
        let mut timer = Timer::new(&plan, model.first(), epoch, NEVER);
        let mut turns = 0;
        for late_ns in late {
            let before = timer.policy;
            let (now, skipped) = timer.fire(late_ns);
            let (number, policy, start) = model.at(now);
            prop_assert_eq!((timer.policy, timer.start_ns), (policy, start));
            let flips = u64::from(timer.policy != before);
            prop_assert_eq!(number - turns, skipped + flips, "turns that passed");
            turns = number;
        }
    }

    /// Which policies a late timer skipped: those between the one that was left and the one that was
    /// entered.
    #[test]
    fn those_in_between_are_skipped(plan in made::rotation(), late: u64) {
        let first = plan.policies()[0];
        let now = late % plan.rotation_ns;
        let at = plan.advance(first, 0, now);
        let between = |policy: &u32| *policy > first && *policy < at.policy;
        let between = plan.policies().into_iter().filter(between);
        prop_assert_eq!(at.skipped, between.map(|policy| 1u32 << policy).sum::<u32>());
        prop_assert_eq!(at.rotations, 0);
    }

    /// Nobody else is in the rotation, or nobody at all: no turn ends.
    #[test]
    fn a_policy_alone_goes_on(policy in Limits::get().policies(), weight: u32, now: u64) {
        let mut weights = vec![0; Limits::get().policies().len()];
        let nothing = Plan::of(&weights, 1000, 0);
        prop_assert_eq!(nothing.advance(policy, 0, now).policy, policy);
        weights[policy as usize - 1] = weight.max(1);
        let alone = Plan::of(&weights, 1000, 0);
        let at = alone.advance(policy, 0, now);
        prop_assert_eq!((at.policy, at.start_ns, at.skipped, at.rotations), (policy, now, 0, 0));
    }

    /// A policy that was put out of the rotation leaves at once, and the next one has all of its turn.
    #[test]
    fn who_is_put_out_leaves_at_once(
        mut weights in made::weights(3),
        period_us in made::period_us(),
        out in Limits::get().policies(),
        now: u64,
    ) {
        weights[out as usize - 1] = 0;
        let plan = Plan::of(&weights, period_us, 0);
        let at = plan.advance(out, 0, now);
        prop_assert_eq!((at.policy, at.start_ns), (plan.next(out), now));
    }

    /// The clocks of two CPUs may differ by a little: one that looks right after another had a turn begin
    /// finds itself before that.
    #[test]
    fn a_clock_that_steps_back_ends_no_turn(
        plan in made::rotation(),
        new in made::rotation(),
        epoch in made::epoch(),
        back in 1..1_000_000u64,
    ) {
        for policy in plan.policies() {
            let now = epoch.saturating_sub(back);
            let at = plan.advance(policy, epoch, now);
            prop_assert_eq!((at.policy, at.start_ns), (policy, epoch));
            prop_assert_eq!((at.rotations, at.skipped), (0, 0));
            let end = epoch + plan.turn_ns(policy);
            prop_assert!(plan.next_fire(policy, epoch, now, NEVER) <= end.max(now + 20_000));
            if new.turn_ns(policy) > 0 {
                prop_assert_eq!(new.replan(&plan, policy, epoch, now), epoch);
            }
        }
    }
}
