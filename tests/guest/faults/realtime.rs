// SPDX-License-Identifier: GPL-2.0-only
//! Tasks of a higher class take CPUs away. Whatever a policy has put on such a CPU cannot run there,
//! so nothing that may run elsewhere may be left on it.

use std::thread;
use std::time::Duration;

use labkit::class::Class;
use labkit::watch::Watch;
use labkit::{hotplug, realtime};
use scx_meta::policy::Policy;

use super::harm::{fair_wait, Harm};
use super::kernel;
use crate::maps::policy;
use crate::scheduler::Scheduler;
use crate::tier;

const BUSY: usize = 3;
const ASLEEP: usize = 4;

/// As strong as the kernel's own real-time threads.
const HOG: Class = Class::Fifo(50);

/// How long a CPU is held at night. Until 7.0 the kernel's threads that belong to the CPU starve with
/// it, and its watchdog unloads the scheduler for that: no scheduler can prevent it.
fn night_s() -> f64 {
    match kernel::serves_ext_beside_realtime() {
        true => 35.0,
        false => 8.0,
    }
}

fn beside_load() -> Harm {
    Harm::beside(Scheduler::shared(), Watch::start(BUSY, ASLEEP).unwrap())
}

/// The CPU where central decides, and one where it does not.
fn first_and_last() -> (Vec<usize>, [usize; 2]) {
    let cpus = hotplug::online().unwrap();
    let ends = [cpus[0], cpus[cpus.len() - 1]];
    (cpus, ends)
}

fn hold_cpu(harm: &mut Harm, what: &str, cpu: usize, time: Duration) {
    let (cpus, _) = first_and_last();
    // The CPU that is held is nobody else's; who is left on it waits for all of the time.
    let bound = fair_wait(BUSY, cpus.len() - 1).min(time * 3 / 4);
    harm.spare(kernel::caught_behind_realtime());
    harm.phase(format!("{what}, CPU {cpu} held"), bound, |_| {
        let hog = realtime::hog(cpu, HOG, time).unwrap();
        thread::sleep(time);
        drop(hog);
        1
    });
    harm.spare(0);
}

#[test]
fn a_held_cpu_harms_nobody_who_may_run_elsewhere() {
    let mut harm = beside_load();
    let (_, ends) = first_and_last();
    let time = tier::seconds(0.6, night_s());
    for policy in Policy::all() {
        harm.scheduler().only(policy);
        for cpu in ends {
            hold_cpu(&mut harm, policy.name(), cpu, time);
        }
    }
    harm.end();
}

/// Each entry of a policy must see which CPUs are not its own. With two policies and short turns
/// central enters most often.
#[test]
fn a_held_cpu_harms_nobody_in_a_rotation() {
    let mut harm = beside_load();
    let (_, ends) = first_and_last();
    let time = tier::seconds(0.6, night_s());
    let turn = Duration::from_millis(2);
    let two = [(policy("fifo"), 1), (policy("central"), 1)];
    for cpu in ends {
        harm.scheduler().rotate(&two, 2 * turn);
        hold_cpu(&mut harm, "fifo and central", cpu, time);
        harm.scheduler().all_take_turns(turn);
        hold_cpu(&mut harm, "all", cpu, time);
    }
    harm.end();
}

/// Half of each CPU goes to real-time tasks that come and go, then most of one to a task with a
/// deadline.
#[test]
fn realtime_storms_harm_nobody() {
    let mut harm = beside_load();
    harm.spare(kernel::caught_behind_realtime());
    let time = tier::seconds(0.8, 35.0);
    harm.scheduler().all_take_turns(Duration::from_millis(2));
    storms(&mut harm, "all", time);
    for policy in Policy::all().filter(|_| tier::is_nightly()) {
        harm.scheduler().only(policy);
        storms(&mut harm, policy.name(), time);
    }
    harm.end();
}

fn storms(harm: &mut Harm, what: &str, time: Duration) {
    let (cpus, _) = first_and_last();
    // What is left is worth half of the CPUs.
    let bound = 2 * fair_wait(BUSY, cpus.len());
    harm.phase(format!("{what}, storm"), bound, |_| {
        let storm = realtime::storm(&cpus, time, 3).unwrap();
        thread::sleep(time);
        storm.len() as u64
    });
    harm.phase(format!("{what}, deadline"), bound, |_| {
        let (runtime, period) = (Duration::from_millis(6), Duration::from_millis(10));
        let hog = realtime::deadline(runtime, period, time).unwrap();
        thread::sleep(time);
        drop(hog);
        1
    });
}
