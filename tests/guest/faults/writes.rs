// SPDX-License-Identifier: GPL-2.0-only
//! Bytes that nobody meant, in every pinned map, while tasks run; keys that are gone; pins that are gone
//! or are something else. The program stays sound, and obeys the next values that mean something.

use std::os::unix::fs::symlink;
use std::time::Duration;
use std::{fs, thread};

use labkit::watch::Watch;
use labkit::{process, sys};
use libbpf_rs::{MapCore, MapFlags, MapHandle};
use scx_meta::bpf::abi;
use scx_meta::policy::Policy;

use super::harm::{fair_wait, Harm};
use crate::maps::{pin_path, policy, Maps, NO_PIN};
use crate::scheduler::{self, Scheduler};
use crate::{bound, live_updates, tier};

const BUSY: usize = 4;
const ASLEEP: usize = 4;

/// What people write…
pub const LIVE: [&str; 3] = ["weights", "period_us", "pinned"];
/// … and what the program writes, for them to read.
const TOLD: [&str; 7] = [
    "status", "stats", "turns", "auto", "signals", "waits", "reward",
];

/// Writes before the next short sleep: the tasks that are watched must run, too.
const BATCH: u64 = 10;
const PAUSE: Duration = Duration::from_millis(1);

fn fair() -> Duration {
    fair_wait(BUSY, bound::cpus())
}

fn beside_load(scheduler: Scheduler) -> Harm {
    scheduler.all_take_turns(Duration::from_millis(1));
    Harm::beside(scheduler, Watch::start(BUSY, ASLEEP).unwrap())
}

/// A map, and how it is written to at random.
struct Target {
    map: MapHandle,
    per_cpu: bool,
}

impl Target {
    fn open(name: &str) -> Self {
        Self {
            map: MapHandle::from_pinned_path(pin_path(name)).unwrap(),
            per_cpu: matches!(name, "stats" | "turns" | "waits"),
        }
    }

    fn value(&self, random: &mut fastrand::Rng) -> Vec<u8> {
        let size = self.map.value_size() as usize;
        match random.u32(0..5) {
            0 => vec![0; size],
            1 => vec![0xff; size],
            // An id, or a small weight.
            2 => {
                let mut value = vec![0; size];
                value[0] = random.u8(0..12);
                value
            }
            // Numbers that could be meant.
            3 => {
                let number = |at: usize| if at % 4 < 2 { random.u8(..) } else { 0 };
                (0..size).map(number).collect()
            }
            _ => (0..size).map(|_| random.u8(..)).collect(),
        }
    }

    /// Mostly one that exists.
    fn key(&self, random: &mut fastrand::Rng) -> Vec<u8> {
        let known = random.u32(0..8) > 0;
        let key = match known {
            true => random.u32(0..=self.map.max_entries()),
            false => random.u32(..),
        };
        key.to_ne_bytes().to_vec()
    }

    /// Whether the kernel took it: only what reaches the program counts.
    fn write(&self, random: &mut fastrand::Rng) -> bool {
        let key = self.key(random);
        // Array maps cannot.
        if random.u32(0..10) == 0 {
            return self.map.delete(&key).is_ok();
        }
        let value = self.value(random);
        let written = if self.per_cpu {
            let cpus = libbpf_rs::num_possible_cpus().unwrap();
            let values = vec![value; cpus];
            self.map.update_percpu(&key, &values, MapFlags::ANY)
        } else {
            self.map.update(&key, &value, MapFlags::ANY)
        };
        written.is_ok()
    }
}

/// So many writes of random bytes to random maps of these.
pub fn scribble(names: &[&str], writes: u64, seed: u64) -> u64 {
    let targets: Vec<Target> = names.iter().map(|name| Target::open(name)).collect();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut written = 0;
    while written < writes {
        for _ in 0..BATCH {
            let target = random.choice(&targets).unwrap();
            written += u64::from(target.write(&mut random));
        }
        thread::sleep(PAUSE);
    }
    written
}

/// Takes away keys that are no policy's: the map has room for a key a policy, and one whose key somebody
/// deleted finds none if others fill it.
pub fn remove_foreign_keys() {
    let weights = Target::open("weights").map;
    let ours: Vec<_> = Policy::all()
        .map(|policy| policy.id().to_ne_bytes())
        .collect();
    for key in weights.keys().collect::<Vec<_>>() {
        if !ours.iter().any(|ours| ours[..] == key) {
            weights.delete(&key).unwrap();
        }
    }
}

/// What is true again once the maps are: weights decide how long each policy is in charge.
fn assert_obeys(harm: &mut Harm) {
    remove_foreign_keys();
    harm.scheduler().pin(NO_PIN);
    let time = tier::seconds(0.8, 4.0);
    live_updates::assert_shares_follow(harm.scheduler().maps(), time);
}

/// The counters are not among these, so that the end can show that no task was lost.
#[test]
fn random_bytes_in_what_people_write_harm_nobody() {
    let mut harm = beside_load(Scheduler::shared());
    let writes = tier::times(3000, 100_000) as u64;
    harm.phase("weights, period and pin", fair(), |_| {
        scribble(&LIVE, writes, 5)
    });
    assert_obeys(&mut harm);
    harm.end();
}

/// Every map. What is counted begins anew after it, and must add up from there.
#[test]
fn random_bytes_in_every_map_harm_nobody() {
    let mut harm = beside_load(Scheduler::start(&["--record-turns"]));
    let writes = tier::times(2000, 100_000) as u64;
    let all = [&LIVE[..], &TOLD].concat();
    harm.phase("every map", fair(), |_| scribble(&all, writes, 6));
    remove_foreign_keys();
    harm.rest(|harm| {
        count_anew(harm.scheduler());
        Watch::start(BUSY, ASLEEP).unwrap()
    });
    harm.scheduler().all_take_turns(Duration::from_millis(1));
    harm.phase("counted anew", fair(), |_| {
        thread::sleep(Duration::from_millis(500));
        0
    });
    assert_obeys(&mut harm);
    harm.end();
}

/// Zeroes every counter at a moment when no task waits: what is counted across it would not add up.
fn count_anew(scheduler: &Scheduler) {
    let stats = Target::open("stats");
    let zero =
        vec![vec![0; stats.map.value_size() as usize]; libbpf_rs::num_possible_cpus().unwrap()];
    let fresh = process::await_that(Duration::from_secs(10), Duration::from_millis(20), || {
        for id in 0..stats.map.max_entries() {
            let key = id.to_ne_bytes();
            stats.map.update_percpu(&key, &zero, MapFlags::ANY).unwrap();
        }
        thread::sleep(Duration::from_millis(50));
        scheduler.is_conserved()
    });
    assert!(fresh, "the counters do not begin at zero");
}

/// Each weight is another one every millisecond, the period is at or below its floor; now and then a
/// pin, or one of what does not exist.
pub fn change_weights(maps: &Maps, time: Duration, seed: u64) -> u64 {
    let mut random = fastrand::Rng::with_seed(seed);
    let end = sys::monotonic() + time;
    let mut rounds = 0;
    while sys::monotonic() < end {
        for policy in Policy::all() {
            let any = random.u32(0..4) == 0;
            let weight = if any {
                random.u32(..)
            } else {
                random.u32(0..5)
            };
            maps.set_weight(policy, weight);
        }
        maps.set_period_us(random.u32(0..2) * random.u32(1000..4000));
        if rounds % 97 == 0 {
            maps.set_pin(random.u32(0..12));
        }
        rounds += 1;
        thread::sleep(PAUSE);
    }
    maps.set_pin(NO_PIN);
    rounds
}

/// Turns that are shorter than the time between two looks of a CPU, most of all where most of the looks
/// fall into one of them: central's, as long as all others together.
#[test]
fn the_shortest_turns_harm_nobody() {
    const MORE_THAN_CPUS: usize = 3;
    let busy = bound::cpus() + MORE_THAN_CPUS;
    let scheduler = Scheduler::start(&["--handover", "adopt"]);
    let mut harm = Harm::beside(scheduler, Watch::start(busy, 6).unwrap());
    let bound = fair_wait(busy, bound::cpus());
    let time = tier::seconds(3.0, 30.0);
    harm.phase("the shortest turns", bound, |harm| {
        let maps = harm.scheduler().maps();
        for policy in Policy::all() {
            maps.set_weight(policy, 1);
        }
        maps.set_weight(policy("central"), abi::meta_limits_META_MAX_WEIGHT);
        maps.set_period_us(0);
        thread::sleep(time);
        1
    });
    harm.end();
}

#[test]
fn weights_that_change_every_millisecond_harm_nobody() {
    let mut harm = beside_load(Scheduler::shared());
    let time = tier::seconds(0.8, 30.0);
    harm.phase("a storm of weights", fair(), |harm| {
        let maps = harm.scheduler().maps();
        let before = maps.status().generation;
        let rounds = change_weights(maps, time, 7);
        let switches = maps.status().generation - before;
        println!("{switches} switches");
        // A turn has a floor, and the timer does no more than that.
        let most = time.as_micros() as u64 / u64::from(abi::meta_limits_META_MIN_TURN_US);
        assert!((1..=most).contains(&switches), "of at most {most}");
        rounds
    });
    assert_obeys(&mut harm);
    harm.end();
}

/// A key that is gone counts as a weight of 0; with none left the policy in charge stays.
#[test]
fn weights_whose_keys_are_gone_count_as_none() {
    let mut harm = beside_load(Scheduler::shared());
    harm.phase("keys gone", fair(), |_| {
        let weights = Target::open("weights");
        let keys = Policy::all().map(|policy| policy.id().to_ne_bytes());
        let deleted = keys.filter(|key| weights.map.delete(key).is_ok()).count();
        thread::sleep(Duration::from_millis(300));
        deleted as u64
    });
    let generation = harm.scheduler().maps().status().generation;
    harm.phase("no key left", fair(), |_| {
        thread::sleep(Duration::from_millis(300));
        0
    });
    let held = harm.scheduler().maps().status().generation == generation;
    harm.expect(held, "with no weight left policies still switch");
    for policy in Policy::all() {
        harm.scheduler().maps().set_weight(policy, 1);
    }
    assert_obeys(&mut harm);
    harm.end();
}

/// The program has its maps without the pins. Who asks for them is told, in a line.
#[test]
fn pins_that_are_gone_or_something_else_harm_nobody() {
    let mut harm = beside_load(Scheduler::shared());
    let mut said = Vec::new();
    harm.phase("pins", fair(), |_| {
        let mut faults = 0;
        for name in [&LIVE[..], &TOLD].concat() {
            let (path, away) = (pin_path(name), pin_path("away"));
            fs::rename(&path, &away).unwrap();
            let replace: [&dyn Fn(); 3] = [&|| (), &|| fs::create_dir(&path).unwrap(), &|| {
                symlink(pin_path("nowhere"), &path).unwrap()
            }];
            for replace in replace {
                replace();
                said.push((name, scheduler::run(&["status"])));
                if fs::remove_dir(&path).is_err() {
                    let _ = fs::remove_file(&path);
                }
                faults += 1;
            }
            fs::rename(&away, &path).unwrap();
        }
        faults
    });
    for (name, output) in said {
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        let clear = output.status.code() == Some(1)
            && error.lines().count() == 1
            && error.contains(&pin_path(name));
        harm.expect(clear, format!("without {name}: {}, {error}", output.status));
    }
    assert_obeys(&mut harm);
    harm.end();
}
