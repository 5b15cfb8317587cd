// SPDX-License-Identifier: GPL-2.0-only
//! No CPU idles beside work that it may run: on machines with many CPUs, caches and nodes, where queues
//! are apart. A module has the name of the machine (.config/nextest.toml).

use std::thread;
use std::time::Duration;

use labkit::class;
use labkit::sys::{self, RealTime};
use labkit::task::Task;

use crate::maps::policy;
use crate::scheduler::Scheduler;
use crate::switches::Trace;
use crate::{bound, loads, tier};

/// Queues of several CPUs, which take from each other.
const POLICIES: [&str; 4] = ["eevdf", "bpfland", "cosmos", "rusty"];

/// No CPU idles longer: at its next tick it would find the work by itself.
const LIMIT: Duration = Duration::from_millis(4);

const SETTLE: Duration = Duration::from_millis(300);

/// Between two rounds in which all tasks are on one CPU.
const STEP: Duration = Duration::from_millis(3);

/// This thread runs once on every CPU: one that idles until now stops, one that idles from now on
/// begins.
fn visit_every_cpu() {
    let all: Vec<usize> = (0..bound::cpus()).collect();
    for &cpu in &all {
        sys::bind_to(&[cpu]).unwrap();
    }
    sys::bind_to(&all).unwrap();
}

/// What happens to the busy tasks meanwhile.
type Stir = fn(&[Task]);

fn nothing(_: &[Task]) {
    thread::sleep(tier::seconds(0.5, 3.0));
}

/// All of them are on one CPU, and may then use any: again and again.
fn crowd_and_release(hogs: &[Task]) {
    let all: Vec<usize> = (0..bound::cpus()).collect();
    let rounds = tier::times(4, 20);
    for round in 0..rounds {
        let one = [round * 5 % all.len()];
        for cpus in [&one[..], &all[..]] {
            for hog in hogs {
                class::set_cpus(hog.id(), cpus).unwrap();
            }
        }
        thread::sleep(STEP);
    }
}

/// The CPU that idled longest, and for how long, while the tasks were stirred.
fn longest_idle(hogs: &[Task], stir: Stir) -> (usize, Duration) {
    let trace = {
        let _real_time = RealTime::enter().unwrap();
        Trace::during(|| {
            visit_every_cpu();
            stir(hogs);
            visit_every_cpu();
        })
    };
    let idle = (0..bound::cpus()).map(|cpu| (cpu, trace.longest_idle(cpu)));
    idle.max_by_key(|(_, idle)| *idle).unwrap()
}

fn no_cpu_idles_beside_work() {
    let mut scheduler = Scheduler::start(&["--rusty-steal", "machine"]);
    let cpus = bound::cpus();
    let mut found = Vec::new();
    for name in POLICIES {
        scheduler.only(policy(name));
        for (what, busy, asleep, stir) in [
            ("busy tasks", cpus + 2, 0, nothing as Stir),
            ("busy tasks and sleepers", cpus + 1, cpus, nothing),
            ("tasks that are let go", 2 * cpus, 0, crowd_and_release),
        ] {
            let hogs = loads::hogs(busy);
            let naps: Vec<u64> = (0..asleep).map(|number| 2 + number as u64 % 5).collect();
            let sleepers = loads::sleepers(&naps);
            thread::sleep(SETTLE);
            let (cpu, idle) = longest_idle(&hogs, stir);
            let said = format!("{name}, {what}: CPU {cpu} idled for {idle:.1?} at most");
            println!("{said}");
            if idle > LIMIT {
                found.push(said);
            }
            drop((hogs, sleepers));
        }
    }
    scheduler.assert_healthy();
    assert!(found.is_empty(), "beside work: {}", found.join("; "));
}

macro_rules! on_machines {
    ($($machine:ident)*) => {
        $(mod $machine {
            #[test]
            fn no_cpu_idles_beside_work() {
                super::no_cpu_idles_beside_work();
            }
        })*
    };
}

on_machines! { four nodes wide }
