// SPDX-License-Identifier: GPL-2.0-only
//! The order in which policies were left, as each flip keeps it: nobody is lost, nobody is in it
//! twice, and who was left last is last.

use proptest::collection;
use proptest::prelude::*;
use rotation_tests::{order_at, order_first, order_leave, Limits};

/// All policies there may be, more than there are.
fn places() -> std::ops::RangeInclusive<u32> {
    1..=Limits::get().max_policies
}

/// As the drain and the hand-over read it.
fn unpacked(order: u64) -> Vec<u32> {
    (0..Limits::get().max_policies)
        .map(|place| order_at(order, place))
        .collect()
}

#[test]
fn at_first_it_is_the_order_of_the_table() {
    assert_eq!(unpacked(order_first()), places().collect::<Vec<_>>());
}

#[test]
fn there_is_room_for_every_policy_of_the_table() {
    let last = Limits::get().policies().last();
    assert!(places().contains(&last.unwrap()));
}

#[test]
fn an_id_that_is_no_policys_changes_nothing() {
    let order = order_leave(order_first(), 3);
    for policy in [0, Limits::get().max_policies + 1, u32::MAX] {
        assert_eq!(order_leave(order, policy), order);
    }
}

proptest! {
    #[test]
    fn flips_keep_everybody_once_and_the_last_one_last(left in collection::vec(places(), 1..300)) {
        let mut order = order_first();
        let mut model: Vec<u32> = places().collect();
        for policy in left {
            order = order_leave(order, policy);
            model.retain(|other| *other != policy);
            model.push(policy);
            prop_assert_eq!(unpacked(order), &model[..]);
        }
    }
}
