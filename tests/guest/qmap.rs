// SPDX-License-Identifier: GPL-2.0-only
//! What qmap owes to a higher class.

use std::thread;
use std::time::Duration;

use labkit::spin;
use labkit::sys::{self, RealTime};
use labkit::task::Task;

use crate::bound::cpus;
use crate::faults::kernel;
use crate::maps::policy;
use crate::scheduler::Scheduler;
use crate::{loads, tier};

/// What a higher class preempts is queued again, and others run it.
/// A task that wakes up as real-time preempts; one that becomes so while it runs
/// does not.
#[test]
fn qmap_gives_others_what_a_higher_class_preempted() {
    let scheduler = Scheduler::shared();
    let qmap = policy("qmap");
    scheduler.only(qmap);
    let requeued = || scheduler.counted(qmap).requeued;
    let all: Vec<usize> = (0..cpus()).collect();
    let busy = tier::seconds(1.0, 2.0);
    let busy_ns = busy.as_nanos() as u64;
    // The other CPUs are busy, or one idles and must be woken.
    for count in [2 * all.len(), 1] {
        let mut hogs = loads::hogs(count);
        thread::sleep(Duration::from_millis(500));
        let before = requeued();
        hogs.iter().for_each(Task::reset_gap);
        {
            sys::bind_to(&[hogs[0].last_cpu().unwrap()]).unwrap();
            let _real_time = RealTime::enter().unwrap();
            thread::sleep(Duration::from_millis(20));
            spin::until(sys::monotonic() + busy);
        }
        loads::longest_gap_ns("beside a real-time task", &mut hogs);
        let late = |hog: &&Task| hog.longest_gap_ns() >= busy_ns / 4;
        let late = hogs.iter().filter(late).count();
        let requeued = requeued() - before;
        sys::bind_to(&all).unwrap();
        drop(hogs);
        println!("{requeued} times a CPU's queue was given back");
        assert!(requeued > 0, "nothing was given back");
        let caught = kernel::caught_behind_realtime();
        assert!(late <= caught, "{late} tasks waited for the higher class");
    }
}
