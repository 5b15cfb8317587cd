// SPDX-License-Identifier: GPL-2.0-only
//! While policies take turns and the next one takes over what waits (--handover adopt): nobody
//! starves, nobody is lost, and whose turn it is, runs.

use std::thread;
use std::time::Duration;

use labkit::task::Task;
use scx_meta::policy::Policy;

use crate::bound::{self, SLICE_NS};
use crate::fixture::Handover;
use crate::maps::policy;
use crate::scheduler::Scheduler;
use crate::{loads, rotation, tier};

#[test]
fn no_task_starves_at_1ms() {
    rotation::no_task_starves_at_1ms(Handover::Adopt);
}

#[test]
fn no_task_starves_when_rotation_and_slice_resonate() {
    rotation::no_task_starves_when_rotation_and_slice_resonate(Handover::Adopt);
}

#[test]
fn bound_hogs_do_not_starve_others() {
    rotation::bound_hogs_do_not_starve_others(Handover::Adopt);
}

#[test]
fn switching_without_user_space_loses_nothing() {
    rotation::switching_without_user_space_loses_nothing(Handover::Adopt);
}

/// With two caches rusty has a half in user space, too.
#[test]
fn switching_without_the_balancer_loses_nothing() {
    rotation::switching_without_user_space_loses_nothing(Handover::Adopt);
}

/// drained.rs runs the same, where it must not hold: were draining as good, the
/// measure would not tell the two apart.
#[test]
fn turns_belong_to_their_owner() {
    let turns = rotation::turns_of_a_saturated_machine(Handover::Adopt);
    assert!(turns.handed_in > 0, "nothing was handed over");
    assert!(
        turns.owned() >= rotation::OWN_TURNS,
        "the owner had half of the CPU time in too few turns"
    );
    let most_ns = turns.most_ns_at(95);
    assert!(
        most_ns > 0 && most_ns < SLICE_NS,
        "a CPU kept running what the policy before had left"
    );
}

/// Central queues a bound sleeper and counts on waking its CPU later; a switch
/// in between must not leave the task with a CPU that idles. Only an idle
/// machine can show that: a busy one looks into the queues all the time. The
/// turn that follows central's is longer than the bound.
#[test]
fn no_sleeper_is_stranded_on_an_idle_machine() {
    let scheduler = Scheduler::shared();
    scheduler.rotate(
        &[(policy("central"), 1), (policy("fifo"), 3)],
        Duration::from_secs(1),
    );
    let mut sleepers = loads::bound_sleepers(Duration::from_millis(1));
    let bound_ns = bound::longest_wait_ns(sleepers.len());
    thread::sleep(Duration::from_millis(500));
    sleepers.iter().for_each(Task::reset_gap);
    thread::sleep(tier::seconds(12.0, 25.0));
    let gap_ns = loads::longest_gap_ns("bound sleepers", &mut sleepers);
    drop(sleepers);
    assert!(gap_ns < bound_ns, "a sleeper was stranded");
}

/// A task that found an idle CPU was never queued, so its place on a virtual
/// clock may be as old as it is itself. When others want its CPU it must not
/// keep it until it has caught up. Tasks of nice 19 put the clock far ahead
/// first; one CPU is left idle, or this thread would queue the last hog.
#[test]
fn no_old_place_on_a_clock_starves_who_comes_later() {
    let scheduler = Scheduler::shared();
    let cpus = bound::cpus();
    // A hog and a sleeper share a CPU.
    let bound_ns = 5 * SLICE_NS;
    let mut starved = Vec::new();
    let time = tier::seconds(0.8, 1.5);
    for policy in Policy::all() {
        scheduler.only(policy);
        let ahead: Vec<Task> = (0..2 * cpus).map(|_| loads::nice_hog(19)).collect();
        thread::sleep(Duration::from_millis(700));
        drop(ahead);
        let mut sleepers = loads::bound_sleepers(Duration::from_millis(10));
        thread::sleep(Duration::from_millis(200));
        let hogs = loads::hogs(cpus - 1);
        sleepers.iter().for_each(Task::reset_gap);
        thread::sleep(time);
        if loads::longest_gap_ns(policy.name(), &mut sleepers) >= bound_ns {
            starved.push(policy.name());
        }
        drop((sleepers, hogs));
    }
    assert!(starved.is_empty(), "a sleeper starved under {starved:?}");
}
