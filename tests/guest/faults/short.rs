// SPDX-License-Identifier: GPL-2.0-only
//! The short form of the other rows, for machines of other shapes: one CPU, an odd number, many; nodes
//! and caches; CPUs without a tick; CPU numbers with gaps; no cpu controller. A module has the name of
//! the machine (.config/nextest.toml).

use std::time::Duration;
use std::{fs, thread};

use labkit::class::Class;
use labkit::hotplug::{self, AsBefore};
use labkit::watch::Watch;
use labkit::{churn, realtime};
use scx_meta::policy::Policy;

use super::harm::{fair_wait, Harm};
use super::{groups, kernel, places, writes};
use crate::maps::policy;
use crate::scheduler::Scheduler;

/// More busy tasks than CPUs, so that some wait.
const MORE_THAN_CPUS: usize = 2;
const ASLEEP: usize = 3;

const TURN: Duration = Duration::from_millis(2);

/// Each fault takes so long…
const TIME: Duration = Duration::from_millis(200);

/// … but for a CPU that is held: longer than who is harmed by it may wait.
const HELD: Duration = Duration::from_millis(1500);

/// Children at once.
const FORKS: usize = 10;

const CGROUPS: usize = 20;

struct Short {
    harm: Harm,
    cpus: Vec<usize>,
    busy: usize,
}

impl Short {
    fn begin() -> Self {
        let cpus = hotplug::online().unwrap();
        let busy = cpus.len() + MORE_THAN_CPUS;
        let scheduler = Scheduler::shared();
        Self {
            harm: Harm::beside(scheduler, Watch::start(busy, ASLEEP).unwrap()),
            cpus,
            busy,
        }
    }

    /// The longest wait while the machine lacks so many CPUs and has so many more tasks.
    fn bound(&self, others: usize, lacks: usize) -> Duration {
        fair_wait(self.busy + others, (self.cpus.len() - lacks).max(1))
    }

    fn phase(&mut self, what: &str, bound: Duration, inject: impl FnOnce(&mut Harm) -> u64) {
        self.harm.phase(what, bound, inject);
    }

    /// Every policy by itself.
    fn each_policy(&mut self) {
        let bound = self.bound(0, 0);
        for policy in Policy::all() {
            self.harm.scheduler().only(policy);
            self.phase(policy.name(), bound, |_| {
                thread::sleep(TIME);
                0
            });
        }
    }

    /// A real-time task on the last CPU, while central comes and goes most often.
    fn held_cpu(&mut self) {
        let Some(&last) = self.cpus.last().filter(|_| self.cpus.len() > 1) else {
            return;
        };
        let two = [(policy("fifo"), 1), (policy("central"), 1)];
        self.harm.scheduler().rotate(&two, 2 * TURN);
        let bound = self.bound(0, 1);
        self.harm.spare(kernel::caught_behind_realtime());
        self.phase("a CPU is held", bound, |_| {
            let hog = realtime::hog(last, Class::Fifo(50), HELD).unwrap();
            thread::sleep(HELD);
            drop(hog);
            1
        });
        self.harm.spare(0);
    }

    fn loader(&mut self) {
        let bound = self.bound(0, 0);
        self.phase("the loader is stopped", bound, |harm| {
            harm.scheduler().suspend();
            thread::sleep(TIME);
            harm.scheduler().resume();
            1
        });
    }

    fn tasks(&mut self) {
        let threads = self.harm.threads();
        let one_cpu = self.bound(0, self.cpus.len());
        self.phase("affinity", one_cpu, |_| {
            places::change_affinity(&threads, TIME, 11)
        });
        let bound = self.bound(FORKS, 0);
        self.phase("forks", bound, |_| churn::forks(FORKS, TIME).made);
    }

    fn cgroups(&mut self) {
        let there = fs::read_to_string("/sys/fs/cgroup/cgroup.controllers").unwrap();
        if !there.split_whitespace().any(|name| name == "cpu") {
            println!("no cpu controller: no cgroups of it");
            return;
        }
        let bound = self.bound(0, 0);
        self.phase("cgroups", bound, |_| groups::storm(CGROUPS));
    }

    fn weights(&mut self) {
        let bound = self.bound(0, 0);
        self.phase("weights", bound, |harm| {
            writes::change_weights(harm.scheduler().maps(), TIME, 7)
        });
    }

    fn hotplug(&mut self) {
        let Some(&cpu) = hotplug::removable().unwrap().last() else {
            return;
        };
        let _back = AsBefore::at_the_end().unwrap();
        let bound = self.bound(0, 1).max(Duration::from_secs(1));
        self.phase("a CPU goes and comes", bound, |_| {
            for switch in [hotplug::off, hotplug::on] {
                switch(cpu).unwrap();
                thread::sleep(TIME);
            }
            2
        });
    }
}

/// hotplug comes last: what it breaks, breaks the others.
fn every_fault() {
    let mut short = Short::begin();
    short.each_policy();
    short.held_cpu();
    short.harm.scheduler().all_take_turns(TURN);
    short.loader();
    short.tasks();
    short.cgroups();
    short.weights();
    short.harm.scheduler().all_take_turns(TURN);
    short.hotplug();
    short.harm.end();
}

macro_rules! on_machines {
    ($($machine:ident)*) => {
        $(mod $machine {
            #[test]
            fn every_fault() {
                super::every_fault();
            }
        })*
    };
}

on_machines! { one three eight sixteen nodes caches threads nohz gaps groupless }
