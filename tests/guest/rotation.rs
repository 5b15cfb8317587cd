// SPDX-License-Identifier: GPL-2.0-only
//! What must hold of a rotation of all policies, whatever becomes of the tasks that wait when their
//! policy leaves. adopted.rs and drained.rs say which.

use std::thread;
use std::time::Duration;

use labkit::sys::RealTime;
use labkit::task::Task;
use serde_json::Value;

use crate::bound::{self, SLICE_NS};
use crate::clock::{ms, now_ns, sleep_until_ns, MS};
use crate::fixture::Handover;
use crate::maps::{policy, NO_PIN};
use crate::scheduler::{self, Scheduler};
use crate::{loads, tier};

/// The shared scheduler, every policy with turns of this length.
fn rotating(handover: Handover, turn: Duration, bound_ns: u64) -> Scheduler {
    let scheduler = Scheduler::shared_for_waits(handover, bound_ns);
    scheduler.all_take_turns(turn);
    scheduler
}

/// Prints the longest wait.
fn longest_wait_ns(scheduler: &Scheduler) -> u64 {
    let wait_ns = scheduler.longest_wait_ns();
    println!("longest wait in a queue since load: {:.0} ms", ms(wait_ns));
    wait_ns
}

/// Eight hogs beside messages and forks, with flips at each millisecond.
pub fn no_task_starves_at_1ms(handover: Handover) {
    const HOGS: usize = 8;
    let least_ns = bound::longest_wait_ns(HOGS);
    let mut scheduler = rotating(handover, Duration::from_millis(1), least_ns);
    let mut hogs = loads::hogs(HOGS);
    let mut others = loads::messaging_and_forks();
    thread::sleep(Duration::from_secs(1));
    hogs.iter().for_each(Task::reset_gap);
    let busy = bound::mean_runnable(tier::seconds(12.0, 60.0));
    let gap_ns = loads::longest_gap_ns("hogs", &mut hogs);
    others.check().unwrap();
    scheduler.assert_healthy();
    let wait_ns = longest_wait_ns(&scheduler);
    drop((others, hogs));

    let bound_ns = bound::longest_wait_ns(busy.max(HOGS));
    assert!(gap_ns < bound_ns, "a busy task starved");
    assert!(wait_ns < bound_ns, "a task starved in a queue");
}

/// Rotations of half a slice, a slice, and two, each begun at several
/// distances from the kernel's tick (HZ=250): an unlucky phase must not keep
/// anybody's queue from its turn.
pub fn no_task_starves_when_rotation_and_slice_resonate(handover: Handover) {
    const HOGS: usize = 8;
    const TICK_NS: u64 = 4 * MS;
    let bound_ns = bound::longest_wait_ns(HOGS);
    let scheduler = rotating(handover, Duration::from_millis(10), bound_ns);
    let mut hogs = loads::hogs(HOGS);
    let mut worst_ns = 0;
    // Longer than the bound, or nothing could be seen to exceed it.
    let time = tier::seconds(2.0, 3.0);
    let phases = tier::times(2, 4) as u64;
    for rotation_ns in [SLICE_NS / 2, SLICE_NS, 2 * SLICE_NS] {
        scheduler.maps().set_period_us((rotation_ns / 1000) as u32);
        for phase in 0..phases {
            rotate_from(&scheduler, TICK_NS, phase * TICK_NS / phases);
            hogs.iter().for_each(Task::reset_gap);
            thread::sleep(time);
            let what = format!(
                "rotation {:.0} ms, tick + {phase}/{phases}",
                ms(rotation_ns)
            );
            worst_ns = worst_ns.max(loads::longest_gap_ns(&what, &mut hogs));
        }
    }
    let wait_ns = longest_wait_ns(&scheduler);
    drop(hogs);
    assert!(worst_ns < bound_ns, "a busy task starved");
    assert!(wait_ns < bound_ns, "a task starved in a queue");
}

/// A rotation begins when a pin is removed, and that is seen within 5 ms; so
/// the pin's end is where the phase is set.
fn rotate_from(scheduler: &Scheduler, tick_ns: u64, phase_ns: u64) {
    scheduler.maps().set_pin(policy("fifo").id());
    thread::sleep(Duration::from_millis(200));
    let _real_time = RealTime::enter().unwrap();
    let tick = now_ns() / tick_ns + 2;
    sleep_until_ns(tick * tick_ns + phase_ns);
    scheduler.pin(NO_PIN);
}

/// Two tasks that are bound to each CPU, four that are not, and a sleeper.
pub fn bound_hogs_do_not_starve_others(handover: Handover) {
    let all = 2 * bound::cpus() + 4 + 1;
    let bound_ns = bound::longest_wait_ns(all);
    let scheduler = rotating(handover, Duration::from_millis(100), bound_ns);
    let cpus = (0..bound::cpus()).flat_map(|cpu| [cpu, cpu]);
    let mut bound: Vec<Task> = cpus.map(loads::hog_on).collect();
    let mut free = loads::hogs(4);
    let mut sleepers = loads::sleepers(&[10]);
    thread::sleep(Duration::from_millis(500));
    for task in bound.iter().chain(&free).chain(&sleepers) {
        task.reset_gap();
    }
    thread::sleep(tier::seconds(5.0, 20.0));
    let gaps_ns = [
        loads::longest_gap_ns("bound", &mut bound),
        loads::longest_gap_ns("free", &mut free),
        loads::longest_gap_ns("sleeper", &mut sleepers),
    ];
    let wait_ns = longest_wait_ns(&scheduler);
    drop((bound, free, sleepers));
    assert!(
        gaps_ns.into_iter().all(|gap| gap < bound_ns),
        "a task starved"
    );
    assert!(wait_ns < bound_ns, "a task starved in a queue");
}

/// Into and out of every policy while the loader is stopped, again and again.
pub fn switching_without_user_space_loses_nothing(handover: Handover) {
    const HOGS: usize = 4;
    let least_ns = bound::longest_wait_ns(HOGS);
    let mut scheduler = rotating(handover, Duration::from_millis(10), least_ns);
    let mut tasks = loads::hogs(HOGS);
    tasks.extend(loads::sleepers(&[5, 7]));
    let mut messaging = loads::messaging();
    thread::sleep(Duration::from_secs(1));
    scheduler.suspend();
    let generation = scheduler.maps().status().generation;
    tasks.iter().for_each(Task::reset_gap);
    let busy = bound::mean_runnable(tier::seconds(6.0, 10.0));
    let gap_ns = loads::longest_gap_ns("hogs and sleepers", &mut tasks);
    let switches = scheduler.maps().status().generation - generation;
    messaging.check().unwrap();
    scheduler.assert_healthy();
    println!("{switches} switches without the loader");
    let wait_ns = longest_wait_ns(&scheduler);
    drop((messaging, tasks));
    scheduler.resume();
    let bound_ns = bound::longest_wait_ns(busy.max(HOGS));
    assert!(switches > 100, "the rotation stood still");
    assert!(gap_ns < bound_ns, "a task starved");
    assert!(wait_ns < bound_ns, "a task starved in a queue");
}

/// Of each turn's CPU time, the owner's part must be at least this…
const OWN_SHARE: f64 = 0.5;
/// … in so many of the turns.
pub const OWN_TURNS: f64 = 0.95;

/// What a saturated machine did in its turns.
pub struct Turns {
    /// The owner's part of the CPU time, a number a turn.
    pub own: Vec<f64>,
    /// Until most CPUs ran the owner's tasks; 0: they never did.
    most_ns: Vec<u64>,
    pub handed_in: u64,
}

impl Turns {
    /// How many of the turns belonged to their owner.
    pub fn owned(&self) -> f64 {
        let owned = self.own.iter().filter(|share| **share >= OWN_SHARE);
        owned.count() as f64 / self.own.len() as f64
    }

    /// Turns in which it never came to that are the slowest.
    pub fn most_ns_at(&self, percent: usize) -> u64 {
        let mut sorted = self.most_ns.clone();
        sorted.sort_unstable_by_key(|ns| ns.wrapping_sub(1));
        sorted[(sorted.len() * percent).div_ceil(100) - 1]
    }

    fn print(&self, what: &str) {
        println!(
            "{what}: {} turns, in {:.0} % of them the owner had half of the CPU time; most CPUs \
             ran its tasks after {:.1} ms (median), {:.1} ms (p95; 0: not within the turn); \
             {} tasks handed over",
            self.own.len(),
            100.0 * self.owned(),
            ms(self.most_ns_at(50)),
            ms(self.most_ns_at(95)),
            self.handed_in,
        );
    }
}

/// Four busy tasks a CPU under turns of all policies.
pub fn turns_of_a_saturated_machine(handover: Handover) -> Turns {
    let scheduler = Scheduler::shared_with(handover);
    scheduler.all_take_turns(Duration::from_millis(100));
    let hogs = loads::hogs(4 * bound::cpus());
    thread::sleep(Duration::from_secs(1));
    let first = scheduler.maps().status().generation + 2;
    thread::sleep(tier::seconds(4.8, 10.0));
    let output = scheduler::run(&["turns", "--json"]);
    assert!(output.status.success(), "{output:?}");
    let handed_in = scx_meta::policy::Policy::all()
        .map(|policy| scheduler.counted(policy).handed_in)
        .sum();
    drop(hogs);

    let recorded: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    // The last one is under way.
    let whole = &recorded[..recorded.len() - 1];
    let whole = whole
        .iter()
        .filter(|turn| turn["number"].as_u64().unwrap() >= first);
    let number = |turn: &Value, field: &str| turn[field].as_u64().unwrap();
    let turns = Turns {
        own: whole
            .clone()
            .map(|turn| number(turn, "owner_ns") as f64 / number(turn, "all_ns") as f64)
            .collect(),
        most_ns: whole.map(|turn| number(turn, "most_ns")).collect(),
        handed_in,
    };
    turns.print(handover.name());
    assert!(turns.own.len() >= 38, "turns were lost");
    turns
}
