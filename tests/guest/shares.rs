// SPDX-License-Identifier: GPL-2.0-only
//! Weights are shares: of time, and on a saturated machine of CPU time.

use std::thread;
use std::time::Duration;

use labkit::demo::snapshot::Snapshot;
use labkit::scx::Counters;

use crate::clock::now_ns;
use crate::counters::{self, worst_distance};
use crate::maps::policy;
use crate::scheduler::Scheduler;
use crate::{loads, tier};

const SHARES: [(&str, u32); 4] = [("fifo", 1), ("vtime", 2), ("central", 3), ("nest", 2)];

/// Clocks of two CPUs of a machine on the parallel clock may differ by so much (docs/lab.md).
const SKEW_NS: u64 = 20_000;

/// A reading of the maps belongs to one turn: as policies alternate, no policy's time goes back from one
/// to the next.
#[test]
fn no_time_goes_back_between_readings() {
    let scheduler = Scheduler::shared();
    scheduler.all_take_turns(Duration::from_millis(3));
    let read = || Snapshot::parse(&scheduler.snapshot().json(None).to_string()).unwrap();
    let mut before = read();
    for _ in 0..tier::times(800, 4_000) {
        let after = read();
        for (before, after) in before.policies.iter().zip(&after.policies) {
            let back_ns = before.active_ns.saturating_sub(after.active_ns);
            assert!(back_ns <= SKEW_NS, "{}: {back_ns} ns back", after.name);
        }
        before = after;
    }
}

/// Over whole rotations: one takes 400 ms.
#[test]
fn time_is_shared_by_weight_and_so_is_cpu_time() {
    let mut scheduler = Scheduler::shared();
    let weights = SHARES.map(|(name, weight)| (policy(name), weight));
    scheduler.rotate(&weights, Duration::from_millis(400));
    let hogs = loads::hogs(8);
    thread::sleep(Duration::from_secs(1));
    let kernel_before = Counters::read().unwrap();
    let maps = scheduler.maps();
    let active = counters::active_ns(maps, now_ns());
    let cpu = counters::cpu_ns(maps);
    thread::sleep(tier::seconds(4.8, 12.0));
    let active = counters::shares(&active, &counters::active_ns(maps, now_ns()));
    let cpu = counters::shares(&cpu, &counters::cpu_ns(maps));
    let kernel_after = Counters::read().unwrap();
    drop(hogs);

    let off_time = worst_distance("time", &active, &weights);
    let off_cpu = worst_distance("CPU time", &cpu, &weights);
    println!("the kernel counts {kernel_before:?}, then {kernel_after:?}");
    assert!(off_time <= 2.0, "time is {off_time:.2} points off");
    assert!(off_cpu <= 5.0, "CPU time is {off_cpu:.2} points off");
    assert_eq!(
        kernel_before, kernel_after,
        "switching enabled or bypassed something"
    );
    scheduler.assert_healthy();
}
