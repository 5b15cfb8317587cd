// SPDX-License-Identifier: GPL-2.0-only
//! What can be gained over the best single scheduler at most, by each way of using several. Pure.
//!
//! With `u` the throughput of an application under a scheduler relative to EEVDF:
//!
//! ```text
//! turns      max over shares x of  geometric mean over applications of  Σ x u      ÷ best
//! each       geometric mean over applications of  max u                            ÷ best
//!            best: max over schedulers of  geometric mean over applications of  u
//! phases     mean over phases of  max u                                            ÷ best
//!            best: max over schedulers of  mean over phases of  u
//! ```
//!
//! Applications that run at the same time are one machine's work, so their mean is geometric: 10 % of one
//! are worth 10 % of the other. Phases follow each other, so theirs is arithmetic.

/// Throughput of each application (outer) under each scheduler, relative to EEVDF.
pub(super) type Ratios = Vec<Vec<f64>>;

/// Steps of the search for the best shares; each comes nearer by a part of the way.
const STEPS: u32 = 40;

/// The most that can be gained, as a ratio to the best single scheduler.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Gains {
    /// The best single one, and what it is worth against EEVDF.
    pub(super) best: (usize, f64),
    /// By turns: the gain, and the shares that make it.
    pub(super) turns: (f64, Vec<f64>),
    /// With a scheduler for each application, at once and without getting in each other's way.
    pub(super) each: f64,
    /// If the applications are phases of one load.
    pub(super) phases: f64,
}

fn best(values: impl Iterator<Item = f64>) -> (usize, f64) {
    values.enumerate().fold(
        (0, f64::MIN),
        |best, next| {
            if next.1 > best.1 {
                next
            } else {
                best
            }
        },
    )
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, n), value| (sum + value, n + 1.0));
    sum / count
}

fn geometric(values: impl Iterator<Item = f64>) -> f64 {
    mean(values.map(f64::ln)).exp()
}

fn largest(of: &[f64]) -> f64 {
    best(of.iter().copied()).1
}

impl Gains {
    /// Of at least one application and one scheduler.
    pub(super) fn of(ratios: &Ratios) -> Self {
        let schedulers = 0..ratios[0].len();
        let under = |s: usize| ratios.iter().map(move |of| of[s]);
        let single = best(schedulers.clone().map(|s| geometric(under(s))));
        let single_of_phases = best(schedulers.map(|s| mean(under(s)))).1;
        let shares = shares(ratios, single.0);
        let turns = worth(ratios, &shares);
        Self {
            best: single,
            turns: (turns / single.1, shares),
            each: geometric(ratios.iter().map(|of| largest(of))) / single.1,
            phases: mean(ratios.iter().map(|of| largest(of))) / single_of_phases,
        }
    }
}

fn mixed(of: &[f64], shares: &[f64]) -> f64 {
    of.iter()
        .zip(shares)
        .map(|(ratio, share)| ratio * share)
        .sum()
}

/// Of a rotation with these shares.
fn worth(ratios: &Ratios, shares: &[f64]) -> f64 {
    geometric(ratios.iter().map(|of| mixed(of, shares)))
}

/// The shares of the best rotation: a concave problem, solved by going towards the scheduler that helps
/// most (Frank and Wolfe), from the best single one.
fn shares(ratios: &Ratios, from: usize) -> Vec<f64> {
    let mut shares = vec![0.0; ratios[0].len()];
    shares[from] = 1.0;
    for _ in 0..STEPS {
        let slope = |s: usize| mean(ratios.iter().map(|of| of[s] / mixed(of, &shares)));
        let (towards, _) = best((0..shares.len()).map(slope));
        let step = line_search(ratios, &shares, towards);
        for (s, share) in shares.iter_mut().enumerate() {
            *share = toward(*share, s == towards, step);
        }
    }
    shares
}

fn toward(share: f64, is_target: bool, step: f64) -> f64 {
    let target = if is_target { 1.0 } else { 0.0 };
    share + step * (target - share)
}

/// How far to go, by thirds: along a line the worth has one maximum.
fn line_search(ratios: &Ratios, shares: &[f64], towards: usize) -> f64 {
    let at = |step: f64| {
        let moved = shares.iter().enumerate();
        let moved: Vec<f64> = moved
            .map(|(s, share)| toward(*share, s == towards, step))
            .collect();
        worth(ratios, &moved)
    };
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..30 {
        let third = (high - low) / 3.0;
        match at(low + third) < at(high - third) {
            true => low += third,
            false => high -= third,
        }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: f64, expected: f64, by: f64) {
        assert!((value - expected).abs() < by, "{value} and not {expected}");
    }

    /// Two applications that prefer opposite policies by g: the best single one is worth √(1 − g²),
    /// the even rotation 1.
    #[test]
    fn opposite_preferences_leave_half_their_square() {
        for (g, most) in [
            (0.05, 0.0013),
            (0.1, 0.0050),
            (0.2, 0.021),
            (0.3, 0.048),
            (0.4, 0.091),
        ] {
            let gains = Gains::of(&vec![vec![1.0 + g, 1.0 - g], vec![1.0 - g, 1.0 + g]]);
            near(gains.best.1, (1.0 - f64::powi(g, 2)).sqrt(), 1e-9);
            near(gains.turns.0 - 1.0, most, most / 20.0);
            near(gains.turns.1[0], 0.5, 0.01);
            near(gains.each * gains.best.1, 1.0 + g, 1e-9);
        }
    }

    #[test]
    fn a_policy_that_is_best_for_all_leaves_nothing() {
        let gains = Gains::of(&vec![vec![1.0, 1.2, 0.7], vec![1.0, 1.1, 1.05]]);
        assert_eq!(gains.best.0, 1);
        for gain in [gains.turns.0, gains.each, gains.phases] {
            near(gain, 1.0, 1e-9);
        }
    }

    /// What the project measured of the paper's application and of mixes, throughput in percent against
    /// EEVDF: perfect adaptation is worth half a point.
    #[test]
    fn of_the_papers_application_perfect_adaptation_is_worth_half_a_point() {
        let fifo = [2.5, -1.1, 0.1, 3.1, -36.2, -36.3];
        let vtime = [2.2, -1.8, -1.1, 2.6, 0.6, 0.1];
        let nest = [-0.5, -2.7, -1.8, 2.2, 0.6, -0.3];
        let phases = |with_eevdf: bool| -> Ratios {
            let of = |phase: usize| {
                let mut of: Vec<f64> = [fifo[phase], vtime[phase], nest[phase]].into();
                of.extend(with_eevdf.then_some(0.0));
                of.iter().map(|percent| 1.0 + percent / 100.0).collect()
            };
            (0..6).map(of).collect()
        };
        let best_single = 1.0043;
        let gains = Gains::of(&phases(false));
        near(gains.phases * best_single, 1.0088, 1e-4);
        let gains = Gains::of(&phases(true));
        near(gains.phases * best_single, 1.0107, 1e-4);
    }
}
