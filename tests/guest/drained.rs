// SPDX-License-Identifier: GPL-2.0-only
//! While policies take turns and what waits stays in the queues of the policy that left (--handover
//! drain): nobody starves and nobody is lost.

use crate::fixture::Handover;
use crate::rotation;

#[test]
fn no_task_starves_at_1ms() {
    rotation::no_task_starves_at_1ms(Handover::Drain);
}

#[test]
fn no_task_starves_when_rotation_and_slice_resonate() {
    rotation::no_task_starves_when_rotation_and_slice_resonate(Handover::Drain);
}

#[test]
fn bound_hogs_do_not_starve_others() {
    rotation::bound_hogs_do_not_starve_others(Handover::Drain);
}

#[test]
fn switching_without_user_space_loses_nothing() {
    rotation::switching_without_user_space_loses_nothing(Handover::Drain);
}

/// With two caches rusty has a half in user space, too.
#[test]
fn switching_without_the_balancer_loses_nothing() {
    rotation::switching_without_user_space_loses_nothing(Handover::Drain);
}

/// What adopted.rs demands of a saturated machine does not hold here.
#[test]
fn turns_do_not_all_belong_to_their_owner() {
    let turns = rotation::turns_of_a_saturated_machine(Handover::Drain);
    assert_eq!(turns.handed_in, 0, "something was handed over");
    assert!(
        turns.owned() < rotation::OWN_TURNS,
        "draining does as well: this load shows nothing"
    );
}
