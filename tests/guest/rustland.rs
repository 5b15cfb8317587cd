// SPDX-License-Identifier: GPL-2.0-only
//! rustland's half in user space: nobody needs it, it lives only while it is of use, and it waits for
//! no CPU.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, thread};

use labkit::process;
use labkit::task::Task;
use scx_meta::policy::Policy;

use crate::clock::ms;
use crate::fixture::Handover;
use crate::maps::{policy, NO_PIN};
use crate::scheduler::Scheduler;
use crate::{bound, loads, tier};

const HOGS: usize = 4;

const LOOK: Duration = Duration::from_millis(50);

/// Stopped, and then awake again: nobody stalls, the counter tells, and
/// decisions are made again.
#[test]
fn rustland_goes_on_while_the_loader_is_stopped() {
    let bound_ns = bound::longest_wait_ns(HOGS + 3);
    let mut scheduler = Scheduler::shared_for_waits(Handover::Adopt, bound_ns);
    let rustland = policy("rustland");
    scheduler.only(rustland);
    await_half(&scheduler);
    let mut tasks = loads::hogs(HOGS);
    tasks.extend(loads::sleepers(&[5, 7, 11]));
    thread::sleep(Duration::from_secs(1));
    let awake = scheduler.counted(rustland);
    scheduler.suspend();
    thread::sleep(Duration::from_millis(200));
    let before = scheduler.counted(rustland);
    tasks.iter().for_each(Task::reset_gap);
    let stopped = tier::seconds(2.0, 3.0);
    thread::sleep(stopped);
    let gap_ns = loads::longest_gap_ns("hogs and sleepers", &mut tasks);
    let after = scheduler.counted(rustland);
    scheduler.resume();
    let decides = process::await_that(Duration::from_secs(10), LOOK, || {
        scheduler.counted(rustland).decided > after.decided + 10
    });
    println!(
        "unasked {} before, {} in {:.1} s without the loader; decided {} before, {} meanwhile",
        awake.unasked,
        after.unasked - before.unasked,
        stopped.as_secs_f64(),
        awake.decided,
        after.decided - before.decided,
    );
    let wait_ns = scheduler.longest_wait_ns();
    println!("longest wait in a queue since load: {:.0} ms", ms(wait_ns));
    drop(tasks);
    assert!(awake.decided > 0, "user space decided nothing");
    assert!(
        after.unasked > before.unasked,
        "the silence was not counted"
    );
    assert!(decides, "user space does not decide any more");
    assert!(gap_ns < bound_ns, "a task stalled");
    assert!(wait_ns < bound_ns, "a task stalled in a queue");
}

/// The kernel asks no policy for a CPU where a task may use one only, so user space is asked about it
/// though its CPU idles. The answer names that CPU, which gets the task at once, but for the CPU that
/// reads the answers: that does not idle.
#[test]
fn a_named_cpu_that_idles_gets_the_task_at_once() {
    let scheduler = Scheduler::shared();
    let rustland = policy("rustland");
    scheduler.only(rustland);
    await_half(&scheduler);
    let sleepers = loads::bound_sleepers(Duration::from_millis(7));
    let before = scheduler.counted(rustland);
    thread::sleep(tier::seconds(1.0, 3.0));
    let after = scheduler.counted(rustland);
    drop(sleepers);
    let decided = after.decided - before.decided;
    let pushed = after.pushed - before.pushed;
    println!("of {decided} tasks {pushed} went straight to their CPU");
    assert!(decided > 50, "user space was hardly asked");
    assert!(4 * pushed > decided, "they waited with the others");
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

/// Whether rustland's half is at work: its thread is there, and the loader locked in memory.
fn half_lives(scheduler: &Scheduler) -> bool {
    has_thread(scheduler, "rustland") && locked_kib(scheduler) > 0
}

/// The loader notices soon that its half is wanted, and takes a moment to lock its memory. Under
/// another policy it never does.
pub fn await_half(scheduler: &Scheduler) {
    process::await_that(Duration::from_secs(5), LOOK, || half_lives(scheduler));
}

/// The half is at work only while its policy can get a turn.
#[test]
fn a_half_lives_only_while_its_policy_has_weight() {
    let scheduler = Scheduler::shared();
    let (fifo, rustland) = (policy("fifo"), policy("rustland"));
    let lives = |expected: bool| {
        process::await_that(Duration::from_secs(10), LOOK, || {
            has_thread(&scheduler, rustland.name()) == expected
                && (locked_kib(&scheduler) > 0) == expected
        })
    };
    scheduler.rotate(&[(fifo, 1)], Duration::from_secs(2));
    assert!(lives(false), "it runs for nothing");
    let maps = scheduler.maps();
    maps.set_weight(rustland, 1);
    assert!(lives(true), "a weight does not start it");
    maps.set_pin(fifo.id());
    assert!(lives(false), "a pin of another policy does not end it");
    maps.set_pin(rustland.id());
    assert!(lives(true), "a pin does not start it");
    maps.set_pin(NO_PIN);
    maps.set_weight(rustland, 0);
    assert!(lives(false), "weight 0 does not end it");
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
    let scheduler = Scheduler::shared();
    let rustland = policy("rustland");
    let hogs = loads::hogs(2 * HOGS);
    let time = tier::seconds(2.5, 5.0);
    for other in Policy::all().filter(|other| *other != rustland) {
        // Of a rotation that has just begun the first turn is long.
        scheduler.only(other);
        scheduler.rotate(&[(other, 99), (rustland, 1)], Duration::from_secs(100));
        thread::sleep(Duration::from_millis(500));
        await_half(&scheduler);
        let thread = thread_named(&scheduler, rustland.name()).expect("no thread");
        let (waited_before, runs_before) = waits(&thread);
        thread::sleep(time);
        let (waited, runs) = waits(&thread);
        let runs = runs - runs_before;
        assert_eq!(scheduler.maps().status().active, other.id(), "a turn ended");
        let mean_ns = (waited - waited_before) / runs.max(1);
        println!(
            "under {other}: {runs} runs, waits {:.2} ms on average",
            ms(mean_ns)
        );
        assert!(runs as f64 >= 4.0 * time.as_secs_f64(), "it hardly ran");
        assert!(mean_ns < bound::SLICE_NS / 2, "it waits behind the hogs");
    }
    drop(hogs);
}
