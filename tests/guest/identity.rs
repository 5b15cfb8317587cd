// SPDX-License-Identifier: GPL-2.0-only
//! Each policy is itself: what it alone does, seen from outside. mutants.rs runs each of these tests
//! with another policy in the place of the one that it is about: then it must fail.

use std::thread;
use std::time::Duration;

use labkit::task::{Hog, Task};
use labkit::{spin, sys};
use scx_meta::bpf::abi::meta_stats;
use scx_meta::policy::Policy;

use crate::bound::cpus;
use crate::cgroups::{self, Cgroup};
use crate::clock::{ms, now_ns, sleep_until_ns, MS};
use crate::maps::policy;
use crate::mutant::cast;
use crate::picks::Picks;
use crate::roamer::{self, Roamer};
use crate::scheduler::Scheduler;
use crate::switches::Trace;
use crate::wakers::{fork_burst, spread, Wakers};
use crate::{loads, rustland, tier};

/// The kernel's cgroup weights of nice 0 and nice 10.
const NICE_0: f64 = 100.0;
const NICE_10: f64 = 11.0;

/// Two busy threads of nice 0 and nice 10 share one CPU: how do their CPU
/// times compare?
fn ratio_of_nice_levels() -> f64 {
    let [plain, nice] = [0, 10].map(|nice| Task::hog(Hog { nice, cpu: Some(1) }).unwrap());
    thread::sleep(Duration::from_millis(500));
    let used = || [&plain, &nice].map(|task| task.cpu_ns().unwrap());
    let before = used();
    thread::sleep(tier::seconds(5.0, 12.0));
    let after = used();
    let [plain, nice] = [0, 1].map(|i| after[i] - before[i]);
    let ratio = plain as f64 / nice as f64;
    println!(
        "nice 0: {:.0} ms, nice 10: {:.0} ms, ratio {ratio:.3}",
        ms(plain),
        ms(nice)
    );
    ratio
}

pub fn assert_within_a_tenth(ratio: f64, expected: f64) {
    assert!(
        (ratio / expected - 1.0).abs() <= 0.1,
        "ratio {ratio:.3}, expected {expected:.3} +- 10 %"
    );
}

#[test]
fn identity_fifo() {
    let scheduler = Scheduler::shared();
    scheduler.only(cast("fifo"));
    assert_within_a_tenth(ratio_of_nice_levels(), 1.0);
}

#[test]
fn identity_vtime() {
    let scheduler = Scheduler::shared();
    scheduler.only(cast("vtime"));
    assert_within_a_tenth(ratio_of_nice_levels(), NICE_0 / NICE_10);
}

/// Only CPU 0, the central one, may take tasks from a queue; what the others
/// run it has placed on them, but for the fallback queue, and for the moments in which a real-time
/// thread (RCU's, the loader's) has CPU 0.
#[test]
fn identity_central() {
    let scheduler = Scheduler::shared();
    let central = cast("central");
    scheduler.only(central);
    // What was queued before is gone.
    thread::sleep(Duration::from_millis(200));
    scheduler.forget();
    let hogs = loads::hogs(4);
    let sleepers = loads::sleepers(&[3, 5, 7]);
    thread::sleep(tier::seconds(2.0, 5.0));
    drop((hogs, sleepers));

    let by_cpu = scheduler.counted_by_cpu(central);
    let others = &by_cpu[1..];
    let sum =
        |cpus: &[meta_stats], get: fn(&meta_stats) -> u64| -> u64 { cpus.iter().map(get).sum() };
    let pulled = sum(others, |stats| stats.pulled);
    let fallback = sum(others, |stats| stats.fallback);
    let ran_ns = sum(others, |stats| stats.cpu_ns);
    let pushed = sum(&by_cpu, |stats| stats.pushed);
    let kept = sum(&by_cpu, |stats| stats.kept);
    let all_fallback = sum(&by_cpu, |stats| stats.fallback);
    let ran = sum(&by_cpu, |stats| stats.ran);
    println!(
        "other CPUs: pulled {pulled}, of these fallback {fallback}, ran {:.0} ms; \
         pushed {pushed}, kept {kept}, fallback {all_fallback} of {ran} runs ({:.3} %)",
        ms(ran_ns),
        100.0 * all_fallback as f64 / ran.max(1) as f64
    );
    assert!(
        100 * (pulled - fallback) <= ran,
        "other CPUs took tasks by themselves"
    );
    assert!(pushed > 0, "the central CPU placed nothing");
    assert!(ran_ns > 0, "the other CPUs ran nothing");
}

/// Bursts until wakers have gathered, which two coming by chance at the right moments begins.
const SETTLE: usize = 2;

/// 6 wakers, and bursts of short forks: over how many CPUs did wake-ups spread after each? A waker
/// naps a little longer than the 2 ms after which an idle CPU is put out of the nest, so that a nest
/// that does not gather them shrinks away under them.
fn bursts(scheduler: &Scheduler, count: usize) -> Vec<f64> {
    let wakers = Wakers::start(6, Duration::from_micros(2300), Duration::from_micros(100));
    thread::sleep(Duration::from_millis(100));
    let burst = |_| {
        let before = wakers.by_cpu();
        fork_burst(4, Duration::from_millis(1));
        thread::sleep(Duration::from_millis(900));
        let after = wakers.by_cpu();
        let by_cpu: Vec<u64> = after.iter().zip(&before).map(|(a, b)| a - b).collect();
        let stats = scheduler.counted(policy("nest"));
        let spread = spread(&by_cpu);
        println!(
            "wake-ups by CPU {:?}: as on {spread:.2}; nest: {} taken in, {} put out",
            &by_cpu[..cpus()],
            stats.promoted,
            stats.demoted
        );
        spread
    };
    (0..SETTLE + count).map(burst).skip(SETTLE).collect()
}

/// Of the CPUs over which fifo spreads wake-ups, nest uses no more than this part. Wakers that meet need
/// a CPU each; fifo differs from itself by a hundredth.
const GATHERED: f64 = 0.9;

/// Wake-ups gather on few CPUs, and those that a burst took into the nest are put out again.
#[test]
fn identity_nest() {
    let scheduler = Scheduler::shared();
    let count = tier::times(7, 11);
    let nest = cast("nest");
    let [fifo_spread, nest_spread] = [policy("fifo"), nest].map(|policy| {
        println!("{policy}:");
        scheduler.only(policy);
        let mut spreads = bursts(&scheduler, count);
        spreads.sort_by(f64::total_cmp);
        spreads[count / 2]
    });
    let put_out = scheduler.counted(nest).demoted;
    println!(
        "wake-ups spread as over {fifo_spread:.2} CPUs under fifo (median), {nest_spread:.2} under nest, \
         which put out {put_out} CPUs in {count} bursts"
    );
    assert!(
        nest_spread <= GATHERED * fifo_spread,
        "nest spreads as wide as fifo"
    );
    assert!(
        put_out >= count as u64,
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
    let scheduler = Scheduler::shared();
    scheduler.only(cast("qmap"));
    let hogs: Vec<Task> = QMAP_LEVELS
        .iter()
        .flat_map(|(nice, _)| (0..cpus() + 1).map(|_| *nice))
        .map(loads::nice_hog)
        .collect();
    thread::sleep(Duration::from_secs(1));
    let start = Picks::read();
    thread::sleep(tier::seconds(8.0, 20.0));
    let picks = Picks::read().since(&start);
    drop(hogs);

    let picked = QMAP_LEVELS.map(|(nice, _)| picks[&nice]);
    let a_budget = picked.iter().sum::<u64>() as f64 / 31.0;
    let by_budget = picked.map(|picked| picked as f64 / a_budget);
    for ((nice, budget), picked) in QMAP_LEVELS.into_iter().zip(by_budget) {
        println!("nice {nice}: {picked:.2} of 31 picks (budget {budget})");
    }
    for ((_, budget), picked) in QMAP_LEVELS.into_iter().zip(by_budget) {
        assert_within_a_tenth(picked, budget as f64);
    }
}

/// Both CPUs change over in one interrupt.
const HAND_OVER_NS: u64 = MS;
const HAND_OVER_PERCENT: f64 = 2.0;

/// Two busy cgroups, each with more tasks than CPUs, and the trace of each pair
/// (the guest's CPUs have no siblings: i and i + half).
#[test]
fn identity_pair() {
    let scheduler = Scheduler::shared();
    let pair = cast("pair");
    scheduler.only(pair);
    let mut groups = ["meta_a", "meta_b"].map(Cgroup::create);
    for group in &mut groups {
        (0..cpus() + 1).for_each(|_| {
            group.hog(None);
        });
    }
    thread::sleep(Duration::from_secs(1));
    let used = |group: &Cgroup| group.pids().into_iter().map(cgroups::cpu_ns).sum::<u64>();
    let before = groups.each_ref().map(used);
    let trace = Trace::record(tier::seconds(2.0, 5.0));
    let after = groups.each_ref().map(used);
    let stats = scheduler.counted(pair);
    let pids = groups.each_ref().map(Cgroup::pids);
    drop(groups);

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

/// Six busy tasks begin in one cache. Two balancing periods later each cache
/// has three, which stay there: evening by stealing would move them all the
/// time.
#[test]
fn identity_rusty() {
    let scheduler = Scheduler::shared();
    let rusty = cast("rusty");
    scheduler.only(rusty);
    let mut roamers: Vec<Roamer> = (0..6).map(|_| Roamer::start_in(0)).collect();
    thread::sleep(Duration::from_secs(1));
    roamers.iter().for_each(Roamer::set_free);
    thread::sleep(2 * roamer::BALANCE_PERIOD);
    roamers.iter().for_each(Roamer::forget);
    thread::sleep(2 * roamer::BALANCE_PERIOD);

    let mut by_cache = [0; 2];
    let mut settled = 0;
    for roamer in &mut roamers {
        roamer.check();
        let [first, second] = roamer.beats();
        let crossings = roamer.crossings();
        println!("beats in the caches {first} and {second}, crossings {crossings}");
        by_cache[usize::from(second > first)] += 1;
        settled += usize::from(first.max(second) as f64 >= 0.9 * (first + second) as f64);
    }
    let stats = scheduler.counted(rusty);
    println!(
        "tasks by cache {by_cache:?}, settled {settled}; balanced {}, stolen {}",
        stats.balanced, stats.stolen
    );
    drop(roamers);
    assert_eq!(by_cache, [3, 3], "the load is not even");
    assert_eq!(settled, 6, "tasks still move between caches");
    assert!(stats.balanced > 0, "the loader balanced nothing");
}

/// Of different lengths, spread over a tick of 4 ms: naps of one length could be in step with the
/// slices.
fn nap_ns(number: usize) -> u64 {
    8 * MS + (number as u64 * 1_370_000) % (4 * MS)
}

/// How late a sleeper wakes beside two hogs a CPU.
fn lateness_ns(wake_ups: usize) -> Vec<u64> {
    let hogs = loads::hogs(2 * cpus());
    thread::sleep(Duration::from_millis(500));
    let sleeper = thread::spawn(move || {
        (0..wake_ups)
            .map(|number| {
                let until = now_ns() + nap_ns(number);
                sleep_until_ns(until);
                now_ns().saturating_sub(until)
            })
            .collect()
    });
    let late = sleeper.join().unwrap();
    drop(hogs);
    late
}

/// Prints it; its p90: of 60 wake-ups p99 is the last.
fn tell_lateness(policy: Policy, late: &mut [u64]) -> u64 {
    late.sort_unstable();
    let at = |percent: usize| late[late.len() * percent / 100];
    println!(
        "{policy}: a sleeper beside {} hogs wakes late by median {:.1}, p90 {:.1}, p99 {:.1}, \
         max {:.1} ms",
        2 * cpus(),
        ms(at(50)),
        ms(at(90)),
        ms(at(99)),
        ms(late[late.len() - 1]),
    );
    at(90)
}

/// A sleeper beside hogs is decided to be first; under fifo it is the last.
#[test]
fn identity_rustland() {
    let scheduler = Scheduler::shared();
    let (fifo, land) = (policy("fifo"), cast("rustland"));
    let wake_ups = tier::times(60, 250);
    // In alternation, so that what the host does meanwhile hits both.
    let rounds = tier::times(1, 3);
    let (mut under_fifo, mut under_land) = (Vec::new(), Vec::new());
    let (mut decided, mut unasked) = (0, 0);
    for _ in 0..rounds {
        scheduler.only(fifo);
        under_fifo.append(&mut lateness_ns(wake_ups));
        scheduler.only(land);
        rustland::await_half(&scheduler);
        let before = scheduler.counted(land);
        under_land.append(&mut lateness_ns(wake_ups));
        let after = scheduler.counted(land);
        decided += after.decided - before.decided;
        unasked += after.unasked - before.unasked;
    }
    let fifo_p90 = tell_lateness(fifo, &mut under_fifo);
    let land_p90 = tell_lateness(land, &mut under_land);
    println!("decided {decided}, unasked {unasked}");
    assert!(2 * land_p90 < fifo_p90, "the sleeper's p90 is no better");
    assert!(decided > 0, "user space decided nothing");
    assert!(decided > 4 * unasked, "user space was silent too often");
}

/// The kernel's weights of nice 0 and nice 10.
pub const FAIR_NICE_10: f64 = 1024.0 / 110.0;

/// A request of eevdf on two CPUs, as the kernel's.
const REQUEST: Duration = Duration::from_micros(1400);

/// Nice levels hold, as under vtime, and a sleeper takes a CPU from a task that has had its request.
/// So most of its wake-ups wait for a fraction of one; under vtime they wait for the ends of slices.
#[test]
fn identity_eevdf() {
    let scheduler = Scheduler::shared();
    let eevdf = cast("eevdf");
    scheduler.only(eevdf);
    let mut late = lateness_ns(tier::times(60, 250));
    tell_lateness(eevdf, &mut late);
    assert_within_a_tenth(ratio_of_nice_levels(), FAIR_NICE_10);
    let median = Duration::from_nanos(late[late.len() / 2]);
    assert!(2 * median < REQUEST, "the sleeper is no better off");
}

const BURST: Duration = Duration::from_millis(100);
const BEFORE_BURST: Duration = Duration::from_secs(1);

/// What else has the CPU while a burst takes its time, as a part of it: half of it where time is
/// shared fairly.
fn others_share(took: Duration) -> f64 {
    1.0 - BURST.as_secs_f64() / took.as_secs_f64()
}

/// Beside a busy task on its CPU a task naps, for so long at a time, and then computes for a burst:
/// how long does that take, median? Before the first one it may have woken in some other way.
fn burst_after(nap: Duration, bursts: usize) -> Duration {
    let hog = loads::hog_on(1);
    let burst = move |_| {
        let wake = sys::monotonic() + BEFORE_BURST;
        while sys::monotonic() < wake {
            thread::sleep(nap);
        }
        let used = || sys::cpu_time_of(sys::thread_id()).unwrap();
        let (start, end) = (sys::monotonic(), used() + BURST);
        while used() < end {
            spin::rounds(1);
        }
        sys::monotonic() - start
    };
    let task = thread::spawn(move || {
        sys::bind_to(&[1]).unwrap();
        (0..=bursts).map(burst).skip(1).collect()
    });
    let mut took: Vec<Duration> = task.join().unwrap();
    drop(hog);
    took.sort_unstable();
    println!("{BURST:?} of CPU time after naps of {nap:?} took {took:?}");
    took[bursts / 2]
}

/// A task that wakes often has the credit for a whole burst. One that slept as long but woke rarely has
/// less, and shares the CPU when it is used up; under fifo both do from the start.
#[test]
fn identity_bpfland() {
    let scheduler = Scheduler::shared();
    scheduler.only(cast("bpfland"));
    let bursts = tier::times(3, 7);
    let naps = [Duration::from_micros(500), Duration::from_millis(100)];
    let [often, rarely] = naps.map(|nap| others_share(burst_after(nap, bursts)));
    println!(
        "the other task had {:.0} % of the CPU during a burst of one that wakes often, {:.0} % of \
         one that wakes rarely",
        100.0 * often,
        100.0 * rarely
    );
    assert!(often < 0.15, "who wakes often waits during its burst");
    assert!(
        rarely > 0.25,
        "who wakes rarely has as much credit as who wakes often"
    );
}

/// So many tasks a CPU and second run for one slice of 20 ms each.
const ORDINARY_SLICES: f64 = 50.0;

/// A sleeper preempts hogs, and hogs take turns at each tick, since a slice is shorter than that.
#[test]
fn identity_cosmos() {
    let scheduler = Scheduler::shared();
    let (fifo, cosmos) = (policy("fifo"), cast("cosmos"));
    let wake_ups = tier::times(60, 250);
    let mut late = [fifo, cosmos].map(|policy| {
        scheduler.only(policy);
        lateness_ns(wake_ups)
    });
    let [fifo_p90, cosmos_p90] =
        [(fifo, 0), (cosmos, 1)].map(|(policy, i)| tell_lateness(policy, &mut late[i]));

    let hogs = loads::hogs(2 * cpus());
    thread::sleep(Duration::from_millis(500));
    let time = tier::seconds(2.0, 5.0);
    let before = scheduler.counted(cosmos).ran;
    thread::sleep(time);
    let ran = scheduler.counted(cosmos).ran - before;
    drop(hogs);
    let slices = ran as f64 / time.as_secs_f64() / cpus() as f64;
    println!("slices a CPU and second: {slices:.0}");
    assert!(20 * cosmos_p90 < fifo_p90, "the sleeper's p90 is no better");
    assert!(slices > 2.0 * ORDINARY_SLICES, "slices are long");
}
