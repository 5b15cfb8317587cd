// SPDX-License-Identifier: GPL-2.0-only
//! How long a block's load runs, and where in the rotation it begins.

use std::time::Duration;

use fastrand::Rng;
use labkit::charge::setting::Setting;

use crate::workload::{is_timed, Load, SECONDS};

/// Fewer rotations, and the part of one at either end would weigh.
pub(crate) const ROTATIONS: u32 = 5;

const US_PER_S: u128 = 1_000_000;

/// The length of a block, in whole seconds, since many load generators take no others: not less
/// than `least` and five rotations, and whole rotations if that costs at most half as much again.
pub(crate) fn seconds(least: Duration, setting: &Setting) -> u64 {
    let period_us = u128::from(setting.period_us().unwrap_or_default());
    let least_us = least
        .as_micros()
        .max(u128::from(ROTATIONS) * period_us)
        .max(1);
    let shortest = least_us.div_ceil(US_PER_S);
    let whole = (shortest..=shortest + shortest / 2)
        .find(|seconds| period_us == 0 || (seconds * US_PER_S).is_multiple_of(period_us));
    whole.unwrap_or(shortest) as u64
}

/// How long to wait before the load begins, so that it begins anywhere in the rotation: the
/// policy of the first turn must not meet the load's start each time.
pub(crate) fn phase_us(setting: &Setting, rng: &mut Rng) -> Option<u32> {
    let period_us = setting.period_us()?;
    Some(rng.u32(..period_us.max(1)))
}

/// A load's command for a block of this length.
pub(crate) fn fill_in(command: &[String], seconds: u64) -> Vec<String> {
    let seconds = seconds.to_string();
    let fill = |word: &String| word.replace(SECONDS, &seconds);
    command.iter().map(fill).collect()
}

/// The command takes as long as it takes: nothing tells it, and nothing repeats it.
pub(crate) fn has_own_length(load: &Load) -> bool {
    !load.repeat && !is_timed(&load.command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rotation(period_us: u32) -> Setting {
        Setting::Rotate {
            weights: vec![("a".into(), 1), ("b".into(), 1)],
            period_us,
        }
    }

    fn of(least_ms: u64, setting: &Setting) -> u64 {
        seconds(Duration::from_millis(least_ms), setting)
    }

    #[test]
    fn without_a_rotation_it_is_the_least_in_whole_seconds() {
        assert_eq!(of(2000, &Setting::Eevdf), 2);
        assert_eq!(of(2001, &Setting::Eevdf), 3);
        assert_eq!(of(0, &Setting::Eevdf), 1);
    }

    #[test]
    fn it_holds_five_rotations_and_whole_ones_if_that_is_cheap() {
        // 5 rotations of 3.6 s are 18 s.
        assert_eq!(of(2000, &rotation(3_600_000)), 18);
        // 4 s hold no whole number of rotations of 1.5 s, nor do 5; 6 s are 50 % more.
        assert_eq!(of(4000, &rotation(750_000)), 6);
        // 10 rotations of 0.7 s are 7 s, more than half as much again as 4 s.
        assert_eq!(of(1000, &rotation(700_000)), 4);
        // A third of 100 ms each: no number of seconds holds whole rotations of 99,999 µs.
        assert_eq!(of(3000, &rotation(99_999)), 3);
        assert_eq!(of(30_000, &rotation(20_000)), 30);
    }

    #[test]
    fn a_rotation_is_entered_anywhere() {
        let mut rng = Rng::with_seed(3);
        let phases: Vec<u32> = (0..1000)
            .filter_map(|_| phase_us(&rotation(100), &mut rng))
            .collect();
        assert_eq!(phases.len(), 1000);
        let early = phases.iter().filter(|&&phase| phase < 25).count();
        assert!(phases.iter().all(|&phase| phase < 100));
        assert!((200..300).contains(&early), "{early}");
        assert_eq!(phase_us(&Setting::Eevdf, &mut rng), None);
    }

    #[test]
    fn the_length_is_filled_in_wherever_it_stands() {
        let command = ["wrk", "-d{seconds}s", "{url}"].map(String::from);
        assert_eq!(fill_in(&command, 30), ["wrk", "-d30s", "{url}"]);
    }
}
