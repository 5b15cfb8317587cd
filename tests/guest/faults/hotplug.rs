// SPDX-License-Identifier: GPL-2.0-only
//! CPUs go and come back while policies switch. The program must stay: an ejection, also one that the
//! loader answers by loading it again, leaves every task to another scheduler for as long as that
//! takes.

use std::thread;
use std::time::Duration;

use labkit::hotplug::{self, AsBefore};
use labkit::scx;
use labkit::watch::Watch;
use scx_meta::policy::Policy;

use super::harm::Harm;
use crate::maps::{policy, NO_PIN};
use crate::scheduler::Scheduler;
use crate::tier;

const BUSY: usize = 4;
const ASLEEP: usize = 6;

/// Nothing waits longer, whatever CPUs do.
const BOUND: Duration = Duration::from_secs(1);

/// After each event policies switch so long, at least.
const PAUSE: Duration = Duration::from_millis(60);

/// Between two events that count as one.
const AT_ONCE: Duration = Duration::from_millis(50);

const TURN: Duration = Duration::from_millis(10);

/// The period and weights that are set before CPUs go, and must be there after.
const PERIOD_US: u32 = 77_000;

/// A row under way, and what must not change.
struct Row {
    harm: Harm,
    enable_seq: u64,
}

impl Row {
    fn on(scheduler: Scheduler) -> Self {
        Self {
            enable_seq: scx::enable_seq().unwrap(),
            harm: Harm::beside(scheduler, Watch::start(BUSY, ASLEEP).unwrap()),
        }
    }

    /// All policies, in short turns.
    fn rotating() -> Self {
        let scheduler = Scheduler::shared();
        scheduler.all_take_turns(TURN);
        Self::on(scheduler)
    }

    fn phase(&mut self, what: &str, inject: impl FnOnce() -> u64) {
        self.harm.phase(what, BOUND, |_| inject());
        self.check_stays(what);
    }

    /// That the program was loaded again would show nowhere else when it is quick.
    fn check_stays(&self, what: &str) {
        let seq = scx::enable_seq().unwrap();
        assert_eq!(seq, self.enable_seq, "{what}: the program was loaded again");
    }

    /// Each of these goes, and comes back before the next.
    fn one_at_a_time(&mut self, cpus: &[usize]) {
        for &cpu in cpus {
            self.phase(&format!("CPU {cpu} goes"), || {
                hotplug::off(cpu).unwrap();
                thread::sleep(PAUSE);
                1
            });
            self.phase(&format!("CPU {cpu} comes"), || {
                hotplug::on(cpu).unwrap();
                thread::sleep(PAUSE);
                1
            });
        }
    }
}

fn removable() -> Vec<usize> {
    let cpus = hotplug::removable().unwrap();
    assert!(!cpus.is_empty(), "no CPU of this machine can go");
    cpus
}

/// Live values stay what they are, a held policy stays held.
#[test]
fn cpus_that_go_and_come_one_at_a_time_end_nothing() {
    let _back = AsBefore::at_the_end().unwrap();
    let mut row = Row::rotating();
    let kept = policy("nest");
    let maps = row.harm.scheduler().maps();
    maps.set_weight(kept, 3);
    maps.set_period_us(PERIOD_US);
    for _ in 0..tier::times(1, 50) {
        row.one_at_a_time(&removable());
    }
    row.harm.scheduler().pin(policy("pair").id());
    row.one_at_a_time(&removable()[..1]);

    let status = row.harm.scheduler().status_json();
    let weight = row.harm.scheduler().maps().weight(kept);
    row.harm.expect(
        weight == 3 && status["active"] == "pair",
        format!("a weight of 3 is {weight}, pair was held: {status}"),
    );
    row.harm.scheduler().pin(NO_PIN);
    row.harm.end();
}

/// The second event falls into whatever the first one began.
#[test]
fn two_cpu_events_at_once_end_nothing() {
    let _back = AsBefore::at_the_end().unwrap();
    let mut row = Row::rotating();
    let cpus = removable();
    let (first, last) = (cpus[0], cpus[cpus.len() - 1]);
    for _ in 0..tier::times(2, 50) {
        row.phase("off and on at once", || {
            hotplug::off(first).unwrap();
            thread::sleep(AT_ONCE);
            hotplug::on(first).unwrap();
            thread::sleep(PAUSE);
            2
        });
        row.phase("two off at once", || {
            for switch in [hotplug::off, hotplug::on] {
                for cpu in [first, last] {
                    switch(cpu).unwrap();
                    thread::sleep(AT_ONCE);
                }
            }
            4
        });
    }
    row.harm.end();
}

#[test]
fn all_but_one_cpu_go_and_come_back() {
    let _back = AsBefore::at_the_end().unwrap();
    let mut row = Row::rotating();
    for _ in 0..tier::times(1, 10) {
        let cpus = removable();
        let events = cpus.len() as u64;
        row.phase("all but one go", || {
            for &cpu in &cpus {
                hotplug::off(cpu).unwrap();
            }
            thread::sleep(4 * PAUSE);
            events
        });
        row.phase("all come", || {
            for &cpu in &cpus {
                hotplug::on(cpu).unwrap();
            }
            thread::sleep(PAUSE);
            events
        });
    }
    row.harm.end();
}

/// Where central decides is an option of the loader, so the program is one of the test's own.
#[test]
fn the_central_cpu_goes_and_comes_back() {
    let _back = AsBefore::at_the_end().unwrap();
    let central = removable()[0];
    let options = ["--central-cpu", &central.to_string(), "--pin", "central"];
    let mut row = Row::on(Scheduler::start(&options));
    for _ in 0..tier::times(1, 10) {
        row.one_at_a_time(&[central]);
    }
    row.harm.scheduler().all_take_turns(TURN);
    row.one_at_a_time(&[central]);
    row.harm.end();
}

/// While one policy is held, whatever it keeps about CPUs is in use when one of them goes.
#[test]
fn a_cpu_in_use_by_a_held_policy_goes_and_comes_back() {
    let _back = AsBefore::at_the_end().unwrap();
    let mut row = Row::rotating();
    let cpu = removable()[0];
    for policy in Policy::all() {
        row.harm.scheduler().only(policy);
        println!("{policy} is held");
        row.one_at_a_time(&[cpu]);
    }
    row.harm.end();
}

/// CPU 1 is offline since boot: a pair, a cache and a nest with a hole in them, which comes later.
#[test]
fn a_cpu_that_was_offline_when_the_program_was_loaded_comes() {
    let _back = AsBefore::at_the_end().unwrap();
    let hole = 1;
    // Loaded with the hole, whatever the tests before did.
    if hotplug::online().unwrap().contains(&hole) {
        hotplug::off(hole).unwrap();
    }
    let scheduler = Scheduler::start(&[]);
    scheduler.all_take_turns(TURN);
    let mut row = Row::on(scheduler);
    row.phase("the CPU comes", || {
        hotplug::on(hole).unwrap();
        thread::sleep(2 * PAUSE);
        1
    });
    row.one_at_a_time(&removable());
    row.harm.end();
}

/// Under load and with all policies in rotation.
pub fn two_hundred_events_end_nothing() {
    let _back = AsBefore::at_the_end().unwrap();
    let mut row = Row::rotating();
    let mut random = fastrand::Rng::with_seed(200);
    let cpus = removable();
    row.phase("200 events", || {
        for event in 0..100 {
            let cpu = cpus[event % cpus.len()];
            hotplug::off(cpu).unwrap();
            thread::sleep(Duration::from_millis(random.u64(0..100)));
            hotplug::on(cpu).unwrap();
            thread::sleep(Duration::from_millis(random.u64(0..100)));
        }
        200
    });
    row.harm.end();
}
