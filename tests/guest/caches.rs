// SPDX-License-Identifier: GPL-2.0-only
//! Where busy tasks run on a machine with two last-level caches: CPUs 0 and 1
//! share one, CPUs 2 and 3 the other.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::bound;
use crate::clock::ms;
use crate::counters::assert_conserved;
use crate::counters::longest_wait_ns;
use crate::maps::policy;
use crate::scheduler::Scheduler;
use crate::tasks::bind_to;
use crate::tasks::longest_gap_ns;
use crate::tasks::spin;
use crate::tasks::Task;
use crate::wakers::current_cpu;

const CACHES: [[usize; 2]; 2] = [[0, 1], [2, 3]];
const ALL: [usize; 4] = [0, 1, 2, 3];

const BALANCE_PERIOD: Duration = Duration::from_secs(2);

#[derive(Default)]
struct Seen {
    free: AtomicBool,
    stop: AtomicBool,
    /// Beats in each cache.
    beats: [AtomicU64; 2],
    /// From one cache to the other.
    crossings: AtomicUsize,
}

/// A busy thread that is bound to one cache at first.
struct Roamer {
    seen: Arc<Seen>,
    thread: Option<JoinHandle<()>>,
}

fn cache_now() -> usize {
    usize::from(CACHES[1].contains(&current_cpu()))
}

impl Roamer {
    fn start_in(cache: usize) -> Self {
        let seen = Arc::new(Seen::default());
        let mine = Arc::clone(&seen);
        let thread = thread::spawn(move || {
            bind_to(&CACHES[cache]);
            let (mut bound, mut last) = (true, cache);
            while !mine.stop.load(Relaxed) {
                if bound && mine.free.load(Relaxed) {
                    bind_to(&ALL);
                    bound = false;
                }
                spin(200);
                let now = cache_now();
                mine.beats[now].fetch_add(1, Relaxed);
                mine.crossings.fetch_add(usize::from(now != last), Relaxed);
                last = now;
            }
        });
        Self {
            seen,
            thread: Some(thread),
        }
    }

    fn forget(&self) {
        self.seen.beats.iter().for_each(|n| n.store(0, Relaxed));
        self.seen.crossings.store(0, Relaxed);
    }

    fn beats(&self) -> [u64; 2] {
        [0, 1].map(|cache| self.seen.beats[cache].load(Relaxed))
    }
}

impl Drop for Roamer {
    fn drop(&mut self) {
        self.seen.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Six busy tasks begin in one cache. Two balancing periods later each cache
/// has three, which stay there: evening by stealing would move them all the
/// time.
#[test]
fn llc2_identity_rusty() {
    let mut scheduler = Scheduler::start(&["--policies", "rusty", "--pin", "rusty"]);
    let roamers: Vec<Roamer> = (0..6).map(|_| Roamer::start_in(0)).collect();
    thread::sleep(Duration::from_secs(1));
    for roamer in &roamers {
        roamer.seen.free.store(true, Relaxed);
    }
    thread::sleep(2 * BALANCE_PERIOD);
    roamers.iter().for_each(Roamer::forget);
    thread::sleep(2 * BALANCE_PERIOD);

    let mut by_cache = [0; 2];
    let mut settled = 0;
    for roamer in &roamers {
        let [first, second] = roamer.beats();
        let crossings = roamer.seen.crossings.load(Relaxed);
        println!("beats in the caches {first} and {second}, crossings {crossings}");
        by_cache[usize::from(second > first)] += 1;
        settled += usize::from(first.max(second) as f64 >= 0.9 * (first + second) as f64);
    }
    let stats = scheduler.maps().counters(policy("rusty"));
    println!(
        "tasks by cache {by_cache:?}, settled {settled}; balanced {}, stolen {}",
        stats.balanced, stats.stolen
    );
    drop(roamers);
    assert_conserved(scheduler.maps());
    scheduler.assert_healthy();
    scheduler.stop();
    assert_eq!(by_cache, [3, 3], "the load is not even");
    assert_eq!(settled, 6, "tasks still move between caches");
}

/// A task is at home in one cache and ran in the other for want of a CPU. When
/// its slice is over it waits at home, where two CPUs idle: the one that it may
/// use is woken, not the other.
#[test]
fn llc2_who_waits_at_home_wakes_a_cpu_that_it_may_use() {
    const ROUNDS: usize = 10;
    const SLICES: u64 = 4;
    let [[_, at_home], [away, _]] = CACHES;
    let bound_hog = |cpu| {
        Task::hog(crate::tasks::Hog {
            cpu: Some(cpu),
            ..Default::default()
        })
    };
    let mut scheduler = Scheduler::start(&["--policies", "rusty", "--pin", "rusty"]);
    let (mut gaps_ns, mut on) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let free = Arc::new(AtomicBool::new(false));
        let task = Task::roamer(at_home, [at_home, away], Arc::clone(&free));
        let blocker = bound_hog(at_home);
        thread::sleep(Duration::from_millis(100));
        free.store(true, Relaxed);
        thread::sleep(Duration::from_millis(200));
        drop(blocker);
        thread::sleep(Duration::from_millis(100));
        on.push(task.last_cpu());
        task.reset_gap();
        let other = bound_hog(away);
        thread::sleep(Duration::from_millis(500));
        gaps_ns.push(task.longest_gap_ns());
        drop((other, task));
    }
    scheduler.assert_healthy();
    scheduler.stop();
    gaps_ns.sort_unstable();
    println!(
        "it was on CPUs {on:?}; longest gaps {:.0?} ms",
        gaps_ns.iter().map(|ns| ms(*ns)).collect::<Vec<_>>()
    );
    assert!(on.contains(&away), "it never went away");
    // Some rounds are the host's.
    let most = gaps_ns[ROUNDS * 7 / 10];
    assert!(
        most < SLICES * bound::SLICE_NS,
        "it waited while it could run"
    );
}

/// The loader sleeps, so nothing is balanced: six tasks that are at home in one
/// cache, four that can go nowhere else, and sleepers all get on.
#[test]
fn llc2_nobody_starves_while_the_balancer_is_stopped() {
    let mut scheduler =
        Scheduler::start(&["--policies", "rusty", "--pin", "rusty", "--stats-json"]);
    thread::sleep(Duration::from_secs(1));
    scheduler.suspend();
    let balanced = scheduler.maps().counters(policy("rusty")).balanced;
    let roamers: Vec<Roamer> = (0..6).map(|_| Roamer::start_in(0)).collect();
    let tasks: Vec<Task> = [0, 0, 1, 1]
        .into_iter()
        .map(|cpu| {
            Task::hog(crate::tasks::Hog {
                cpu: Some(cpu),
                ..Default::default()
            })
        })
        .chain([5, 7, 11].map(|nap_ms| Task::sleeper(Duration::from_millis(nap_ms))))
        .collect();
    thread::sleep(Duration::from_secs(1));
    for roamer in &roamers {
        roamer.seen.free.store(true, Relaxed);
        roamer.forget();
    }
    tasks.iter().for_each(Task::reset_gap);
    thread::sleep(Duration::from_secs(10));

    let gap_ns = longest_gap_ns("bound tasks and sleepers", &tasks);
    let wait_ns = longest_wait_ns(scheduler.maps());
    let beats: Vec<u64> = roamers.iter().map(|r| r.beats().iter().sum()).collect();
    let stats = scheduler.maps().counters(policy("rusty"));
    println!("longest wait in a queue: {:.0} ms", ms(wait_ns));
    println!("beats of the tasks that began in one cache: {beats:?}");
    println!("stolen {}, balanced {}", stats.stolen, stats.balanced);
    // Half of the CPUs may be all that serve the bound ones.
    let bound_ns = 2 * bound::longest_wait_ns(roamers.len() + tasks.len());
    drop((roamers, tasks));
    assert_conserved(scheduler.maps());
    scheduler.assert_healthy();
    scheduler.resume();
    scheduler.stop();
    assert_eq!(stats.balanced, balanced, "who balanced?");
    assert!(stats.stolen > 0, "idle CPUs did not steal");
    assert!(beats.iter().all(|beats| *beats > 0), "a task starved");
    assert!(gap_ns < bound_ns, "a bound task starved");
    assert!(wait_ns < bound_ns, "a task starved in a queue");
}
