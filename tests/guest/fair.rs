// SPDX-License-Identifier: GPL-2.0-only
//! What tasks have under eevdf where not all can use what their weight entitles them to: on machines
//! of two CPUs.

use std::sync::mpsc::{channel, Receiver, Sender};
use std::thread;
use std::time::Duration;

use labkit::task::{Hog, Pulse, Task};

use crate::identity::{assert_within_a_tenth, FAIR_NICE_10};
use crate::maps::policy;
use crate::scheduler::Scheduler;
use crate::tier;

/// How soon one of a pair sees that the other has ended.
const LOOK: Duration = Duration::from_millis(10);

/// The parts of one CPU that busy tasks have.
fn parts<const N: usize>(hogs: [Hog; N]) -> [f64; N] {
    let scheduler = Scheduler::shared();
    scheduler.only(policy("eevdf"));
    let tasks = hogs.map(|hog| Task::hog(hog).unwrap());
    parts_of(&tasks)
}

fn parts_of<const N: usize>(tasks: &[Task; N]) -> [f64; N] {
    thread::sleep(Duration::from_millis(500));
    let used = || tasks.each_ref().map(|task| task.cpu_ns().unwrap() as f64);
    let (before, time) = (used(), tier::seconds(4.0, 12.0));
    thread::sleep(time);
    let mut parts = used();
    for (part, before) in parts.iter_mut().zip(before) {
        *part = (*part - before) / time.as_nanos() as f64;
    }
    println!("parts of a CPU: {parts:.3?}");
    parts
}

fn anywhere(nice: i32) -> Hog {
    Hog { nice, cpu: None }
}

fn on(cpu: usize, nice: i32) -> Hog {
    Hog {
        nice,
        cpu: Some(cpu),
    }
}

#[test]
fn nice_levels_hold_on_a_cpu_whatever_runs_on_another() {
    for beside in [-20, 19] {
        let [_, plain, nice] = parts([on(0, beside), on(1, 0), on(1, 10)]);
        assert_within_a_tenth(plain / nice, FAIR_NICE_10);
    }
}

/// Nobody can use more than one CPU; the others share what is left as if it wanted no more.
#[test]
fn nice_levels_hold_beside_a_task_that_is_worth_more_than_a_cpu() {
    let [most, one, other, nice] = parts([-20, 0, 0, 10].map(anywhere));
    assert_within_a_tenth(most, 1.0);
    assert_within_a_tenth(one / other, 1.0);
    assert_within_a_tenth((one + other) / 2.0 / nice, FAIR_NICE_10);
}

/// Two tasks that may use this CPU only, beside three for two CPUs, which are one and a half for each.
#[test]
fn tasks_of_one_cpu_share_it_with_those_of_all() {
    let [pinned, too, a, b, c] = parts([on(1, 0), on(1, 0), anywhere(0), anywhere(0), anywhere(0)]);
    assert_within_a_tenth(pinned / too, 1.0);
    assert_within_a_tenth(pinned + too, 2.0 / 3.5);
    for part in [a, b, c] {
        assert_within_a_tenth(part, (2.0 - 2.0 / 3.5) / 3.0);
    }
}

/// Works for a moment when it is its turn, and hands that on.
fn take_turns(pulse: &Pulse, turn: &Receiver<()>, next: &Sender<()>) {
    while !pulse.stopped() {
        if turn.recv_timeout(LOOK).is_ok() {
            pulse.work();
            let _ = next.send(());
        }
    }
}

/// Two tasks of which one works, and then wakes the other.
fn pair() -> [Task; 2] {
    let (to_one, one) = channel();
    let (to_other, other) = channel();
    to_one.send(()).unwrap();
    [(one, to_other), (other, to_one)].map(|(turn, next)| {
        let work = move |pulse: &Pulse| {
            take_turns(pulse, &turn, &next);
            Ok(())
        };
        Task::start("pair", work).unwrap()
    })
}

/// Tasks that hand a CPU to each other past the queue have no more of it by that: two busy ones beside
/// two pairs have 0.40 of a CPU each, 0.39 where every hand-over goes through the queue, and 0.44 under
/// the kernel's own scheduler.
#[test]
fn pairs_that_hand_their_cpu_over_leave_others_their_share() {
    const PART: f64 = 0.36;
    let scheduler = Scheduler::shared();
    let eevdf = policy("eevdf");
    scheduler.only(eevdf);
    let pairs = [pair(), pair()];
    let hogs = [0, 0].map(|nice| Task::hog(anywhere(nice)).unwrap());
    let before = scheduler.counted(eevdf);
    let parts = parts_of(&hogs);
    let after = scheduler.counted(eevdf);
    drop((hogs, pairs));
    let (ran, direct) = (after.ran - before.ran, after.direct - before.direct);
    println!("of {ran} times that a task got a CPU, {direct} were past the queue");
    assert!(2 * direct > ran, "they wait in the queue");
    assert!(
        parts.iter().all(|part| *part > PART),
        "the busy tasks have less"
    );
}
