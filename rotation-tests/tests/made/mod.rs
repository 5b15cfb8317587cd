// SPDX-License-Identifier: GPL-2.0-only
//! Made-up weights, periods and lateness, the extreme ones among them.

#![allow(dead_code)]

use std::ops::RangeInclusive;

use proptest::collection;
use proptest::prelude::*;
use rotation_tests::{Limits, Plan};

/// What one may find in the map "weights": a number a policy.
fn written() -> impl Strategy<Value = u32> {
    let max = Limits::get().max_weight;
    prop_oneof![
        2 => Just(0),
        4 => 1..=10u32,
        2 => 1..=max,
        1 => Just(max),
        1 => any::<u32>(),
    ]
}

/// Of all policies, at least `least` of them above 0.
pub fn weights(least: usize) -> impl Strategy<Value = Vec<u32>> {
    let all = Limits::get().policies().len();
    collection::vec(written(), all).prop_map(move |mut weights| {
        let mut missing = least.saturating_sub(weights.iter().filter(|w| **w > 0).count());
        for weight in weights.iter_mut().rev().filter(|weight| **weight == 0) {
            if missing == 0 {
                break;
            }
            *weight = 1;
            missing -= 1;
        }
        weights
    })
}

/// What one may find in the map "period_us".
pub fn period_us() -> impl Strategy<Value = u32> {
    let limits = Limits::get();
    let range: RangeInclusive<u32> = limits.min_period_us..=limits.max_period_us;
    prop_oneof![
        1 => Just(limits.min_period_us),
        1 => Just(limits.max_period_us),
        3 => limits.min_period_us..=10_000_000,
        3 => range,
        2 => any::<u32>(),
    ]
}

/// A rotation of at least two policies.
pub fn rotation() -> impl Strategy<Value = Plan> {
    (weights(2), period_us()).prop_map(|(weights, period_us)| Plan::of(&weights, period_us, 0))
}

/// When a rotation begins: a machine that was just booted, or is up for 30 years.
pub fn epoch() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 0..1u64 << 60]
}

/// Where a rotation stands by the clock alone, computed from its beginning.
pub struct Model<'a> {
    plan: &'a Plan,
    policies: Vec<u32>,
    epoch: u64,
}

impl<'a> Model<'a> {
    /// The first policy's turn begins at `epoch`.
    pub fn new(plan: &'a Plan, epoch: u64) -> Self {
        let policies = plan.policies();
        Self {
            plan,
            policies,
            epoch,
        }
    }

    /// Whose turn it is.
    pub fn first(&self) -> u32 {
        self.policies[0]
    }

    /// Number of the turn under way since the first one, its policy, and when it began.
    pub fn at(&self, now: u64) -> (u64, u32, u64) {
        let rotations = (now - self.epoch) / self.plan.rotation_ns;
        let mut start = self.epoch + rotations * self.plan.rotation_ns;
        for (place, policy) in (0..).zip(&self.policies) {
            let end = start + self.plan.turn_ns(*policy);
            if now < end {
                let turns = rotations * self.policies.len() as u64 + place;
                return (turns, *policy, start);
            }
            start = end;
        }
        unreachable!("a rotation is the sum of its turns");
    }

    /// The shortest of its turns.
    pub fn shortest_ns(&self) -> u64 {
        let turns = self
            .policies
            .iter()
            .map(|policy| self.plan.turn_ns(*policy));
        turns.min().unwrap_or(0)
    }
}

/// Numbers that look like chance and are the same each time.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// From 0 to below `end`; 0 if that is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.checked_rem(end).unwrap_or(0)
    }
}
