// SPDX-License-Identifier: GPL-2.0-only
//! Policies with a half in user space: what it is good for, and that nobody
//! needs it.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use scx_meta::policy::Policy;

use crate::bound;
use crate::clock::ms;
use crate::clock::now_ns;
use crate::clock::sleep_until_ns;
use crate::clock::wait_for;
use crate::clock::MS;
use crate::counters::assert_conserved;
use crate::counters::longest_wait_ns;
use crate::load::Load;
use crate::maps::policy;
use crate::scheduler::all_equal;
use crate::scheduler::Scheduler;
use crate::tasks::longest_gap_ns;
use crate::tasks::Task;

const HOGS: usize = 4;
const NAP_NS: u64 = 10 * MS;
const WAKE_UPS: usize = 250;
/// By turns, so that what the host does meanwhile hits both.
const ROUNDS: usize = 3;
const STOPPED: Duration = Duration::from_secs(3);

/// How late a sleeper wakes beside two hogs a CPU.
fn lateness_ns() -> Vec<u64> {
    let hogs = Task::hogs(2 * bound::cpus());
    thread::sleep(Duration::from_secs(1));
    let sleeper = thread::spawn(|| {
        (0..WAKE_UPS)
            .map(|_| {
                let until = now_ns() + NAP_NS;
                sleep_until_ns(until);
                now_ns().saturating_sub(until)
            })
            .collect()
    });
    let late = sleeper.join().unwrap();
    drop(hogs);
    late
}

/// Prints it; its p99.
fn tell_lateness(name: &str, late: &mut [u64]) -> u64 {
    late.sort_unstable();
    let at = |percent: usize| late[late.len() * percent / 100];
    println!(
        "{name}: a sleeper beside {} hogs wakes late by median {:.1}, p90 {:.1}, p99 {:.1}, \
         max {:.1} ms",
        2 * bound::cpus(),
        ms(at(50)),
        ms(at(90)),
        ms(at(99)),
        ms(late[late.len() - 1]),
    );
    at(99)
}

/// A sleeper beside hogs is decided to be first; under fifo it is the last.
#[test]
fn identity_rustland() {
    let (mut fifo, mut rustland) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for (name, all) in [("fifo", &mut fifo), ("rustland", &mut rustland)] {
            let mut scheduler = Scheduler::start(&["--policies", name, "--pin", name]);
            let mut late = lateness_ns();
            tell_lateness(name, &mut late);
            all.append(&mut late);
            let stats = scheduler.maps().counters(policy("rustland"));
            println!("decided {}, unasked {}", stats.decided, stats.unasked);
            assert_conserved(scheduler.maps());
            scheduler.assert_healthy();
            scheduler.stop();
            if name == "rustland" {
                assert!(stats.decided > 0, "user space decided nothing");
                assert!(
                    stats.decided > 4 * stats.unasked,
                    "user space was silent too often"
                );
            }
        }
    }
    println!("all rounds:");
    let fifo = tell_lateness("fifo", &mut fifo);
    let rustland = tell_lateness("rustland", &mut rustland);
    assert!(rustland < fifo, "the sleeper's p99 is no better");
}

/// Stopped for 3 s, and then awake again: nobody stalls, the counter tells, and
/// decisions are made again.
#[test]
fn rustland_goes_on_while_the_loader_is_stopped() {
    let mut scheduler = Scheduler::start(&[
        "--policies",
        "rustland",
        "--pin",
        "rustland",
        "--stats-json",
    ]);
    let mut tasks = Task::hogs(HOGS);
    tasks.extend([5, 7, 11].map(|nap_ms| Task::sleeper(Duration::from_millis(nap_ms))));
    thread::sleep(Duration::from_secs(2));
    let counters = || scheduler.maps().counters(policy("rustland"));
    let awake = counters();
    scheduler.suspend();
    thread::sleep(Duration::from_millis(200));
    let before = counters();
    tasks.iter().for_each(Task::reset_gap);
    thread::sleep(STOPPED);
    let gap_ns = longest_gap_ns("hogs and sleepers", &tasks);
    let after = counters();
    scheduler.resume();
    let decides = wait_for(Duration::from_secs(10), Duration::from_millis(50), || {
        counters().decided > after.decided + 10
    });
    println!(
        "unasked {} before, {} in {:.1} s without the loader; decided {} before, {} meanwhile",
        awake.unasked,
        after.unasked - before.unasked,
        STOPPED.as_secs_f64(),
        awake.decided,
        after.decided - before.decided,
    );
    let wait_ns = longest_wait_ns(scheduler.maps());
    println!("longest wait in a queue: {:.0} ms", ms(wait_ns));
    let bound_ns = bound::longest_wait_ns(tasks.len());
    drop(tasks);
    assert_conserved(scheduler.maps());
    scheduler.assert_healthy();
    scheduler.stop();
    assert!(awake.decided > 0, "user space decided nothing");
    assert!(
        after.unasked > before.unasked,
        "the silence was not counted"
    );
    assert!(decides, "user space does not decide any more");
    assert!(gap_ns < bound_ns, "a task stalled");
    assert!(wait_ns < bound_ns, "a task stalled in a queue");
}

/// Into and out of every policy while the loader is stopped, again and again.
fn switching_without_user_space(handover: &str) {
    let mut scheduler = Scheduler::start(&[
        "--weights",
        &all_equal(),
        "--base-slice",
        "10ms",
        "--handover",
        handover,
        "--stats-json",
    ]);
    let mut tasks = Task::hogs(HOGS);
    tasks.extend([5, 7].map(|nap_ms| Task::sleeper(Duration::from_millis(nap_ms))));
    let mut messaging = Load::endless_messaging();
    thread::sleep(Duration::from_secs(2));
    scheduler.suspend();
    let generation = scheduler.maps().status().generation;
    tasks.iter().for_each(Task::reset_gap);
    let busy = bound::mean_runnable(Duration::from_secs(10));
    let gap_ns = longest_gap_ns("hogs and sleepers", &tasks);
    let switches = scheduler.maps().status().generation - generation;
    messaging.assert_running();
    scheduler.assert_healthy();
    let wait_ns = longest_wait_ns(scheduler.maps());
    println!(
        "{switches} switches without the loader; longest wait in a queue: {:.0} ms",
        ms(wait_ns)
    );
    drop((messaging, tasks));
    assert_conserved(scheduler.maps());
    scheduler.resume();
    scheduler.assert_healthy();
    scheduler.stop();
    let bound_ns = bound::longest_wait_ns(busy.max(HOGS));
    assert!(switches > 100, "the rotation stood still");
    assert!(gap_ns < bound_ns, "a task starved");
    assert!(wait_ns < bound_ns, "a task starved in a queue");
}

#[test]
fn switching_without_user_space_loses_nothing_when_queues_are_drained() {
    switching_without_user_space("drain");
}

#[test]
fn switching_without_user_space_loses_nothing_when_tasks_are_adopted() {
    switching_without_user_space("adopt");
}

/// With two caches rusty has a half, too.
#[test]
fn llc2_switching_without_user_space_loses_nothing() {
    switching_without_user_space("drain");
    switching_without_user_space("adopt");
}

/// The loader's thread of that name, if it is there.
fn thread_named(scheduler: &Scheduler, name: &str) -> Option<PathBuf> {
    let tasks = fs::read_dir(format!("/proc/{}/task", scheduler.pid())).unwrap();
    tasks.flatten().map(|task| task.path()).find(|task| {
        let comm = fs::read_to_string(task.join("comm"));
        comm.is_ok_and(|comm| comm.trim() == name)
    })
}

fn has_thread(scheduler: &Scheduler, name: &str) -> bool {
    thread_named(scheduler, name).is_some()
}

/// Memory of the loader that cannot be swapped out.
fn locked_kib(scheduler: &Scheduler) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", scheduler.pid())).unwrap();
    let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:"));
    let number = locked.unwrap().trim().strip_suffix(" kB").unwrap();
    number.parse().unwrap()
}

/// The thread is there, and the loader locked in memory, only while its policy
/// can get a turn.
#[test]
fn a_half_lives_only_while_its_policy_has_weight() {
    let scheduler = Scheduler::start(&["--weights", "fifo=1"]);
    let maps = scheduler.maps();
    let rustland = policy("rustland");
    let lives = |expected: bool| {
        wait_for(Duration::from_secs(10), Duration::from_millis(50), || {
            has_thread(&scheduler, rustland.name()) == expected
                && (locked_kib(&scheduler) > 0) == expected
        })
    };
    thread::sleep(Duration::from_secs(2));
    assert!(
        !has_thread(&scheduler, rustland.name()),
        "it runs for nothing"
    );
    maps.set_weight(rustland, 1);
    assert!(lives(true), "a weight does not start it");
    maps.set_pin(policy("fifo").id());
    assert!(lives(false), "a pin of another policy does not end it");
    maps.set_pin(rustland.id());
    assert!(lives(true), "a pin does not start it");
    maps.set_pin(crate::maps::NO_PIN);
    maps.set_weight(rustland, 0);
    assert!(lives(false), "weight 0 does not end it");
    scheduler.stop();
}

/// How long a thread has waited for a CPU, and how often it got one.
fn waits(thread: &Path) -> (u64, u64) {
    let stat = fs::read_to_string(thread.join("schedstat")).unwrap();
    let numbers: Vec<u64> = stat.split(' ').map(|n| n.trim().parse().unwrap()).collect();
    (numbers[1], numbers[2])
}

/// Beside many hogs the loader's thread, which wakes ten times a second at
/// least, gets a CPU at once, whichever policy is in charge: rustland's turn is
/// the last hundredth of a long rotation.
#[test]
fn the_thread_of_rustland_waits_under_no_policy() {
    for other in Policy::all().filter(|other| *other != policy("rustland")) {
        let weights = format!("{other}=99,rustland=1");
        let mut scheduler = Scheduler::start(&["--weights", &weights, "--base-slice", "10s"]);
        let hogs = Task::hogs(2 * HOGS);
        thread::sleep(Duration::from_secs(1));
        let thread = thread_named(&scheduler, "rustland").expect("no thread");
        let (waited_before, runs_before) = waits(&thread);
        thread::sleep(Duration::from_secs(5));
        let (waited, runs) = waits(&thread);
        let runs = runs - runs_before;
        assert_eq!(scheduler.maps().status().active, other.id(), "a turn ended");
        let mean_ns = (waited - waited_before) / runs.max(1);
        println!(
            "under {other}: {runs} runs, waits {:.2} ms on average",
            ms(mean_ns)
        );
        drop(hogs);
        scheduler.assert_healthy();
        scheduler.stop();
        assert!(runs >= 20, "it hardly ran");
        assert!(mean_ns < bound::SLICE_NS / 2, "it waits behind the hogs");
    }
}
