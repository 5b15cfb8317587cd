// SPDX-License-Identifier: GPL-2.0-only
//! rusty on a machine with two last-level caches: who waits at home, what the kernel's half does by
//! itself while the loader sleeps, and what it tells the loader about very many tasks.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use labkit::sleepers::Sleepers;
use labkit::task::{Pulse, Task};
use labkit::{process, sys};

use crate::cgroups::Cgroup;
use crate::clock::ms;
use crate::fixture::Handover;
use crate::maps::policy;
use crate::recent::Recent;
use crate::roamer::{Roamer, CACHES};
use crate::scheduler::Scheduler;
use crate::{bound, callback, loads, tier};

/// Busy on `home` until it is `free`, then, after a nap, anywhere in `cpus`.
fn goes_away(home: usize, cpus: [usize; 2], free: Arc<AtomicBool>) -> Task {
    let busy_while = |pulse: &Pulse, goes_on: &dyn Fn() -> bool| {
        while goes_on() && !pulse.stopped() {
            pulse.work();
        }
    };
    let task = Task::start("goes-away", move |pulse| {
        sys::bind_to(&[home])?;
        busy_while(pulse, &|| !free.load(Relaxed));
        sys::bind_to(&cpus)?;
        thread::sleep(Duration::from_millis(1));
        busy_while(pulse, &|| true);
        Ok(())
    });
    task.unwrap()
}

/// A task is at home in one cache and ran in the other for want of a CPU. When
/// its slice is over it waits at home, where two CPUs idle: the one that it may
/// use is woken, not the other.
#[test]
fn who_waits_at_home_wakes_a_cpu_that_it_may_use() {
    const SLICES: u64 = 4;
    let [[_, at_home], [away, _]] = CACHES;
    let rounds = tier::times(6, 10);
    let scheduler = Scheduler::shared();
    scheduler.only(policy("rusty"));
    let (mut gaps_ns, mut on) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let free = Arc::new(AtomicBool::new(false));
        let task = goes_away(at_home, [at_home, away], Arc::clone(&free));
        let blocker = loads::hog_on(at_home);
        thread::sleep(Duration::from_millis(100));
        free.store(true, Relaxed);
        thread::sleep(Duration::from_millis(200));
        drop(blocker);
        thread::sleep(Duration::from_millis(100));
        on.push(task.last_cpu().unwrap());
        task.reset_gap();
        let other = loads::hog_on(away);
        thread::sleep(Duration::from_millis(500));
        gaps_ns.push(task.longest_gap_ns());
        drop((other, task));
    }
    gaps_ns.sort_unstable();
    println!(
        "it was on CPUs {on:?}; longest gaps {:.2?} ms",
        gaps_ns.iter().map(|ns| ms(*ns)).collect::<Vec<_>>()
    );
    assert!(on.contains(&away), "it never went away");
    let longest = gaps_ns[rounds - 1];
    assert!(
        longest < SLICES * bound::SLICE_NS,
        "it waited while it could run"
    );
}

/// The loader sleeps, so nothing is balanced: six tasks that are at home in one
/// cache, four that can go nowhere else, and sleepers all get on.
#[test]
fn nobody_starves_while_the_balancer_is_stopped() {
    const ROAMERS: usize = 6;
    const OTHERS: usize = 7;
    // Half of the CPUs may be all that serve the bound ones.
    let bound_ns = 2 * bound::longest_wait_ns(ROAMERS + OTHERS);
    let mut scheduler = Scheduler::shared_for_waits(Handover::Adopt, bound_ns);
    scheduler.only(policy("rusty"));
    thread::sleep(Duration::from_millis(500));
    scheduler.suspend();
    let balanced = scheduler.counted(policy("rusty")).balanced;
    let roamers: Vec<Roamer> = (0..ROAMERS).map(|_| Roamer::start_in(0)).collect();
    let mut tasks: Vec<Task> = [0, 0, 1, 1].map(loads::hog_on).into();
    tasks.extend(loads::sleepers(&[5, 7, 11]));
    assert_eq!(tasks.len(), OTHERS);
    thread::sleep(Duration::from_millis(500));
    for roamer in &roamers {
        roamer.set_free();
        roamer.forget();
    }
    tasks.iter().for_each(Task::reset_gap);
    thread::sleep(tier::seconds(4.0, 10.0));

    let gap_ns = loads::longest_gap_ns("bound tasks and sleepers", &mut tasks);
    let wait_ns = scheduler.longest_wait_ns();
    let beats: Vec<u64> = roamers.iter().map(|r| r.beats().iter().sum()).collect();
    let stats = scheduler.counted(policy("rusty"));
    println!("longest wait in a queue since load: {:.0} ms", ms(wait_ns));
    println!("beats of the tasks that began in one cache: {beats:?}");
    println!("stolen {}, balanced {}", stats.stolen, stats.balanced);
    drop((roamers, tasks));
    scheduler.resume();
    assert_eq!(stats.balanced, balanced, "who balanced?");
    assert!(stats.stolen > 0, "idle CPUs did not steal");
    assert!(beats.iter().all(|beats| *beats > 0), "a task starved");
    assert!(gap_ns < bound_ns, "a bound task starved");
    assert!(wait_ns < bound_ns, "a task starved in a queue");
}

/// Tasks that wake up twice a second; what it costs when one stops.
fn stopping_ns(tasks: usize) -> (Sleepers, u64) {
    let sleepers = Sleepers::start(tasks, Duration::from_millis(500)).unwrap();
    thread::sleep(Duration::from_secs(1));
    let time = tier::seconds(2.0, 5.0);
    let ns = callback::mean_ns("meta_stopping", || thread::sleep(time));
    println!("{tasks} tasks wake up twice a second: stopping takes {ns} ns");
    (sleepers, ns)
}

/// More tasks run in a round than the balancer's lists have places. Who has a place keeps it: two
/// tasks that took it from each other would have to be described anew at each of their stops.
#[test]
fn a_task_keeps_its_place_in_a_list_that_is_full() {
    const TASKS: usize = 3000;
    /// A stop does the same whatever the number of tasks.
    const DEARER: f64 = 1.3;
    let scheduler = Scheduler::shared();
    scheduler.only(policy("rusty"));
    let recent = Recent::open();
    let (few, few_ns) = stopping_ns(500);
    drop(few);
    let (many, many_ns) = stopping_ns(TASKS);
    let round = recent.read().round;
    let begun = process::await_that(Duration::from_secs(20), Duration::from_millis(50), || {
        recent.read().round > round
    });
    thread::sleep(Duration::from_millis(1000));
    let before = recent.read();
    thread::sleep(Duration::from_millis(600));
    let after = recent.read();
    drop(many);
    let changed = before.changed(&after);
    println!(
        "lists of {:?} and then {:?} tasks; {changed} places are another's",
        before.lengths(),
        after.lengths()
    );
    assert!(begun, "no round began");
    assert_eq!(before.round, after.round, "a round was shorter than 2 s");
    let longest = after.lengths().into_iter().max().unwrap();
    assert_eq!(longest, 1024, "no list is full");
    assert_eq!(changed, 0, "tasks take their places from each other");
    assert!(
        many_ns as f64 <= DEARER * few_ns as f64,
        "a stop is dearer with many tasks"
    );
}

/// All tasks of a process go to another cgroup again and again. Who runs in that moment has not slept:
/// its request would be short from then on, and who waits with a long one would come after it for ever.
#[test]
fn who_changes_its_cgroup_has_not_slept() {
    const A_CPU: usize = 4;
    const STEP: Duration = Duration::from_millis(4);
    let bound_ns = bound::longest_wait_ns(A_CPU);
    let scheduler = Scheduler::shared_for_waits(Handover::Adopt, bound_ns);
    scheduler.only(policy("rusty"));
    let mut hogs = loads::hogs(A_CPU * bound::cpus());
    let groups = ["meta_one", "meta_other"].map(Cgroup::create);
    // Until they have the average runtime of a busy task.
    thread::sleep(Duration::from_secs(1));
    hogs.iter().for_each(Task::reset_gap);
    let end = sys::monotonic() + tier::seconds(2.0, 6.0);
    while sys::monotonic() < end {
        for group in &groups {
            group.take(std::process::id());
            thread::sleep(STEP);
        }
    }
    let gap_ns = loads::longest_gap_ns("busy tasks", &mut hogs);
    drop((hogs, groups));
    assert!(gap_ns < bound_ns, "a task starved");
}
