// SPDX-License-Identifier: GPL-2.0-only
//! Faults at random from a seed: what a round of `cargo xtask soak` does, and what it says of each
//! step. Pure: the same seed, round and machine make the same steps. tests/guest/faults/soak.rs does
//! them, in the guest.
//!
//! A round deals each kind of fault once, in random order and with random length; every third has
//! company by another that runs at the same time. Before each step the policies begin to take turns
//! of another length, or one of them is held.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result};
use fastrand::Rng;
use serde::{Deserialize, Serialize};

/// Which seed, and so which steps.
pub const SEED: &str = "SOAK_SEED";
/// Number of the round.
pub const ROUND: &str = "SOAK_ROUND";

/// Before a record in what the guest prints.
const SAID: &str = "soak: ";

/// A fault lasts so long, in milliseconds.
const TIME_MS: std::ops::RangeInclusive<u64> = 100..=1500;

/// A CPU that is held for longer than this may have the kernel eject the scheduler until 7.0, whatever
/// it does: threads of the kernel starve there, too.
const HELD_MS: std::ops::RangeInclusive<u64> = 100..=2500;

/// Turns, in milliseconds.
const TURNS_MS: [u64; 5] = [1, 2, 5, 20, 100];

/// One fault in so many has company.
const COMPANY: u32 = 3;

/// One step in so many holds a policy.
const HOLD: u32 = 3;

/// What is done to the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    /// All weights, every millisecond; the period, and pins.
    Weights,
    /// Random bytes in the maps that people write.
    Garbage,
    /// The loader is stopped by SIGSTOP, and continued.
    Stopped,
    /// … frozen with its cgroup, and thawed.
    Frozen,
    /// … killed; another one takes over.
    Killed,
    /// … ended and started with the other way of hand-over.
    Restarted,
    /// Tasks may run on other CPUs, all the time.
    Affinity,
    /// Tasks change their class and nice level.
    Classes,
    /// Children come and go.
    Forks,
    /// Threads come and go.
    Threads,
    /// Cgroups come and go, and tasks move through them.
    Cgroups,
    /// A real-time task holds a CPU.
    Held,
    /// Real-time tasks come and go on each CPU.
    Storm,
    /// A CPU goes and comes back.
    Hotplug,
}

/// All of them.
pub const KINDS: [Kind; 14] = [
    Kind::Weights,
    Kind::Garbage,
    Kind::Stopped,
    Kind::Frozen,
    Kind::Killed,
    Kind::Restarted,
    Kind::Affinity,
    Kind::Classes,
    Kind::Forks,
    Kind::Threads,
    Kind::Cgroups,
    Kind::Held,
    Kind::Storm,
    Kind::Hotplug,
];

impl Kind {
    /// Whether another fault can run beside it: one that ends the loader has the scheduler for itself.
    fn takes_company(self) -> bool {
        !matches!(self, Self::Killed | Self::Restarted)
    }

    /// Two that touch the same thing would undo each other's work, or fail by it.
    fn bears(self, other: Self) -> bool {
        let same_things: [&[Self]; 5] = [
            // The maps.
            &[Self::Weights, Self::Garbage],
            // The loader.
            &[Self::Stopped, Self::Frozen],
            // What tasks may do.
            &[Self::Affinity, Self::Classes],
            // CPUs that must be there.
            &[Self::Affinity, Self::Held, Self::Storm, Self::Hotplug],
            // Where this process is among cgroups.
            &[Self::Frozen, Self::Cgroups],
        ];
        let clash = |things: &&[Self]| things.contains(&self) && things.contains(&other);
        self != other && other.takes_company() && !same_things.iter().any(clash)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Weights => "weights, period, pins",
            Self::Garbage => "garbage in the maps",
            Self::Stopped => "loader stopped",
            Self::Frozen => "loader frozen",
            Self::Killed => "loader killed",
            Self::Restarted => "other hand-over",
            Self::Affinity => "affinity",
            Self::Classes => "classes, nice levels",
            Self::Forks => "forks",
            Self::Threads => "threads",
            Self::Cgroups => "cgroups",
            Self::Held => "CPU held by FIFO task",
            Self::Storm => "real-time storm",
            Self::Hotplug => "CPU off and on",
        })
    }
}

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub kind: Kind,
    /// How long, where it has a length.
    pub time: Duration,
    /// Which CPU, as a number in the list of those that can be meant; how many, of what comes and
    /// goes.
    pub pick: usize,
    /// Of what is random within it.
    pub seed: u64,
}

/// Who is in charge while faults are injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// All policies, in turns of this length.
    Turns(Duration),
    /// One of them, as a number in the table.
    Held(usize),
}

/// Faults at the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Set before.
    pub charge: Charge,
    /// One, or two.
    pub faults: Vec<Fault>,
}

/// The steps of a round on a machine with so many policies.
pub fn steps(seed: u64, round: u64, policies: usize) -> Vec<Step> {
    // Neighbours must not look alike.
    let mut mixed = Rng::with_seed(seed);
    let own = mixed
        .u64(..)
        .wrapping_add(round.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut random = Rng::with_seed(own);
    let mut kinds = KINDS;
    random.shuffle(&mut kinds);
    let step = |kind: Kind| {
        let charge = if random.u32(0..HOLD) == 0 {
            Charge::Held(random.usize(0..policies.max(1)))
        } else {
            let turn = TURNS_MS[random.usize(0..TURNS_MS.len())];
            Charge::Turns(Duration::from_millis(turn))
        };
        let mut faults = vec![fault(&mut random, kind)];
        if kind.takes_company() && random.u32(0..COMPANY) == 0 {
            let others: Vec<Kind> = KINDS
                .into_iter()
                .filter(|other| kind.bears(*other))
                .collect();
            let other = others[random.usize(0..others.len())];
            faults.push(fault(&mut random, other));
        }
        Step { charge, faults }
    };
    kinds.into_iter().map(step).collect()
}

fn fault(random: &mut Rng, kind: Kind) -> Fault {
    let ms = if kind == Kind::Held { HELD_MS } else { TIME_MS };
    Fault {
        kind,
        time: Duration::from_millis(random.u64(ms)),
        pick: random.usize(0..1000),
        seed: random.u64(..),
    }
}

/// What a step came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its place in the round.
    pub step: usize,
    /// What was injected.
    pub kinds: Vec<Kind>,
    /// The same with its details, for people.
    pub what: String,
    /// How many faults they came to.
    pub injected: u64,
    /// The longest time that a task was without a CPU, while they were injected and after.
    pub wait_us: u64,
    /// What was allowed.
    pub bound_us: u64,
    /// Since the round began, by the guest's clock.
    pub at_ms: u64,
}

impl Record {
    /// A line for whoever started the guest.
    pub fn say(&self) -> Result<String> {
        let text = serde_json::to_string(self).context("a record of the soak")?;
        Ok(format!("{SAID}{text}"))
    }

    /// The records among lines.
    pub fn heard(lines: &str) -> Result<Vec<Self>> {
        let said = lines.lines().filter_map(|line| line.strip_prefix(SAID));
        said.map(|text| serde_json::from_str(text).with_context(|| text.to_owned()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_round_and_another_one_another() {
        assert_eq!(steps(7, 3, 8), steps(7, 3, 8));
        let rounds: Vec<_> = (0..20).map(|round| steps(7, round, 8)).collect();
        for (number, round) in rounds.iter().enumerate() {
            assert!(!rounds[..number].contains(round));
            assert_ne!(*round, steps(8, number as u64, 8));
        }
    }

    #[test]
    fn a_round_has_each_kind_and_company_fits() {
        let mut company = 0;
        for round in 0..100 {
            let steps = steps(1, round, 8);
            let first: BTreeSet<Kind> = steps.iter().map(|step| step.faults[0].kind).collect();
            assert_eq!(first.len(), KINDS.len());
            for step in steps {
                let kinds: Vec<Kind> = step.faults.iter().map(|fault| fault.kind).collect();
                match kinds[..] {
                    [_] => (),
                    [one, other] => {
                        company += 1;
                        assert!(one.bears(other) && other.bears(one), "{kinds:?}");
                    }
                    _ => panic!("{kinds:?}"),
                }
            }
        }
        assert!((200..700).contains(&company), "{company}");
    }

    #[test]
    fn records_are_found_among_other_lines() {
        let record = Record {
            step: 2,
            kinds: vec![Kind::Held, Kind::Forks],
            what: "CPU 1 held".into(),
            injected: 31,
            wait_us: 1200,
            bound_us: 9000,
            at_ms: 77,
        };
        let text = format!("running\n{}\nsoak is fun\n", record.say().unwrap());
        assert_eq!(Record::heard(&text).unwrap(), [record]);
    }
}
