// SPDX-License-Identifier: GPL-2.0-only
//! A task that calls sched_yield() gives its CPU to who waits for it. Spin-then-yield locks count on
//! that: the one that spins must not keep the holder waiting.

use std::thread;

use labkit::task::Task;
use labkit::watch::Watch;
use labkit::{hotplug, sys};
use scx_meta::policy::Policy;

use super::harm::{fair_wait, Harm};
use crate::scheduler::Scheduler;
use crate::{loads, tier};

/// So much of the two tasks' CPU time, at least, goes to the one that computes. Under rustland that one
/// waits for an answer from user space after each slice, and the other runs meanwhile.
fn computes(policy: Policy) -> f64 {
    match policy.name() {
        "rustland" => 0.66,
        _ => 0.95,
    }
}

fn yielder(cpu: usize) -> Task {
    let task = Task::start("yielder", move |pulse| {
        sys::bind_to(&[cpu])?;
        while !pulse.stopped() {
            thread::yield_now();
            pulse.work();
        }
        Ok(())
    });
    task.unwrap()
}

#[test]
fn a_task_that_yields_leaves_its_cpu_to_one_that_computes() {
    let mut harm = Harm::beside(Scheduler::shared(), Watch::start(0, 2).unwrap());
    let time = tier::seconds(0.4, 3.0);
    let cpus = hotplug::online().unwrap();
    // The CPU where central decides, and one where it does not.
    for cpu in [cpus[0], cpus[cpus.len() - 1]] {
        let (computer, yielder) = (loads::hog_on(cpu), yielder(cpu));
        for policy in Policy::all() {
            harm.scheduler().only(policy);
            let used = |task: &Task| task.cpu_ns().unwrap() as f64;
            let before = (used(&computer), used(&yielder));
            let (what, bound) = (format!("{policy}, CPU {cpu}"), fair_wait(2, 1));
            harm.phase(&what, bound, |_| {
                thread::sleep(time);
                1
            });
            let computed = used(&computer) - before.0;
            let share = computed / (computed + used(&yielder) - before.1);
            let said = format!("{what}: the computing task had {:.1} %", 100.0 * share);
            println!("{said}");
            harm.expect(share > computes(policy), said);
        }
    }
    harm.end();
}
