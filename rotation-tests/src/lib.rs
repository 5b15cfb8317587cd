// SPDX-License-Identifier: GPL-2.0-only
//! The rotation's arithmetic as the kernel has it: bpf/rotation.h, compiled for this machine, behind
//! safe functions. The properties that it must have stand in tests/.

pub mod auto;
pub mod groups;
pub mod lag;

/// `struct rotation_plan`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    turn_ns: [u64; 32],
    /// Sum of the turns.
    pub rotation_ns: u64,
    /// Policies in the rotation.
    pub nr: u32,
    /// What overrides it; 0: nothing.
    pub pin: u32,
}

/// `struct rotation_place`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// When the turn began.
    pub start_ns: u64,
    /// Whole rotations that were skipped.
    pub rotations: u64,
    /// Whose turn it is.
    pub policy: u32,
    /// Policies that were skipped after those, a bit an id.
    pub skipped: u32,
}

/// The numbers of include/abi.h and bpf/rotation.h.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Policies have ids from 1 to below this one.
    pub nr_policies: u32,
    /// As many as the leave order has room for.
    pub max_policies: u32,
    /// A larger weight counts as this.
    pub max_weight: u32,
    /// A shorter period counts as this.
    pub min_period_us: u32,
    /// A longer one as this.
    pub max_period_us: u32,
    /// No turn is shorter.
    pub min_turn_ns: u64,
    /// The timer is not armed for sooner.
    pub min_sleep_ns: u64,
}

extern "C" {
    static host_nr_policies: u32;
    static host_max_policies: u32;
    static host_max_weight: u32;
    static host_min_period_us: u32;
    static host_max_period_us: u32;
    static host_min_turn_ns: u64;
    static host_min_sleep_ns: u64;
    static host_size_of_plan: u64;
    static host_size_of_place: u64;

    fn host_weight(written: u32) -> u32;
    fn host_period_ns(written_us: u32) -> u64;
    fn host_share(plan: &mut Plan, period_ns: u64);
    fn host_changed(a: &Plan, b: &Plan) -> bool;
    fn host_next(plan: &Plan, policy: u32) -> u32;
    fn host_replan(old: &Plan, plan: &Plan, active: u32, start_ns: u64, now: u64) -> u64;
    fn host_advance(plan: &Plan, at: &mut Place, now: u64);
    fn host_next_fire(plan: &Plan, active: u32, start_ns: u64, now: u64, poll_ns: u64) -> u64;
    static host_order_first: u64;
    fn host_order_at(order: u64, place: u32) -> u32;
    fn host_order_leave(order: u64, policy: u32) -> u64;
}

impl Limits {
    /// As the header has them.
    pub fn get() -> Self {
        // SAFETY: constants that C defines with these types.
        unsafe {
            Self {
                nr_policies: host_nr_policies,
                max_policies: host_max_policies,
                max_weight: host_max_weight,
                min_period_us: host_min_period_us,
                max_period_us: host_max_period_us,
                min_turn_ns: host_min_turn_ns,
                min_sleep_ns: host_min_sleep_ns,
            }
        }
    }

    /// All policies.
    pub fn policies(self) -> std::ops::Range<u32> {
        1..self.nr_policies
    }
}

/// Sizes of [`Plan`] and [`Place`] as C has them.
pub fn sizes_in_c() -> (u64, u64) {
    // SAFETY: constants that C defines with this type.
    unsafe { (host_size_of_plan, host_size_of_place) }
}

/// What a number in the map "weights" counts as.
pub fn weight(written: u32) -> u32 {
    // SAFETY: takes and returns integers.
    unsafe { host_weight(written) }
}

/// What a number in the map "period_us" counts as.
pub fn period_ns(written_us: u32) -> u64 {
    // SAFETY: takes and returns integers.
    unsafe { host_period_ns(written_us) }
}

/// The leave order when nobody was left so far.
pub fn order_first() -> u64 {
    // SAFETY: a constant that C defines with this type.
    unsafe { host_order_first }
}

/// The policy in a place of the leave order, 0 being that of who was left first.
pub fn order_at(order: u64, place: u32) -> u32 {
    // SAFETY: takes and returns integers.
    unsafe { host_order_at(order, place) }
}

/// The leave order after this policy was left.
pub fn order_leave(order: u64, policy: u32) -> u64 {
    // SAFETY: takes and returns integers.
    unsafe { host_order_leave(order, policy) }
}

impl Plan {
    /// As `switch_read_plan()` makes one of what the maps say: the weights of policies 1, 2, …
    pub fn of(weights: &[u32], period_us: u32, pin: u32) -> Self {
        let mut plan = Self {
            pin,
            ..Self::default()
        };
        for (policy, written) in Limits::get().policies().zip(weights) {
            plan.turn_ns[policy as usize] = weight(*written).into();
        }
        // SAFETY: the plan lives across the call, and has the layout that C expects.
        unsafe { host_share(&mut plan, period_ns(period_us)) };
        plan
    }

    /// The same plan with a pin.
    pub fn pinned(self, pin: u32) -> Self {
        Self { pin, ..self }
    }

    /// A policy's turn; 0: not in the rotation.
    pub fn turn_ns(&self, policy: u32) -> u64 {
        self.turn_ns[policy as usize]
    }

    /// The policies in the rotation, in table order.
    pub fn policies(&self) -> Vec<u32> {
        let all = Limits::get().policies();
        all.filter(|policy| self.turn_ns(*policy) > 0).collect()
    }

    /// Whether another plan replaces this one.
    pub fn changed(&self, other: &Self) -> bool {
        // SAFETY: both live across the call, with the layout that C expects.
        unsafe { host_changed(self, other) }
    }

    /// Who comes after a policy.
    pub fn next(&self, policy: u32) -> u32 {
        // SAFETY: the plan lives across the call, with the layout that C expects.
        unsafe { host_next(self, policy) }
    }

    /// When the turn under way counts as begun under this plan, which replaces `old`.
    pub fn replan(&self, old: &Self, active: u32, start_ns: u64, now: u64) -> u64 {
        // SAFETY: both live across the call, with the layout that C expects.
        unsafe { host_replan(old, self, active, start_ns, now) }
    }

    /// The place to which the clock moved from one.
    pub fn advance(&self, policy: u32, start_ns: u64, now: u64) -> Place {
        let mut at = Place {
            policy,
            start_ns,
            ..Place::default()
        };
        // SAFETY: both live across the call, with the layout that C expects.
        unsafe { host_advance(self, &mut at, now) };
        at
    }

    /// When the timer looks again.
    pub fn next_fire(&self, active: u32, start_ns: u64, now: u64, poll_ns: u64) -> u64 {
        // SAFETY: the plan lives across the call, with the layout that C expects.
        unsafe { host_next_fire(self, active, start_ns, now, poll_ns) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_mean_the_same_by_a_plan_and_a_place() {
        let ours = (size_of::<Plan>() as u64, size_of::<Place>() as u64);
        assert_eq!(sizes_in_c(), ours);
        let plan = Plan::of(&[0, 3, 1], 8_000, 7);
        assert_eq!((plan.turn_ns(2), plan.turn_ns(3)), (6_000_000, 2_000_000));
        assert_eq!((plan.rotation_ns, plan.nr, plan.pin), (8_000_000, 2, 7));
    }
}
