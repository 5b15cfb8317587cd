// SPDX-License-Identifier: GPL-2.0-only
//! The CPUs and the class of tasks change while they run or wait: no task may wait in a queue whose
//! CPUs never come for it.

use std::thread;
use std::time::Duration;

use labkit::class::{self, Class};
use labkit::watch::Watch;
use labkit::{hotplug, sys};
use scx_meta::policy::Policy;

use super::harm::{fair_wait, Harm};
use crate::cgroups::Cgroup;
use crate::scheduler::Scheduler;
use crate::tier;

const BUSY: usize = 5;
const ASLEEP: usize = 5;

/// Of what changes at random.
const SEED: u64 = 11;

/// Between two changes.
const STEP: Duration = Duration::from_micros(300);

/// A watched task may be in a real-time class so long, in which it keeps others from its CPU.
const REALTIME: Duration = Duration::from_micros(500);

/// Each step changes something of a task.
type Step<'a> = &'a mut dyn FnMut(&mut fastrand::Rng, i32);

fn again(threads: &[i32], time: Duration, seed: u64, step: Step<'_>) -> u64 {
    let mut random = fastrand::Rng::with_seed(seed);
    let end = sys::monotonic() + time;
    let mut changes = 0;
    while sys::monotonic() < end {
        let thread = *random.choice(threads).unwrap();
        step(&mut random, thread);
        changes += 1;
        thread::sleep(STEP);
    }
    changes
}

/// All tasks may at times be confined to one CPU.
fn bound() -> Duration {
    fair_wait(BUSY, 1)
}

/// Under every policy, then in a rotation.
fn under_all(harm: &mut Harm, what: &str, mut churn: impl FnMut(&mut Harm) -> u64) {
    for policy in Policy::all() {
        harm.scheduler().only(policy);
        harm.phase(format!("{what}, {policy}"), bound(), &mut churn);
    }
    let turn = Duration::from_millis(1);
    harm.scheduler().all_take_turns(turn);
    harm.phase(format!("{what}, all"), bound(), &mut churn);
}

fn beside_load() -> Harm {
    Harm::beside(Scheduler::shared(), Watch::start(BUSY, ASLEEP).unwrap())
}

/// Other CPUs for one thread after the other; all CPUs at the end.
pub fn change_affinity(threads: &[i32], time: Duration, seed: u64) -> u64 {
    let cpus = hotplug::online().unwrap();
    let changes = again(threads, time, seed, &mut |random, thread| {
        let count = random.usize(1..=cpus.len());
        let some = random.choose_multiple(cpus.iter().copied(), count);
        class::set_cpus(thread, &some).unwrap();
    });
    for thread in threads {
        class::set_cpus(*thread, &cpus).unwrap();
    }
    changes
}

#[test]
fn affinity_that_changes_harms_nobody() {
    let mut harm = beside_load();
    let threads = harm.threads();
    let time = tier::seconds(0.2, 6.0);
    under_all(&mut harm, "affinity", |_| {
        change_affinity(&threads, time, SEED)
    });
    harm.end();
}

/// Another class and nice level for one thread after the other; the usual ones at the end. Where all
/// tasks belong to sched_ext, those in another class of ordinary tasks do, too.
pub fn change_classes(threads: &[i32], time: Duration, seed: u64) -> u64 {
    let changes = again(threads, time, seed, &mut |random, thread| {
        let ordinary = [Class::Other, Class::Batch, Class::Idle, Class::Ext];
        let realtime = [Class::Fifo(5), Class::RoundRobin(5)];
        let index = random.usize(0..ordinary.len() + realtime.len());
        match ordinary.get(index) {
            Some(class) => class::set(thread, *class).unwrap(),
            None => {
                class::set(thread, realtime[index - ordinary.len()]).unwrap();
                thread::sleep(REALTIME);
                class::set(thread, Class::Other).unwrap();
            }
        }
        class::set_nice(thread, random.i32(-20..20)).unwrap();
    });
    for thread in threads {
        class::set(*thread, Class::Other).unwrap();
    }
    changes
}

#[test]
fn classes_and_nice_levels_that_change_harm_nobody() {
    let mut harm = beside_load();
    let threads = harm.threads();
    let time = tier::seconds(0.2, 6.0);
    under_all(&mut harm, "class", |_| change_classes(&threads, time, SEED));
    harm.end();
}

/// With --partial only tasks that ask for it are ours: they come and go while they wait.
#[test]
fn tasks_that_come_from_another_scheduler_and_go_back_harm_nobody() {
    let scheduler = Scheduler::start(&["--partial"]);
    let mut harm = Harm::beside(scheduler, Watch::start(BUSY, ASLEEP).unwrap());
    let threads = harm.threads();
    let time = tier::seconds(0.2, 6.0);
    under_all(&mut harm, "partial", |_| {
        change_classes(&threads, time, SEED)
    });
    for policy in Policy::all() {
        let ran = harm.scheduler().counted(policy).cpu_ns;
        harm.expect(ran > 0, format!("{policy} ran nobody"));
    }
    harm.end();
}

/// This process, with all its threads, goes from one cpuset to another, and the CPUs of the one that
/// it is in change.
#[test]
fn cpusets_that_change_harm_nobody() {
    let mut harm = beside_load();
    let cpus = hotplug::online().unwrap();
    let (first, last) = (cpus[0].to_string(), cpus[cpus.len() - 1].to_string());
    let whole = format!("{first}-{last}");
    let us = std::process::id();
    let sets = ["meta_left", "meta_right"].map(|name| Cgroup::create_with("+cpu +cpuset", name));
    let time = tier::seconds(0.2, 6.0);
    under_all(&mut harm, "cpuset", |_| {
        let mut moves = 0;
        let end = sys::monotonic() + time;
        while sys::monotonic() < end {
            for set in &sets {
                set.write("cpuset.cpus", &whole);
                set.take(us);
                for list in [&first, &last, &whole] {
                    set.write("cpuset.cpus", list);
                    thread::sleep(8 * STEP);
                    moves += 1;
                }
            }
        }
        moves
    });
    drop(sets);
    harm.end();
}
