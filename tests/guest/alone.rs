// SPDX-License-Identifier: GPL-2.0-only
//! Each policy works alone: the program is loaded with one policy, so no other can help it out.

use std::thread;
use std::time::Duration;

use labkit::task::now_ns;
use scx_meta::policy::Policy;

use crate::scheduler::Scheduler;
use crate::{bound, loads, tier};

/// Real loads get to their end within this, or they hang.
const END_LIMIT: Duration = Duration::from_secs(180);

/// So much of all CPU time, at least, goes to tasks that always want a CPU.
const FULL: f64 = 0.9;

fn load(policy: &str) -> Scheduler {
    Scheduler::start(&["--policies", policy, "--weights", &format!("{policy}=1")])
}

/// Messages, forks, and tasks that hand the CPU to each other.
fn carries_loads(policy: &str) {
    let mut scheduler = load(policy);
    let messages = tier::times(50, 200) as u32;
    loads::some_messages(1, messages).finish(END_LIMIT).unwrap();
    scheduler.assert_healthy();
    let time = tier::seconds(2.0, 20.0);
    let stress = loads::stress("--cpu 8 --fork 4 --switch 4", time);
    stress.finish(END_LIMIT).unwrap();
    scheduler.assert_healthy();

    let status = scheduler.status_json();
    println!("{status}");
    assert_eq!(status["active"], policy);
    assert_eq!(status["policies"].as_array().unwrap().len(), 1);
}

/// With two tasks a CPU that never sleep, no CPU idles; and messages beside them arrive.
fn fills_every_cpu(policy: &str) {
    let mut scheduler = load(policy);
    let hogs = loads::hogs(2 * bound::cpus());
    thread::sleep(Duration::from_millis(500));
    let used = || -> u64 { hogs.iter().map(|hog| hog.cpu_ns().unwrap()).sum() };
    let (before, start) = (used(), now_ns());
    thread::sleep(tier::seconds(1.0, 5.0));
    let whole = (now_ns() - start) * bound::cpus() as u64;
    let part = (used() - before) as f64 / whole as f64;
    let messages = tier::times(10, 100) as u32;
    loads::some_messages(1, messages).finish(END_LIMIT).unwrap();
    println!("busy tasks got {:.1} % of all CPU time", 100.0 * part);
    scheduler.assert_healthy();
    drop(hogs);
    assert!(part >= FULL, "CPUs idle beside tasks that want them");
}

macro_rules! alone {
    ($($policy:ident)*) => {
        const TESTED: &[&str] = &[$(stringify!($policy)),*];
        $(mod $policy {
            #[test]
            fn carries_loads() {
                super::carries_loads(stringify!($policy));
            }

            #[test]
            fn fills_every_cpu() {
                super::fills_every_cpu(stringify!($policy));
            }
        })*
    };
}

alone! { fifo vtime central nest qmap pair rusty rustland eevdf bpfland cosmos }

#[test]
fn every_policy_of_the_table_is_tested_alone() {
    let names: Vec<&str> = Policy::all().map(Policy::name).collect();
    assert_eq!(names, TESTED);
}
