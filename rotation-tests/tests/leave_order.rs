// SPDX-License-Identifier: GPL-2.0-only
//! The order in which policies were left, as each flip keeps it: nobody is lost, nobody is in it
//! twice, and who was left last is last.

use proptest::collection;
use proptest::prelude::*;
use rotation_tests::{order_append, order_without, Limits};

fn packed(order: &[u32]) -> u64 {
    let bytes = (0..).zip(order);
    bytes.fold(0, |packed, (place, policy)| {
        packed | u64::from(*policy) << (8 * place)
    })
}

/// As the drain and the hand-over read it.
fn unpacked(order: u64) -> Vec<u32> {
    let bytes = order.to_le_bytes().into_iter().map(u32::from);
    bytes.take_while(|policy| *policy != 0).collect()
}

/// Some of the policies in some order.
fn orders() -> impl Strategy<Value = Vec<u32>> {
    let all: Vec<u32> = Limits::get().policies().collect();
    let some = 0..=all.len();
    (Just(all).prop_shuffle(), some).prop_map(|(mut order, length)| {
        order.truncate(length);
        order
    })
}

proptest! {
    #[test]
    fn flips_keep_everybody_once_and_the_last_one_last(
        flips in collection::vec(Limits::get().policies(), 1..300),
    ) {
        let (mut active, mut order) = (flips[0], 0);
        let mut model: Vec<u32> = Vec::new();
        for to in flips {
            if to == active {
                continue;
            }
            // As switch_flip() does.
            order = order_append(order_without(order, to), active);
            model.retain(|policy| *policy != to);
            model.push(active);
            active = to;
            prop_assert_eq!(unpacked(order), &model[..]);
            // No gap: what comes after the last one is empty.
            prop_assert_eq!(order, packed(&model));
        }
    }

    #[test]
    fn whoever_is_dropped_leaves_no_gap(order in orders(), policy in Limits::get().policies()) {
        let mut kept = order.clone();
        kept.retain(|left| *left != policy);
        prop_assert_eq!(order_without(packed(&order), policy), packed(&kept));
    }

    #[test]
    fn there_is_room_for_all_but_the_active_one(active in Limits::get().policies()) {
        let others = || Limits::get().policies().filter(|policy| *policy != active);
        prop_assert!(others().count() < Limits::get().max_policies as usize);
        let order = others().fold(0, order_append);
        prop_assert_eq!(unpacked(order), others().collect::<Vec<_>>());
    }
}
