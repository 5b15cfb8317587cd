// SPDX-License-Identifier: GPL-2.0-only
//! One round of `cargo xtask soak`: steps of faults that follow from a seed (labkit::soak), one after
//! the other under one watch. Each step prints a record of what it came to.

use std::time::Duration;
use std::{env, panic, thread};

use labkit::class::Class;
use labkit::hotplug::{self, AsBefore};
use labkit::soak::{self, Charge, Fault, Kind, Record, Step};
use labkit::sys::{self, RealTime};
use labkit::watch::Watch;
use labkit::{churn, realtime, scx};
use scx_meta::policy::Policy;

use super::harm::{fair_wait, Harm};
use super::{groups, places, writes};
use crate::cgroups::Cgroup;
use crate::fixture::Handover;
use crate::kmsg;
use crate::maps::Maps;
use crate::scheduler::Scheduler;

/// More busy tasks than CPUs, so that some wait.
const MORE_THAN_CPUS: usize = 3;
const ASLEEP: usize = 6;

/// Children and threads at once, at most.
const AT_ONCE: usize = 30;

const CGROUPS: usize = 40;

/// A write takes some 10 µs, and there is a pause after ten.
const WRITES_A_MS: u64 = 5;

/// The kernel has let go of what a loader that was killed had loaded.
const UNLOADED: Duration = Duration::from_secs(30);

/// What faults are injected into, from threads of their own.
struct Site {
    threads: Vec<i32>,
    cpus: Vec<usize>,
    loader: u32,
}

impl Site {
    fn cpu(&self, fault: &Fault) -> usize {
        self.cpus[fault.pick % self.cpus.len()]
    }

    /// How many faults it came to.
    fn inject(&self, fault: &Fault) -> u64 {
        let Fault { time, seed, .. } = *fault;
        let at_once = 1 + fault.pick % AT_ONCE;
        match fault.kind {
            Kind::Weights => writes::change_weights(&Maps::open(), time, seed),
            Kind::Garbage => {
                let writes = time.as_millis() as u64 * WRITES_A_MS;
                let written = writes::scribble(&writes::LIVE, writes, seed);
                writes::remove_foreign_keys();
                written
            }
            Kind::Stopped => {
                sys::kill(self.loader, libc::SIGSTOP).unwrap();
                thread::sleep(time);
                sys::kill(self.loader, libc::SIGCONT).unwrap();
                1
            }
            Kind::Frozen => {
                let cold = Cgroup::create("meta_cold");
                cold.take(self.loader);
                cold.write("cgroup.freeze", "1");
                thread::sleep(time);
                cold.write("cgroup.freeze", "0");
                1
            }
            Kind::Affinity => places::change_affinity(&self.threads, time, seed),
            Kind::Classes => places::change_classes(&self.threads, time, seed),
            Kind::Forks => churn::forks(at_once, time).made,
            Kind::Threads => churn::threads(at_once, time).made,
            Kind::Cgroups => groups::storm(1 + fault.pick % CGROUPS),
            Kind::Held => {
                let hog = realtime::hog(self.cpu(fault), Class::Fifo(50), time).unwrap();
                thread::sleep(time);
                drop(hog);
                1
            }
            Kind::Storm => {
                let storm = realtime::storm(&self.cpus, time, seed).unwrap();
                thread::sleep(time);
                storm.len() as u64
            }
            Kind::Hotplug => {
                let Some(cpu) = removable(fault) else {
                    return 0;
                };
                let _back = AsBefore::at_the_end().unwrap();
                hotplug::off(cpu).unwrap();
                thread::sleep(time);
                hotplug::on(cpu).unwrap();
                2
            }
            Kind::Killed | Kind::Restarted => panic!("{} has the loader for itself", fault.kind),
        }
    }

    /// All of them at the same time.
    fn inject_all(&self, faults: &[Fault]) -> u64 {
        thread::scope(|scope| {
            let injecting: Vec<_> = faults
                .iter()
                .map(|fault| {
                    scope.spawn(|| {
                        let _real_time = RealTime::enter().unwrap();
                        self.inject(fault)
                    })
                })
                .collect();
            injecting.into_iter().map(|one| one.join().unwrap()).sum()
        })
    }
}

fn removable(fault: &Fault) -> Option<usize> {
    let cpus = hotplug::removable().unwrap();
    cpus.get(fault.pick % cpus.len().max(1)).copied()
}

/// A fault with its details, for people.
fn describe(fault: &Fault) -> String {
    let (kind, ms) = (fault.kind, fault.time.as_millis());
    match kind {
        Kind::Killed | Kind::Restarted => kind.to_string(),
        Kind::Cgroups => format!("{kind}: {}", 1 + fault.pick % CGROUPS),
        Kind::Forks | Kind::Threads => format!("{kind}: {} for {ms} ms", 1 + fault.pick % AT_ONCE),
        Kind::Hotplug => format!("{kind}: {:?} for {ms} ms", removable(fault)),
        _ => format!("{kind} for {ms} ms"),
    }
}

/// A round under way.
struct Round {
    harm: Harm,
    policies: Vec<Policy>,
    cpus: Vec<usize>,
    handover: Handover,
    /// Schedulers enabled since boot.
    enable_seq: u64,
    began: Duration,
}

fn load(handover: Handover) -> Scheduler {
    let options = ["--handover", handover.name(), "--stats", "86400"];
    Scheduler::start(&options)
}

fn watch(cpus: usize) -> Watch {
    Watch::start(cpus + MORE_THAN_CPUS, ASLEEP).unwrap()
}

impl Round {
    fn begin() -> Self {
        let cpus = hotplug::online().unwrap();
        let handover = Handover::Adopt;
        let scheduler = load(handover);
        Self {
            enable_seq: scx::enable_seq().unwrap(),
            harm: Harm::beside(scheduler, watch(cpus.len())),
            policies: Policy::all().collect(),
            cpus,
            handover,
            began: sys::monotonic(),
        }
    }

    fn take_charge(&mut self, charge: Charge) -> String {
        let scheduler = self.harm.scheduler();
        match charge {
            Charge::Turns(turn) => {
                scheduler.all_take_turns(turn);
                format!("turns of {turn:?}")
            }
            Charge::Held(number) => {
                let policy = self.policies[number % self.policies.len()];
                scheduler.only(policy);
                policy.to_string()
            }
        }
    }

    /// As if all had one CPU only; and no CPU, while one is taken from those that may use no other.
    fn bound(&self, faults: &[Fault]) -> Duration {
        let others: usize = faults
            .iter()
            .filter(|fault| matches!(fault.kind, Kind::Forks | Kind::Threads))
            .map(|fault| 1 + fault.pick % AT_ONCE)
            .sum();
        let taken = faults
            .iter()
            .filter(|fault| matches!(fault.kind, Kind::Held | Kind::Storm | Kind::Hotplug));
        let taken: Duration = taken.map(|fault| fault.time).sum();
        fair_wait(self.cpus.len() + MORE_THAN_CPUS + others, 1) + taken
    }

    fn step(&mut self, place: usize, step: &Step) -> Record {
        let kind = step.faults[0].kind;
        if kind == Kind::Restarted {
            self.restart();
        }
        let charge = self.take_charge(step.charge);
        let faults: Vec<String> = step.faults.iter().map(describe).collect();
        let what = format!("step {place}, {charge}: {}", faults.join("; "));
        kmsg::say(&what);
        let bound = self.bound(&step.faults);
        let (mut injected, cpus, handover) = (0, self.cpus.clone(), self.handover);
        let wait = self.harm.phase(&what, bound, |harm| {
            injected = match kind {
                // That was before: here it shows what it does.
                Kind::Restarted => {
                    thread::sleep(step.faults[0].time);
                    1
                }
                Kind::Killed => kill_and_replace(harm, handover),
                _ => {
                    let site = Site {
                        threads: harm.threads(),
                        cpus,
                        loader: harm.scheduler().pid(),
                    };
                    site.inject_all(&step.faults)
                }
            };
            injected
        });
        let starts = matches!(kind, Kind::Killed | Kind::Restarted);
        self.enable_seq += u64::from(starts);
        let seq = scx::enable_seq().unwrap();
        assert_eq!(seq, self.enable_seq, "{what}: the program was loaded again");
        Record {
            step: place,
            kinds: step.faults.iter().map(|fault| fault.kind).collect(),
            what,
            injected,
            wait_us: wait.as_micros() as u64,
            bound_us: bound.as_micros() as u64,
            at_ms: (sys::monotonic() - self.began).as_millis() as u64,
        }
    }

    /// The last scheduler goes before one looks at what is left: it may not be the one that was there
    /// when the round began.
    fn end(mut self) {
        self.harm.rest(|harm| {
            drop(harm.lose_scheduler());
            Watch::start(0, 0).unwrap()
        });
        self.harm.end();
    }

    /// The other way of hand-over, while nothing runs: so the end of the scheduler before can show that
    /// it lost no task.
    fn restart(&mut self) {
        self.handover = match self.handover {
            Handover::Adopt => Handover::Drain,
            Handover::Drain => Handover::Adopt,
        };
        let (handover, cpus) = (self.handover, self.cpus.len());
        self.harm.rest(|harm| {
            drop(harm.lose_scheduler());
            harm.put(load(handover));
            watch(cpus)
        });
    }
}

/// SIGKILL; another loader takes over what is left of its pins, beside tasks that run.
fn kill_and_replace(harm: &mut Harm, handover: Handover) -> u64 {
    let mut scheduler = harm.lose_scheduler();
    scheduler.kill();
    scheduler.wait();
    scx::await_disabled(UNLOADED).unwrap();
    // It holds the lock on the machine's scheduler.
    drop(scheduler);
    harm.put(load(handover));
    1
}

fn number(name: &str) -> u64 {
    let text = env::var(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    text.parse()
        .unwrap_or_else(|error| panic!("{name}={text}: {error}"))
}

/// Else nobody would learn of one before the guest's end, which it may have put off for ever.
fn tell_the_kernel_of_panics() {
    let printed = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        kmsg::say(info);
        printed(info);
    }));
}

#[test]
#[ignore = "a round of `cargo xtask soak`, which says which"]
fn round() {
    let (seed, number) = (number(soak::SEED), number(soak::ROUND));
    tell_the_kernel_of_panics();
    let mut round = Round::begin();
    let steps = soak::steps(seed, number, round.policies.len());
    for (place, step) in steps.iter().enumerate() {
        let record = round.step(place, step);
        println!("{}", record.say().unwrap());
        let wait_ms = record.wait_us / 1000;
        kmsg::say(format!("step {place} is over, longest wait {wait_ms} ms"));
    }
    kmsg::say("the last step is over");
    round.end();
}
