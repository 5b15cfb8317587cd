// SPDX-License-Identifier: GPL-2.0-only
//! Weights are shares: of time, and on a saturated machine of CPU time.

use std::thread;
use std::time::Duration;

use crate::clock::now_ns;
use crate::counters;
use crate::counters::worst_distance;
use crate::scheduler::bypass_activations;
use crate::scheduler::enable_seq;
use crate::scheduler::Scheduler;
use crate::tasks::Task;

/// On a clock that the noise of the host does not reach.
#[test]
fn det_time_is_shared_by_weight_and_so_is_cpu_time() {
    let mut scheduler = Scheduler::start(&[
        "--weights",
        "fifo=1,vtime=2,central=3,nest=2",
        "--base-slice",
        "100ms",
    ]);
    let weights = [1, 2, 3, 2];
    let hogs = Task::hogs(8);
    // Also lets the kernel end its enabling, which it counts last.
    thread::sleep(Duration::from_secs(2));
    let before = (enable_seq(), bypass_activations());
    let maps = scheduler.maps();
    let active = counters::active_ns(maps, now_ns());
    let cpu = counters::cpu_ns(maps);
    thread::sleep(Duration::from_secs(12));
    let active = counters::shares(&active, &counters::active_ns(maps, now_ns()));
    let cpu = counters::shares(&cpu, &counters::cpu_ns(maps));
    let after = (enable_seq(), bypass_activations());
    drop(hogs);

    let off_time = worst_distance("time", &active, &weights);
    let off_cpu = worst_distance("CPU time", &cpu, &weights);
    println!("enable_seq and bypass activations: {before:?}, then {after:?}");
    assert!(off_time <= 2.0, "time is {off_time:.2} points off");
    assert!(off_cpu <= 5.0, "CPU time is {off_cpu:.2} points off");
    assert_eq!(before, after, "switching enabled or bypassed something");
    scheduler.assert_healthy();
    scheduler.stop();
}
