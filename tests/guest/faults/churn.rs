// SPDX-License-Identifier: GPL-2.0-only
//! Tasks come and go: forks, programs, threads, forks that the kernel refuses, thousands that sleep,
//! messages between very many.

use std::fs;
use std::time::Duration;

use labkit::churn::{self, Made};
use labkit::sleepers::Sleepers;
use labkit::watch::Watch;

use super::harm::{fair_wait, Harm};
use crate::cgroups::Cgroup;
use crate::maps::policy;
use crate::scheduler::Scheduler;
use crate::{bound, loads, tier};

const BUSY: usize = 4;
const ASLEEP: usize = 4;

const TURN: Duration = Duration::from_millis(1);

/// Many end at once, or never.
const END_LIMIT: Duration = Duration::from_secs(300);

fn beside_load() -> Harm {
    let scheduler = Scheduler::shared();
    scheduler.all_take_turns(TURN);
    Harm::beside(scheduler, Watch::start(BUSY, ASLEEP).unwrap())
}

/// So many tasks want a CPU besides those that are watched.
fn bound(others: usize) -> Duration {
    fair_wait(BUSY + others, bound::cpus())
}

fn some(what: &str, made: Made) -> u64 {
    println!("{what}: {} made, {} refused", made.made, made.failed);
    assert!(made.made > 0 && made.failed == 0, "{what}: {made:?}");
    made.made
}

#[test]
fn forks_programs_and_threads_harm_nobody() {
    let mut harm = beside_load();
    let time = tier::seconds(0.3, 12.0);
    // At once, for as long as a fork takes beside them.
    let many = tier::times(60, 1500);
    harm.phase("forks", bound(many), |_| {
        some("forks", churn::forks(many, time))
    });
    harm.phase("programs", bound(8), |_| {
        some("programs", churn::execs("true", 8, time))
    });
    harm.phase("threads", bound(64), |_| {
        some("threads", churn::threads(64, time))
    });
    harm.scheduler().only(policy("rustland"));
    harm.phase("rustland, forks", bound(many), |_| {
        some("forks", churn::forks(many, time))
    });
    harm.end();
}

/// This process, with all its threads, is in a cgroup that has room for few more.
#[test]
fn forks_that_are_refused_harm_nobody() {
    let mut harm = beside_load();
    let us = std::process::id();
    let full = Cgroup::create_with("+cpu +pids", "meta_full");
    full.take(us);
    let threads = fs::read_dir("/proc/self/task").unwrap().count();
    full.write("pids.max", &(threads + 4).to_string());
    let time = tier::seconds(0.3, 10.0);
    harm.phase("pids.max", bound(4), |_| {
        let made = churn::forks(20, time);
        println!("pids.max: {made:?}");
        assert!(made.made > 0 && made.failed > 0, "{made:?}");
        made.failed
    });
    drop(full);
    harm.end();
}

#[test]
fn thousands_of_sleepers_harm_nobody() {
    let mut harm = beside_load();
    let many = tier::times(1000, 10_000);
    let time = tier::seconds(0.8, 10.0);
    // Each wakes up once a second: some of them at any moment.
    let bound = bound(8);
    harm.phase(format!("{many} sleepers"), bound, |_| {
        let sleepers = Sleepers::start(many, Duration::from_secs(1)).unwrap();
        std::thread::sleep(time);
        drop(sleepers);
        many as u64
    });
    harm.end();
}

/// As hackbench -P: processes, 40 a group, that write to each other.
#[test]
fn messages_between_very_many_processes_harm_nobody() {
    let mut harm = beside_load();
    let groups = tier::times(4, 40) as u32;
    let messages = tier::times(5, 40) as u32;
    let tasks = 40 * groups as usize;
    harm.phase(format!("{groups} groups"), bound(tasks), |_| {
        let load = loads::some_messages(groups, messages);
        load.finish(END_LIMIT).unwrap();
        tasks as u64
    });
    harm.end();
}
