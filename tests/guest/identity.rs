// SPDX-License-Identifier: GPL-2.0-only
//! Each policy is itself. The lab also runs these with the policy's row
//! pointing to another's hooks: then each must fail.

use std::thread;
use std::time::Duration;

use scx_utils::compat::ksym_exists;

use crate::bound::cpus;
use crate::cgroups;
use crate::cgroups::Cgroup;
use crate::clock::ms;
use crate::clock::now_ns;
use crate::clock::MS;
use crate::maps::policy;
use crate::maps::Maps;
use crate::picks;
use crate::realtime::RealTime;
use crate::scheduler::Scheduler;
use crate::switches::Trace;
use crate::tasks::bind_to;
use crate::tasks::longest_gap_ns;
use crate::tasks::spin;
use crate::tasks::Hog;
use crate::tasks::Task;
use crate::wakers::fork_burst;
use crate::wakers::used_cpus;
use crate::wakers::Wakers;

/// The kernel's cgroup weights of nice 0 and nice 10.
const NICE_0: f64 = 100.0;
const NICE_10: f64 = 11.0;

/// Two busy threads of nice 0 and nice 10 share one CPU: how do their CPU
/// times compare?
fn ratio_of_nice_levels() -> f64 {
    let [plain, nice] = [0, 10].map(|nice| Task::hog(Hog { nice, cpu: Some(1) }));
    thread::sleep(Duration::from_millis(500));
    let start = [plain.cpu_ns(), nice.cpu_ns()];
    thread::sleep(Duration::from_secs(12));
    let plain = plain.cpu_ns() - start[0];
    let nice = nice.cpu_ns() - start[1];
    let ratio = plain as f64 / nice as f64;
    println!(
        "nice 0: {:.0} ms, nice 10: {:.0} ms, ratio {ratio:.3}",
        ms(plain),
        ms(nice)
    );
    ratio
}

fn assert_within_a_tenth(ratio: f64, expected: f64) {
    assert!(
        (ratio / expected - 1.0).abs() <= 0.1,
        "ratio {ratio:.3}, expected {expected:.3} +- 10 %"
    );
}

/// vtime is loaded too: a mutant of fifo borrows its hooks.
#[test]
fn identity_fifo() {
    let scheduler = Scheduler::start(&["--policies", "fifo,vtime", "--pin", "fifo"]);
    assert_within_a_tenth(ratio_of_nice_levels(), 1.0);
    scheduler.stop();
}

#[test]
fn identity_vtime() {
    let scheduler = Scheduler::start(&["--policies", "vtime", "--pin", "vtime"]);
    assert_within_a_tenth(ratio_of_nice_levels(), NICE_0 / NICE_10);
    scheduler.stop();
}

/// Only CPU 0, the central one, may take tasks from a queue; what the others
/// run it has placed on them, but for the fallback queue.
#[test]
fn identity_central() {
    let scheduler = Scheduler::start(&["--policies", "central", "--pin", "central"]);
    let hogs = Task::hogs(4);
    let sleepers = [3, 5, 7].map(|nap_ms| Task::sleeper(Duration::from_millis(nap_ms)));
    thread::sleep(Duration::from_secs(5));
    drop((hogs, sleepers));

    let maps = scheduler.maps();
    let central = maps.counters_by_cpu(policy("central").id());
    let others = 1..central.len();
    // Over all policies: a mutant counts as the one whose hooks it has.
    let pulled: u64 = scx_meta::policy::Policy::all()
        .flat_map(|policy| maps.counters_by_cpu(policy.id())[others.clone()].to_vec())
        .map(|stats| stats.pulled)
        .sum();
    let sum = |get: fn(&scx_meta::bpf::abi::meta_stats) -> u64| -> u64 {
        central[others.clone()].iter().map(get).sum()
    };
    let fallback = sum(|stats| stats.fallback);
    let ran_ns = sum(|stats| stats.cpu_ns);
    let pushed: u64 = central.iter().map(|stats| stats.pushed).sum();
    let kept: u64 = central.iter().map(|stats| stats.kept).sum();
    let all_fallback: u64 = central.iter().map(|stats| stats.fallback).sum();
    let ran: u64 = central.iter().map(|stats| stats.ran).sum();
    println!(
        "other CPUs: pulled {pulled}, of these fallback {fallback}, ran {:.0} ms; \
         pushed {pushed}, kept {kept}, fallback {all_fallback} of {ran} runs ({:.3} %)",
        ms(ran_ns),
        100.0 * all_fallback as f64 / ran.max(1) as f64
    );
    assert_eq!(pulled, fallback, "other CPUs took tasks by themselves");
    assert!(pushed > 0, "the central CPU placed nothing");
    assert!(ran_ns > 0, "the other CPUs ran nothing");
    scheduler.stop();
}

/// From one burst to the next.
struct Burst {
    /// CPUs that got wake-ups.
    used_cpus: usize,
    /// CPUs in the primary nest, relative to the entry: right after the
    /// burst, and before the next.
    nest_peak: i64,
    nest_after: i64,
}

/// 3 wakers, and bursts of short forks. A waker naps a little longer than the
/// 2 ms after which an idle CPU is put out of the nest, so that a nest that
/// does not gather them shrinks away under them.
fn bursts(maps: &Maps) -> Vec<Burst> {
    let wakers = Wakers::start(3, Duration::from_micros(2300), Duration::from_micros(200));
    thread::sleep(Duration::from_millis(100));
    let burst = |_| {
        let before = wakers.by_cpu();
        fork_burst(4, Duration::from_millis(1));
        let nest_peak = nest_size(maps);
        thread::sleep(Duration::from_millis(900));
        let after = wakers.by_cpu();
        let by_cpu: Vec<u64> = after.iter().zip(&before).map(|(a, b)| a - b).collect();
        let burst = Burst {
            used_cpus: used_cpus(&by_cpu),
            nest_peak,
            nest_after: nest_size(maps),
        };
        println!(
            "wake-ups by CPU {:?}: {} used; nest {} in the burst, {} later",
            &by_cpu[..cpus()],
            burst.used_cpus,
            burst.nest_peak,
            burst.nest_after
        );
        burst
    };
    (0..10).map(burst).collect()
}

/// CPUs taken into the primary nest since it was entered, less those put out.
fn nest_size(maps: &Maps) -> i64 {
    let stats = maps.counters(policy("nest"));
    stats.promoted as i64 - stats.demoted as i64
}

/// The margin keeps two runs of one policy from passing by chance.
#[test]
fn det_identity_nest() {
    let [fifo, nest] = ["fifo", "nest"].map(|policy| {
        println!("{policy}:");
        let scheduler = Scheduler::start(&["--policies", policy, "--pin", policy]);
        let bursts = bursts(scheduler.maps());
        scheduler.stop();
        bursts
    });
    let used = |bursts: &[Burst]| bursts.iter().map(|b| b.used_cpus).sum::<usize>();
    let (fifo_used, nest_used) = (used(&fifo), used(&nest));
    println!(
        "CPUs that got wake-ups, mean: fifo {:.1}, nest {:.1}",
        fifo_used as f64 / fifo.len() as f64,
        nest_used as f64 / nest.len() as f64
    );
    assert!(nest_used < fifo_used, "nest spreads as wide as fifo");
    let shrunk: i64 = nest.iter().map(|b| b.nest_peak - b.nest_after).sum();
    println!("nest: {shrunk} CPUs put out after {} bursts", nest.len());
    assert!(
        shrunk >= nest.len() as i64,
        "the nest does not shrink after a burst"
    );
}

/// A nice level on each of qmap's levels, the lowest first (weights 1, 41, 100,
/// 244 and 932), and how many tasks a round takes from it.
const QMAP_LEVELS: [(i32, u64); 5] = [(19, 1), (4, 2), (0, 4), (-4, 8), (-10, 16)];

/// A level's queue must not run empty: with a task of it on each CPU, one waits.
/// What else is runnable has its level, too, and counts there.
#[test]
fn identity_qmap() {
    let scheduler = Scheduler::start(&["--policies", "qmap", "--pin", "qmap"]);
    let hogs: Vec<Task> = QMAP_LEVELS
        .iter()
        .flat_map(|(nice, _)| (0..cpus() + 1).map(|_| *nice))
        .map(|nice| Task::hog(Hog { nice, cpu: None }))
        .collect();
    thread::sleep(Duration::from_secs(2));
    let start = picks::by_nice();
    thread::sleep(Duration::from_secs(20));
    let end = picks::by_nice();
    drop(hogs);
    scheduler.stop();

    let picked = QMAP_LEVELS.map(|(nice, _)| end[&nice] - start[&nice]);
    let a_budget = picked.iter().sum::<u64>() as f64 / 31.0;
    let by_budget = picked.map(|picked| picked as f64 / a_budget);
    for ((nice, budget), picked) in QMAP_LEVELS.into_iter().zip(by_budget) {
        println!("nice {nice}: {picked:.2} of 31 picks (budget {budget})");
    }
    for ((_, budget), picked) in QMAP_LEVELS.into_iter().zip(by_budget) {
        assert_within_a_tenth(picked, budget as f64);
    }
}

/// From 6.19 on what a higher class preempts is queued again, and others run it.
/// A task that wakes up as real-time preempts; one that becomes so while it runs
/// does not.
#[test]
fn qmap_gives_others_what_a_higher_class_preempted() {
    let scheduler = Scheduler::start(&["--policies", "qmap", "--pin", "qmap"]);
    let can = ksym_exists("scx_bpf_reenqueue_local___v2").expect("the kernel's BTF");
    let requeued = || scheduler.maps().counters(policy("qmap")).requeued;
    let all: Vec<usize> = (0..cpus()).collect();
    // The other CPUs are busy, or one idles and must be woken.
    for count in [2 * all.len(), 1] {
        let hogs = Task::hogs(count);
        thread::sleep(Duration::from_secs(1));
        let before = requeued();
        hogs.iter().for_each(Task::reset_gap);
        {
            bind_to(&[hogs[0].last_cpu()]);
            let _real_time = RealTime::enter();
            thread::sleep(Duration::from_millis(20));
            let end = now_ns() + 2000 * MS;
            while now_ns() < end {
                spin(200);
            }
        }
        let gap_ns = longest_gap_ns("beside 2 s of a real-time task", &hogs);
        let requeued = requeued() - before;
        bind_to(&all);
        drop(hogs);
        println!("{requeued} times a CPU's queue was given back");
        assert_eq!(requeued > 0, can, "can this kernel? {can}");
        if can {
            assert!(gap_ns < 500 * MS, "a task waited for the higher class");
        }
    }
    scheduler.stop();
}

/// Both CPUs change over in one interrupt, which waits for the CPU's turn on the
/// common clock. The other machines would also show when the host stops a CPU.
const HAND_OVER_NS: u64 = 4 * MS;
const HAND_OVER_PERCENT: f64 = 10.0;

/// Two busy cgroups, each with more tasks than CPUs, and the trace of each pair
/// (the guest's CPUs have no siblings: i and i + half).
#[test]
fn det_identity_pair() {
    let scheduler = Scheduler::start(&["--policies", "pair", "--pin", "pair"]);
    let mut groups = ["meta_a", "meta_b"].map(Cgroup::create);
    for group in &mut groups {
        (0..cpus() + 1).for_each(|_| {
            group.hog(None);
        });
    }
    thread::sleep(Duration::from_secs(2));
    let used = |group: &Cgroup| group.pids().into_iter().map(cgroups::cpu_ns).sum::<u64>();
    let before = groups.each_ref().map(used);
    let trace = Trace::record(Duration::from_secs(5));
    let after = groups.each_ref().map(used);
    let stats = scheduler.maps().counters(policy("pair"));
    let pids = groups.each_ref().map(Cgroup::pids);
    drop(groups);
    scheduler.stop();

    println!("batches {}, mixed {}", stats.batches, stats.mixed);
    let spent = [after[0] - before[0], after[1] - before[1]];
    println!("CPU time: {:.0} and {:.0} ms", ms(spent[0]), ms(spent[1]));
    let half = cpus() / 2;
    for cpu in 0..half {
        let (spans, whole_ns) = trace.overlaps([cpu, cpu + half], [&pids[0], &pids[1]]);
        let sum: u64 = spans.iter().sum();
        let longest = spans.iter().max().copied().unwrap_or(0);
        let percent = 100.0 * sum as f64 / whole_ns as f64;
        println!(
            "CPUs {cpu} and {}: both cgroups {} times, {:.3} ms at most, {percent:.2} % of {:.0} ms",
            cpu + half,
            spans.len(),
            ms(longest),
            ms(whole_ns)
        );
        assert!(longest <= HAND_OVER_NS, "both cgroups ran on one pair");
        assert!(percent <= HAND_OVER_PERCENT, "both cgroups ran too often");
    }
    let least = spent.into_iter().min().unwrap() as f64;
    let sum = spent.iter().sum::<u64>() as f64;
    assert!(least > 0.3 * sum, "a cgroup lags behind");
}

/// More cgroups than queues: creating one never fails, and who shares a queue or
/// is bound to a CPU that the pair does not favour runs like the others.
#[test]
fn pair_with_more_cgroups_than_queues_starves_nobody() {
    let scheduler = Scheduler::start(&["--policies", "pair", "--pin", "pair"]);
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
    thread::sleep(Duration::from_secs(2));
    let before: Vec<u64> = pids.iter().map(|pid| cgroups::cpu_ns(*pid)).collect();
    thread::sleep(Duration::from_secs(10));
    let spent: Vec<u64> = pids
        .iter()
        .zip(before)
        .map(|(pid, before)| cgroups::cpu_ns(*pid) - before)
        .collect();
    let overflowed = scheduler.maps().counters(policy("pair")).overflowed;
    println!("{overflowed} cgroups share a queue; CPU time in ms:");
    println!("{:.0?}", spent.iter().map(|ns| ms(*ns)).collect::<Vec<_>>());
    drop(groups);
    scheduler.stop();
    assert!(overflowed > 0, "70 cgroups did not overflow");
    assert!(spent.iter().all(|ns| *ns >= 100 * MS), "a task starved");
}

/// A task is moved into a cgroup and back while that cgroup is made and removed,
/// beside busy ones that are bound to the two CPUs of a pair.
#[test]
fn pair_loses_nobody_while_cgroups_come_and_go() {
    let mut scheduler = Scheduler::start(&["--policies", "pair", "--pin", "pair"]);
    let mut groups = ["meta_a", "meta_b"].map(Cgroup::create);
    let mut homes = Vec::new();
    for (index, group) in groups.iter_mut().enumerate() {
        let cpu = index * cpus() / 2;
        homes.extend([None, None, Some(cpu)].map(|cpu| (group.hog(cpu), index)));
    }
    let before: Vec<u64> = homes.iter().map(|(pid, _)| cgroups::cpu_ns(*pid)).collect();
    for round in 0..60 {
        let (pid, home) = homes[round % homes.len()];
        let guest = Cgroup::create(&format!("meta_guest_{round}"));
        guest.take(pid);
        thread::sleep(Duration::from_millis(50));
        groups[home].take(pid);
    }
    let between: Vec<u64> = homes.iter().map(|(pid, _)| cgroups::cpu_ns(*pid)).collect();
    thread::sleep(Duration::from_secs(3));
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
    scheduler.stop();
    assert!(during.iter().all(|ms| *ms >= 50.0), "a task starved");
    assert!(since.iter().all(|ms| *ms >= 50.0), "a task was lost");
}
