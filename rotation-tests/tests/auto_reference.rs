// SPDX-License-Identifier: GPL-2.0-only
//! bpf/auto.h against the same rules in another language, bit by bit, on whatever signals there may be.

use proptest::prelude::*;
use rotation_tests::auto::{log2, sqrt, Arm, Detector, Sample, State, Terms, ARMS, ONE};

const TURN_NS: u64 = 100_000_000;
const MOST: i64 = 4 * ONE;
const MARGIN: i64 = 941;

/// Rounded towards zero.
fn div(number: i64, by: i64) -> i64 {
    number / by
}

fn rate(count: u64, unit: u64, ns: u64) -> u64 {
    count.min(1 << 40) * unit / (ns / 1000).max(1)
}

fn logs(sample: &Sample) -> [i64; 4] {
    let (wait, wakes) = (sample.wait_ns.min(1 << 60), sample.wakes.min(1 << 40));
    [
        log2(rate(sample.bursts, 1_000_000, sample.ns) + 16),
        log2(rate(sample.hog_ns / 1000, 1024, sample.ns) + 10),
        -log2((wait + 1_000_000) / (wakes + 1) + 20_000),
        log2(rate(sample.reward, 1_000_000, sample.ns) + 16),
    ]
}

fn score(terms: &Terms, logs: &[i64; 4]) -> i64 {
    let parts = logs.iter().zip(terms.signal);
    parts
        .map(|(log, weight)| log * i64::from(weight))
        .sum::<i64>()
        >> 8
}

fn error(variance: i64, evidence: u32) -> i64 {
    sqrt(((variance as u64) << 16) / u64::from(evidence.max(1))) as i64
}

/// The errors of an arm's mean: by its own scatter, and by noise alone.
fn errors(state: &State, arm: &Arm) -> (i64, i64) {
    let own = error(arm.scatter.max(state.noise), arm.evidence);
    (own, error(state.noise, arm.evidence))
}

fn is_better(state: &State, arm: &Arm) -> bool {
    let (own, noise) = errors(state, arm);
    arm.known >= 2 && arm.mean - 2 * own > (2 * noise).max(MARGIN)
}

fn is_open(state: &State, arm: &Arm) -> bool {
    let of_few = if arm.known < 3 { 3 } else { 2 };
    arm.known == 0 || arm.mean + of_few * errors(state, arm).0 > MARGIN
}

fn learn_noise(state: &mut State, difference: i64) {
    let mut off = difference.clamp(-MOST, MOST);
    if state.noises >= 16 {
        let far = 3 * sqrt(state.noise as u64) as i64 + MARGIN;
        off = off.clamp(-far, far);
    } else {
        state.noises += 1;
    }
    let square = ((off * off) >> 2) * 3;
    state.noise += div(square - state.noise, state.noises.into());
}

fn learn(arm: &mut Arm, comparison: i64, now: u64) {
    let comparison = comparison.clamp(-MOST, MOST);
    let off = comparison - arm.mean;
    arm.evidence = (u64::from(arm.evidence) + ONE as u64).min(256 * ONE as u64) as u32;
    arm.mean += div(off * ONE, arm.evidence.into());
    let trials = i64::from(arm.evidence >> 16);
    if trials >= 2 {
        arm.scatter += div(off * (comparison - arm.mean) - arm.scatter, trials);
    }
    arm.tried_at = now;
    arm.trials += 1;
    arm.known += 1;
}

fn forget_usual(state: &mut State) {
    state.detectors = Default::default();
    state.turns = 0;
    state.has_before = 0;
}

fn begin_regime(state: &mut State, now: u64) {
    for arm in &mut state.arms {
        *arm = Arm {
            trials: arm.trials,
            tried_at: arm.tried_at,
            ..Arm::default()
        };
    }
    state.bag = 0;
    state.regimes += 1;
    state.regime_at = now;
    forget_usual(state);
}

fn take_charge(state: &mut State, to: usize, now: u64) {
    let from = state.in_charge as usize;
    let is = state.arms[to];
    for (number, arm) in state.arms.iter_mut().enumerate() {
        if number == to || number == from {
            continue;
        }
        arm.mean = (arm.mean - is.mean).clamp(-MOST, MOST);
        let (one, other) = (u64::from(arm.evidence), u64::from(is.evidence));
        arm.evidence = (one * other / (one + other).max(1)) as u32;
    }
    state.arms[from] = Arm {
        mean: -is.mean,
        ..is
    };
    state.arms[to].mean = 0;
    state.in_charge = to as u32;
    state.since = now;
    state.changes += 1;
    state.bag = 0;
    forget_usual(state);
}

fn detect(of: &mut Detector, signal: i64, turns: u32) -> bool {
    let mut off = signal - of.usual;
    if turns >= 8 {
        let deviation = of.deviation.max(4613);
        let far = div(off * ONE, deviation).clamp(-4 * ONE, 4 * ONE);
        of.above = (of.above + far - ONE / 2).max(0);
        of.below = (of.below - far - ONE / 2).max(0);
        if of.above.max(of.below) > 12 * ONE {
            return true;
        }
        off = off.clamp(-4 * deviation, 4 * deviation);
    }
    of.usual += div(off, i64::from(turns) + 1);
    if turns > 0 {
        let size = off.abs() + (off.abs() >> 2);
        of.deviation += div(size - of.deviation, turns.into());
    }
    false
}

fn is_new_regime(state: &mut State, logs: &[i64; 4]) -> bool {
    let turns = state.turns;
    let found = state.detectors.iter_mut().zip(logs);
    let found: Vec<bool> = found.map(|(of, log)| detect(of, *log, turns)).collect();
    state.turns = (turns + 1).min(63);
    found.contains(&true)
}

fn pick(state: &mut State, terms: &Terms, random: u32) -> Option<usize> {
    let others =
        (0..terms.nr.min(ARMS as u32) as usize).filter(|arm| *arm != state.in_charge as usize);
    let mut open: Vec<usize> = others
        .filter(|arm| is_open(state, &state.arms[*arm]))
        .collect();
    let is_urgent = |arm: &Arm| arm.known < 2 || arm.mean > MARGIN;
    let urgent: Vec<usize> = open
        .iter()
        .copied()
        .filter(|arm| is_urgent(&state.arms[*arm]))
        .collect();
    let turn = TURN_NS as i64;
    let mut kept = 15 * turn;
    if !urgent.is_empty() {
        open = urgent;
        kept = if state.regimes > 0 { 0 } else { -10 * turn };
    }
    let in_doubt = |of: &Detector| of.above.max(of.below) > 5 * ONE / 2;
    if state.detectors.iter().any(in_doubt) || open.is_empty() || state.saved_ns < kept + turn {
        return None;
    }
    if open.iter().all(|arm| state.bag >> arm & 1 == 0) {
        state.bag = 15;
    }
    open.retain(|arm| state.bag >> arm & 1 == 1);
    let found = open[random as usize % open.len()];
    state.bag &= !(1 << found);
    Some(found)
}

const NOBODY: u32 = ARMS as u32;

fn own_turn(state: &mut State, terms: &Terms, logs: &[i64; 4], now: u64) {
    let score = score(terms, logs);
    let mut tried = std::mem::replace(&mut state.tried, NOBODY);
    if state.has_before == 1 {
        learn_noise(state, score - state.before);
    } else {
        tried = NOBODY;
    }
    if tried != NOBODY {
        let tried = tried as usize;
        let comparison = state.trial - ((state.before + score) >> 1);
        learn(&mut state.arms[tried], comparison, now);
        if is_better(state, &state.arms[tried]) {
            return take_charge(state, tried, now);
        }
    }
    state.before = score;
    state.has_before = 1;
    if tried == NOBODY && is_new_regime(state, logs) {
        begin_regime(state, now);
    }
}

fn next(state: &mut State, terms: &Terms, sample: &Sample, now: u64, random: u32) -> usize {
    let trying = std::mem::replace(&mut state.trying, NOBODY);
    let turn = TURN_NS as i64;
    state.decided_ns += TURN_NS;
    match trying {
        NOBODY => state.saved_ns += turn / 1000 * i64::from(terms.share),
        _ => state.tried_ns += TURN_NS,
    }
    state.saved_ns = state.saved_ns.min(30 * turn);
    for arm in &mut state.arms {
        arm.evidence -= arm.evidence >> 11;
    }
    let idle = sample.cpu_ns / u64::from(terms.cpus.max(1)) < sample.ns / 1024 * 102;
    if sample.ns == 0 || (trying == NOBODY && idle) {
        state.tried = NOBODY;
        state.has_before = 0;
        return state.in_charge as usize;
    }
    let logs = logs(sample);
    if trying != NOBODY {
        state.trial = score(terms, &logs);
        state.tried = trying;
        return state.in_charge as usize;
    }
    own_turn(state, terms, &logs, now);
    let picked = match state.has_before {
        1 => pick(state, terms, random),
        _ => None,
    };
    match picked {
        Some(arm) => {
            state.trying = arm as u32;
            state.saved_ns -= turn;
            arm
        }
        None => state.in_charge as usize,
    }
}

/// Counts as a busy machine has them, none at all, and what only a broken counter says.
fn count(usual: u64) -> impl Strategy<Value = u64> {
    prop_oneof![
        8 => usual / 2..usual * 2,
        1 => Just(0),
        1 => any::<u64>(),
    ]
}

fn sample() -> impl Strategy<Value = Sample> {
    let ns = prop_oneof![9 => Just(75_000_000_u64), 1 => any::<u64>()];
    (
        ns,
        count(3000),
        count(3000),
        count(150_000_000),
        count(300_000_000),
        count(100_000_000),
        count(50),
    )
        .prop_map(
            |(ns, bursts, wakes, wait_ns, cpu_ns, hog_ns, reward)| Sample {
                ns,
                bursts,
                wakes,
                wait_ns,
                cpu_ns,
                hog_ns,
                reward,
            },
        )
}

proptest! {
    #[test]
    fn both_languages_choose_alike(
        signal in prop::array::uniform4(-256..=256_i32),
        share in 1..=500_u32,
        nr in 1..=ARMS as u32,
        turns in prop::collection::vec((sample(), any::<u32>()), 1..400),
    ) {
        let terms = Terms { signal, share, cpus: 4, nr };
        let mut kernel = State::begin(0);
        let mut here = kernel;
        for (now, (sample, random)) in (1..).zip(&turns) {
            let arm = next(&mut here, &terms, sample, now, *random);
            prop_assert_eq!(kernel.next(&terms, sample, TURN_NS, now, *random), arm);
            prop_assert_eq!(kernel, here);
        }
    }
}
