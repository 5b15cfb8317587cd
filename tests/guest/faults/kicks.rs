// SPDX-License-Identifier: GPL-2.0-only
//! Tasks that wait for one CPU do not wake the others, which can do nothing for them.
//!
//! Counted from outside: the interrupts that CPUs send each other, by /proc/interrupts. RES asks a CPU
//! to look for another task, CAL to call a function, which is how idle CPUs are woken.

use std::time::Duration;
use std::{fs, thread};

use labkit::hotplug;
use labkit::watch::Watch;
use scx_meta::policy::Policy;

use super::harm::{fair_wait, Harm};
use crate::fixture::Handover;
use crate::scheduler::Scheduler;
use crate::{loads, tier};

/// Busy tasks that may use one CPU only: all but one of them wait.
const PINNED: usize = 4;

const TURN: Duration = Duration::from_millis(20);

/// Interrupts for each task that waits, a switch of policies, beside those: its CPU is told of it.
const A_SWITCH: f64 = 1.0;

/// While one policy is held, for each task that waits, in a second: it has at most 50 slices.
const A_SECOND: f64 = 60.0;

/// … but for the thread that orders them: it is asked about each of its slices, which end at a tick,
/// and is woken for that on another CPU. 250 ticks a second, a wake-up and an answer each.
const ASKED_A_SECOND: f64 = 2.0 * 250.0 / (PINNED - 1) as f64;

/// Interrupts that CPUs have sent each other since boot.
fn sent() -> u64 {
    let text = fs::read_to_string("/proc/interrupts").unwrap();
    let of = |name: &str| -> u64 {
        let line = text
            .lines()
            .find(|line| line.trim_start().starts_with(name));
        let counts = line.unwrap_or_else(|| panic!("no {name} in /proc/interrupts"));
        counts
            .split_whitespace()
            .skip(1)
            .map_while(|count| count.parse::<u64>().ok())
            .sum()
    };
    of("RES:") + of("CAL:")
}

/// How many were sent for each task that waited, in a second.
fn a_task(harm: &mut Harm, what: &str, time: Duration) -> f64 {
    let mut count = 0;
    harm.phase(what, fair_wait(PINNED, 1), |_| {
        let before = sent();
        thread::sleep(time);
        count = sent() - before;
        1
    });
    let each = count as f64 / (PINNED - 1) as f64 / time.as_secs_f64();
    println!("{what}: {count} interrupts, {each:.0} a second for each task that waits");
    each
}

fn wakes_few(handover: Handover) {
    let cpu = hotplug::online().unwrap()[1];
    let mut watch = Watch::start(0, 0).unwrap();
    watch.add((0..PINNED).map(|_| loads::hog_on(cpu)));
    let mut harm = Harm::beside(Scheduler::shared_with(handover), watch);
    let time = tier::seconds(0.5, 5.0);
    for policy in Policy::all() {
        harm.scheduler().only(policy);
        let each = a_task(&mut harm, policy.name(), time);
        let most = match policy.name() {
            "rustland" => ASKED_A_SECOND,
            _ => A_SECOND,
        };
        harm.expect(each <= most, format!("{policy}: {each:.0} interrupts"));
    }
    harm.scheduler().all_take_turns(TURN);
    let each = a_task(&mut harm, "all", time);
    let most = A_SECOND + A_SWITCH / TURN.as_secs_f64();
    harm.expect(
        each <= most,
        format!("all: {each:.0} interrupts of {most:.0}"),
    );
    harm.end();
}

#[test]
fn an_overloaded_cpu_does_not_wake_the_machine() {
    wakes_few(Handover::Adopt);
}

#[test]
fn an_overloaded_cpu_does_not_wake_the_machine_while_queues_are_drained() {
    wakes_few(Handover::Drain);
}
