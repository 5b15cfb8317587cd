// SPDX-License-Identifier: GPL-2.0-only
//! The clock is the average of all who compete, whatever they did to come there.

use proptest::prelude::*;
use rotation_tests::lag::{reweigh, scale, Clock};

/// A day of virtual time, where the clock may have come to.
const START_NS: u64 = 86_400_000_000_000;
const SLICE_NS: u64 = 2_800_000;

/// What a competitor does.
#[derive(Clone, Debug)]
enum Step {
    Join { weight: u32 },
    Run { who: usize, ns: u64 },
    Leave { who: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (3_u32..=88_761).prop_map(|weight| Step::Join { weight }),
        (any::<usize>(), 0..2 * SLICE_NS).prop_map(|(who, ns)| Step::Run { who, ns }),
        any::<usize>().prop_map(|who| Step::Leave { who }),
    ]
}

/// The average by 128-bit numbers.
fn average(all: &[(u64, u32)]) -> f64 {
    let weight: f64 = all.iter().map(|&(_, weight)| f64::from(weight)).sum();
    let far = |at: u64| (i128::from(at) - i128::from(START_NS)) as f64;
    let sum: f64 = all
        .iter()
        .map(|&(at, weight)| far(at) * f64::from(weight))
        .sum();
    sum / weight
}

proptest! {
    #[test]
    fn the_clock_is_the_average_of_who_competes(steps in prop::collection::vec(step(), 1..200)) {
        let mut clock = Clock::at(START_NS);
        let mut all: Vec<(u64, u32)> = Vec::new();
        for step in steps {
            match step {
                Step::Join { weight } => {
                    all.push((clock.now, weight));
                    clock.count(clock.now, weight);
                }
                Step::Run { who, ns } if !all.is_empty() => {
                    // As in the policy, whoever is first: nobody runs away from the clock.
                    let first = all.iter().map(|&(at, _)| at).min().unwrap_or(0);
                    let who = if clock.lag(all[who % all.len()].0) < 0 {
                        all.iter().position(|&(at, _)| at == first).unwrap_or(0)
                    } else {
                        who % all.len()
                    };
                    let (at, weight) = all[who];
                    let to = at + scale(ns, weight);
                    clock.run(at, to, weight);
                    all[who].0 = to;
                }
                Step::Leave { who } if !all.is_empty() => {
                    let (at, weight) = all.swap_remove(who % all.len());
                    clock.leave(at, weight);
                }
                _ => {}
            }
            let weight: u64 = all.iter().map(|&(_, weight)| u64::from(weight)).sum();
            prop_assert_eq!(clock.weight, weight);
            if !all.is_empty() {
                let now = (i128::from(clock.now) - i128::from(START_NS)) as f64;
                prop_assert!((now - average(&all)).abs() < 64.0, "{now} and {}", average(&all));
            }
        }
    }

    #[test]
    fn who_joins_is_owed_what_it_was_owed(
        others in prop::collection::vec((0..SLICE_NS, 15_u32..=88_761), 1..50),
        owed in 0..2 * SLICE_NS,
        weight in 15_u32..=88_761,
    ) {
        let mut clock = Clock::at(START_NS);
        for (ahead, weight) in others {
            clock.count(START_NS + ahead, weight);
        }
        let owed = scale(owed, weight) as i64;
        for lag in [owed, -owed] {
            let mut clock = clock;
            let at = clock.place(lag, weight);
            clock.count(at, weight);
            prop_assert!((clock.lag(at) - lag).abs() <= 2, "{} of {lag}", clock.lag(at));
        }
    }

    #[test]
    fn another_weight_changes_no_debt(
        debt_ns in -1_000_000_000_i64..1_000_000_000,
        from in 1_u32..=88_761,
        to in 1_u32..=88_761,
    ) {
        let lag = |weight| {
            let lag = scale(debt_ns.unsigned_abs(), weight) as i64;
            if debt_ns < 0 { -lag } else { lag }
        };
        let off = (reweigh(lag(from), from, to) - lag(to)).unsigned_abs();
        // Each was rounded to a whole nanosecond at its own weight.
        prop_assert!(off <= 2 + u64::from(from) / u64::from(to), "off by {off}");
        prop_assert_eq!(reweigh(lag(from), 0, to), lag(from), "a new task owes nothing");
    }

    #[test]
    fn who_comes_alone_is_owed_nothing(lag in -1_i64 << 40..1 << 40, weight in 1_u32..=1 << 20) {
        let mut clock = Clock::at(START_NS);
        let at = clock.place(lag, weight);
        clock.count(at, weight);
        prop_assert_eq!(clock.lag(at), 0);
        clock.leave(at, weight);
        prop_assert_eq!(clock, Clock::at(START_NS));
    }
}
