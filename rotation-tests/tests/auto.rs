// SPDX-License-Identifier: GPL-2.0-only
//! What --auto makes of made-up loads: it finds the best, finds the next one when the load changes,
//! and pays no more for that than it may.

mod made;

use made::Chance;
use proptest::prelude::*;
use rotation_tests::auto::{log2, sqrt, Sample, State, Terms, ARMS, ONE};

const TURN_NS: u64 = 100_000_000;
const MEASURED_NS: u64 = 75_000_000;
const CPUS: u32 = 4;

/// Only bursts count, and 5 % of the time are for trials.
const BURSTS: Terms = Terms {
    signal: [256, 0, 0, 0],
    share: 50,
    cpus: CPUS,
    nr: 4,
};

/// A load: how much work each arm does, of what the best one could; and how far turns scatter.
#[derive(Clone, Copy, Debug)]
struct Phase {
    turns: u64,
    /// Bursts in a second under an arm that is worth 1.
    rate: f64,
    worth: [f64; ARMS],
    noise: f64,
}

/// What a run came to.
#[derive(Debug, Default)]
struct Outcome {
    /// Of the work that the best arm of each phase would have done, the part that was not.
    regret: f64,
    /// Changes of the policy in charge.
    changes: u32,
    regimes: u32,
    /// Turns of others than the one in charge.
    tried: u64,
    in_charge: usize,
    /// In each phase, turns until its best one took charge.
    settled: Vec<u64>,
}

/// Normal, by the sum of twelve.
fn scatter(chance: &mut Chance) -> f64 {
    let sum: u64 = (0..12).map(|_| chance.below(1 << 20)).sum();
    sum as f64 / f64::from(1 << 20) - 6.0
}

fn sample(phase: &Phase, arm: usize, chance: &mut Chance) -> Sample {
    let noisy = phase.worth[arm] * (1.0 + phase.noise * scatter(chance)).max(0.0);
    let bursts = (noisy * phase.rate * MEASURED_NS as f64 / 1e9) as u64;
    Sample {
        ns: MEASURED_NS,
        bursts,
        wakes: bursts,
        wait_ns: bursts * 50_000,
        cpu_ns: MEASURED_NS * u64::from(CPUS),
        hog_ns: MEASURED_NS,
        reward: 0,
    }
}

fn run(terms: &Terms, phases: &[Phase], seed: u64) -> Outcome {
    let mut chance = Chance::new(seed);
    let mut state = State::begin(0);
    let (mut arm, mut now) = (0, 0);
    let (mut done, mut best_done) = (0.0, 0.0);
    let mut outcome = Outcome::default();
    for phase in phases {
        let best = phase.worth[..terms.nr as usize]
            .iter()
            .copied()
            .fold(0.0, f64::max);
        let mut settled = None;
        for turn in 0..phase.turns {
            done += phase.worth[arm];
            best_done += best;
            outcome.tried += u64::from(arm != state.in_charge as usize);
            now += TURN_NS;
            let sample = sample(phase, arm, &mut chance);
            arm = state.next(terms, &sample, TURN_NS, now, chance.below(1 << 32) as u32);
            if phase.worth[state.in_charge as usize] == best {
                settled.get_or_insert(turn);
            }
        }
        outcome.settled.push(settled.unwrap_or(phase.turns));
    }
    outcome.regret = 1.0 - done / best_done;
    outcome.changes = state.changes;
    outcome.regimes = state.regimes;
    outcome.in_charge = state.in_charge as usize;
    outcome
}

/// The same with many seeds: the mean of what is asked for.
fn mean(terms: &Terms, phases: &[Phase], of: impl Fn(&Outcome) -> f64) -> f64 {
    const SEEDS: u64 = 60;
    let runs = (1..=SEEDS).map(|seed| of(&run(terms, phases, seed * 7919)));
    runs.sum::<f64>() / SEEDS as f64
}

fn phase(seconds: u64, noise: f64, worth: [f64; ARMS]) -> Phase {
    Phase {
        turns: seconds * 10,
        rate: 4000.0,
        worth,
        noise,
    }
}

/// Four phases by turns, of which the second and the fourth have less to do.
fn by_turns(seconds: u64, noise: f64) -> [Phase; 4] {
    let busy = phase(seconds, noise, [0.7, 1.0, 0.8, 0.9]);
    let quiet = Phase {
        rate: 1200.0,
        ..phase(seconds, noise, [1.0, 0.7, 0.5, 0.8])
    };
    [busy, quiet, busy, quiet]
}

#[test]
fn the_best_takes_charge_and_stays() {
    for noise in [0.01, 0.03, 0.1] {
        let steady = [phase(600, noise, [0.7, 0.8, 0.5, 1.0])];
        let regret = mean(&BURSTS, &steady, |run| run.regret);
        assert!(regret < 0.003, "noise {noise}: {regret}");
        let changes = mean(&BURSTS, &steady, |run| run.changes.into());
        assert!(changes < 2.0, "noise {noise}: {changes}");
    }
}

#[test]
fn who_is_best_from_the_start_is_not_replaced_by_chance() {
    for noise in [0.01, 0.03, 0.1, 0.2] {
        for worth in [[1.0, 0.97, 0.9, 0.5], [1.0; ARMS]] {
            let steady = [phase(600, noise, worth)];
            let changes = mean(&BURSTS, &steady, |run| run.changes.into());
            assert!(changes < 0.05, "noise {noise}, {worth:?}: {changes}");
            let regret = mean(&BURSTS, &steady, |run| run.regret);
            assert!(regret < 0.005, "noise {noise}, {worth:?}: {regret}");
        }
    }
}

#[test]
fn another_load_has_another_best_soon() {
    for (seconds, noise, most) in [
        (60, 0.01, 0.01),
        (60, 0.1, 0.02),
        (20, 0.01, 0.03),
        (20, 0.03, 0.05),
    ] {
        let phases = by_turns(seconds, noise);
        let regret = mean(&BURSTS, &phases, |run| run.regret);
        assert!(
            regret < most,
            "phases of {seconds} s, noise {noise}: {regret}"
        );
        let regimes = mean(&BURSTS, &phases, |run| run.regimes.into());
        assert!(
            (2.8..3.2).contains(&regimes),
            "phases of {seconds} s, noise {noise}: {regimes}"
        );
    }
}

#[test]
fn a_steady_load_stays_one_regime() {
    for noise in [0.01, 0.1, 0.2] {
        let regimes = mean(&BURSTS, &[phase(600, noise, [1.0; ARMS])], |run| {
            run.regimes.into()
        });
        assert!(regimes < 0.05, "noise {noise}: {regimes} in 10 minutes");
    }
}

#[test]
fn trials_have_their_share_of_the_time_and_a_second() {
    for share in [1, 50, 200] {
        let terms = Terms { share, ..BURSTS };
        for phases in [by_turns(20, 0.1), by_turns(60, 0.01)] {
            for seed in 1..50 {
                let run = run(&terms, &phases, seed);
                let turns: u64 = phases.iter().map(|phase| phase.turns).sum();
                let most = turns * u64::from(share) / 1000 + 10;
                assert!(
                    run.tried <= most,
                    "{} of {turns}, at most {most}",
                    run.tried
                );
            }
        }
    }
}

#[test]
fn nobody_is_tried_while_the_machine_idles() {
    let mut chance = Chance::new(1);
    let mut state = State::begin(0);
    let busy = phase(1, 0.1, [1.0; ARMS]);
    for turn in 1..1000 {
        let idle = Sample {
            cpu_ns: MEASURED_NS * u64::from(CPUS) / 20,
            ..sample(&busy, 0, &mut chance)
        };
        let arm = state.next(&BURSTS, &idle, TURN_NS, turn * TURN_NS, 1);
        assert_eq!(arm, 0);
    }
    assert_eq!((state.tried_ns, state.regimes), (0, 0));
}

/// Who decides by a signal that lies, or that is not there, holds what it had.
#[test]
fn without_a_signal_nobody_takes_charge() {
    let reward = Terms {
        signal: [0, 0, 0, 256],
        ..BURSTS
    };
    let changes = mean(&reward, &[phase(600, 0.1, [0.7, 0.8, 0.5, 1.0])], |run| {
        run.changes.into()
    });
    assert!(changes < f64::EPSILON, "{changes}");
}

proptest! {
    #[test]
    fn logarithms_and_roots_are_those_of_a_computer(x in 1..u64::MAX) {
        let off = log2(x) as f64 / ONE as f64 - (x as f64).log2();
        prop_assert!(off.abs() < 3.0 / ONE as f64, "{off}");
        let root = sqrt(x);
        prop_assert!(root * root <= x && (root + 1).checked_mul(root + 1).is_none_or(|next| next > x));
    }
}
