// SPDX-License-Identifier: GPL-2.0-only
//! pair's queues by cgroup: more cgroups than queues, cgroups that come and go, and one with many
//! tasks that a pair may not run.

use std::thread;
use std::time::Duration;

use labkit::task::Task;

use crate::bound::cpus;
use crate::cgroups::{self, Cgroup};
use crate::clock::{ms, MS};
use crate::crowd::Crowd;
use crate::maps::policy;
use crate::scheduler::Scheduler;
use crate::{callback, loads, tier};

/// More cgroups than queues: creating one never fails, and who shares a queue or
/// is bound to a CPU that the pair does not favour runs like the others.
#[test]
fn pair_with_more_cgroups_than_queues_starves_nobody() {
    let scheduler = Scheduler::shared();
    let pair = policy("pair");
    scheduler.only(pair);
    let mut groups: Vec<Cgroup> = (0..70)
        .map(|n| Cgroup::create(&format!("meta_{n}")))
        .collect();
    let last = groups.len() - 1;
    let mut pids = vec![
        groups[0].hog(None),
        groups[0].hog(None),
        groups[0].hog(None),
    ];
    for cpu in 0..cpus() {
        pids.push(groups[1 + cpu].hog(Some(cpu)));
    }
    pids.push(groups[last].hog(None));
    pids.push(groups[last - 1].hog(Some(1)));
    thread::sleep(Duration::from_secs(1));
    let before: Vec<u64> = pids.iter().map(|pid| cgroups::cpu_ns(*pid)).collect();
    let time = tier::seconds(5.0, 10.0);
    thread::sleep(time);
    let spent: Vec<u64> = pids
        .iter()
        .zip(before)
        .map(|(pid, before)| cgroups::cpu_ns(*pid) - before)
        .collect();
    let overflowed = scheduler.counted(pair).overflowed;
    println!("{overflowed} cgroups share a queue; CPU time in ms:");
    println!("{:.0?}", spent.iter().map(|ns| ms(*ns)).collect::<Vec<_>>());
    drop(groups);
    assert!(overflowed > 0, "70 cgroups did not overflow");
    let least_ns = time.as_nanos() as u64 / 100;
    assert!(spent.iter().all(|ns| *ns >= least_ns), "a task starved");
}

/// A task is moved into a cgroup and back while that cgroup is made and removed,
/// beside busy ones that are bound to the two CPUs of a pair.
#[test]
fn pair_loses_nobody_while_cgroups_come_and_go() {
    let mut scheduler = Scheduler::shared();
    scheduler.only(policy("pair"));
    let mut groups = ["meta_a", "meta_b"].map(Cgroup::create);
    let mut homes = Vec::new();
    for (index, group) in groups.iter_mut().enumerate() {
        let cpu = index * cpus() / 2;
        homes.extend([None, None, Some(cpu)].map(|cpu| (group.hog(cpu), index)));
    }
    let before: Vec<u64> = homes.iter().map(|(pid, _)| cgroups::cpu_ns(*pid)).collect();
    for round in 0..tier::times(30, 60) {
        let (pid, home) = homes[round % homes.len()];
        let guest = Cgroup::create(&format!("meta_guest_{round}"));
        guest.take(pid);
        thread::sleep(Duration::from_millis(50));
        groups[home].take(pid);
    }
    let between: Vec<u64> = homes.iter().map(|(pid, _)| cgroups::cpu_ns(*pid)).collect();
    thread::sleep(tier::seconds(2.0, 3.0));
    let spent = |from: &[u64], to: &[u64]| -> Vec<f64> {
        from.iter()
            .zip(to)
            .map(|(from, to)| ms(to - from))
            .collect()
    };
    let after: Vec<u64> = homes.iter().map(|(pid, _)| cgroups::cpu_ns(*pid)).collect();
    let (during, since) = (spent(&before, &between), spent(&between, &after));
    println!("CPU time in ms: {during:.0?}, then {since:.0?}");
    scheduler.assert_healthy();
    drop(groups);
    assert!(during.iter().all(|ms| *ms >= 50.0), "a task starved");
    assert!(since.iter().all(|ms| *ms >= 50.0), "a task was lost");
}

/// How long the CPU of a busy task that is alone there was away from it at most: the median of
/// several times. It is when its batch ends, and its pair looks for another cgroup.
fn pause_ns(hog: &Task) -> u64 {
    let mut pauses: Vec<u64> = (0..tier::times(9, 29))
        .map(|_| {
            hog.reset_gap();
            thread::sleep(Duration::from_millis(50));
            hog.longest_gap_ns()
        })
        .collect();
    pauses.sort_unstable();
    pauses[pauses.len() / 2]
}

/// Two thousand tasks of a cgroup wait for a CPU of the other pair. A pair that may run none of
/// them looks at a few, and at the end of each of its batches loses little time by it. Still it
/// finds the few tasks behind them that are for one of its CPUs.
#[test]
fn many_tasks_bound_elsewhere_cost_a_pair_little_and_hide_nobody() {
    const ELSEWHERE: usize = 3;
    const TASKS: usize = 2000;
    /// A batch of a millisecond: else two thousand tasks wait longer for a CPU than the kernel lets
    /// them.
    const SLICE_US: &str = "1000";
    /// With a walk of all of them it is 2 ms, with what is left of it 0.2 to 0.4 ms.
    const PAUSE_NS: u64 = MS;
    const HIDDEN_NS: u64 = 400 * MS;

    let mut scheduler = Scheduler::start(&["--policies", "pair", "--slice-us", SLICE_US]);
    let hog = loads::hog_on(0);
    let alone = pause_ns(&hog);
    let group = Cgroup::of_threads("meta_bound");
    let crowd = group.run(|| Crowd::start(TASKS, ELSEWHERE));
    let mut beside = 0;
    let dispatch = callback::mean_ns("meta_dispatch", || beside = pause_ns(&hog));
    println!(
        "pauses of a busy task: {:.3} ms alone, {:.3} ms beside {TASKS} tasks that are bound \
         elsewhere; a dispatch {dispatch} ns",
        ms(alone),
        ms(beside)
    );
    // First for the CPU that idles, then for both.
    let mut hidden = Vec::new();
    let mut gaps = Vec::new();
    for cpu in [2, 0] {
        hidden.push(group.run(|| loads::hog_on(cpu)));
        thread::sleep(Duration::from_millis(300));
        hidden.iter().for_each(Task::reset_gap);
        thread::sleep(tier::seconds(0.8, 5.0));
        gaps.push(loads::longest_gap_ns("tasks behind them", &mut hidden));
    }
    scheduler.assert_healthy();
    println!("{} of the {TASKS} have run", crowd.ran());
    drop((hog, hidden, crowd));
    drop(group);
    assert!(beside < PAUSE_NS, "batch ends take long");
    assert!(gaps.iter().all(|gap| *gap < HIDDEN_NS), "a task is hidden");
}
