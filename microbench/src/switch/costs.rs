// SPDX-License-Identifier: GPL-2.0-only
//! What replacements and flips cost, from their raw stamps, and the ratios between them.

use anyhow::{Context, Result};
use evidence::sample;
use evidence::sample::{Interval, Statistic, Summary};
use serde::Serialize;

use super::record::{Preloaded, Replacement, Turn};

/// Flips that follow each other resemble each other: this many of them are one block.
const FLIPS_A_BLOCK: usize = 20;

/// Durations in nanoseconds, in blocks for the bootstrap.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Durations {
    /// What is drawn together.
    pub blocks: Vec<Vec<f64>>,
    /// Values that are only a lower bound: what was waited for did not happen in the turn, whose
    /// length stands for it.
    pub bounds: usize,
    /// Repetitions that have no value at all.
    pub missing: usize,
}

/// Durations in a few numbers.
#[derive(Clone, Debug, Serialize)]
pub struct Estimate {
    /// With its 95 % interval.
    pub median: Interval,
    /// All values.
    pub all: Summary,
    /// How many of them are lower bounds only.
    pub lower_bounds: usize,
    /// Repetitions without a value.
    pub missing: usize,
}

impl Durations {
    /// Of repetitions that have nothing to do with each other; `None` has no value.
    pub fn single(values: impl IntoIterator<Item = Option<u64>>) -> Self {
        let mut durations = Self::default();
        for value in values {
            match value {
                Some(value) => durations.blocks.push(vec![value as f64]),
                None => durations.missing += 1,
            }
        }
        durations
    }

    /// Of turns that follow each other. What did not happen in a turn took longer than that.
    pub fn of_turns<'a>(
        turns: impl IntoIterator<Item = &'a Turn>,
        since_flip: impl Fn(&Turn) -> u64,
    ) -> Self {
        let mut durations = Self::default();
        let mut values = Vec::new();
        for turn in turns {
            let took = since_flip(turn);
            durations.bounds += usize::from(took == 0);
            values.push(if took == 0 { turn.length_ns } else { took } as f64);
        }
        durations.blocks = values.chunks(FLIPS_A_BLOCK).map(<[_]>::to_vec).collect();
        durations
    }

    /// Sums them up.
    pub fn estimate(&self) -> Result<Estimate> {
        Ok(Estimate {
            median: sample::interval(&self.blocks, Statistic::Median)?,
            all: Summary::of(&self.blocks.concat())?,
            lower_bounds: self.bounds,
            missing: self.missing,
        })
    }

    /// The ratio of two medians.
    pub fn ratio_to(&self, other: &Self) -> Result<Interval> {
        sample::ratio(&self.blocks, &other.blocks, Statistic::Median)
    }
}

/// The work of a process replacement: without the bench's own pause between the end of the old
/// process and the making of the new one.
pub mod replacement {
    use super::Replacement;

    /// The bench's own doing.
    fn pause(r: &Replacement) -> u64 {
        r.spawned_at - r.exited_at
    }

    /// Signal → the kernel's own scheduler in charge.
    pub fn stop(r: &Replacement) -> u64 {
        r.disabled_at - r.asked_at
    }

    /// Signal → process gone.
    pub fn exit(r: &Replacement) -> u64 {
        r.exited_at - r.asked_at
    }

    /// Process made → in charge.
    pub fn start(r: &Replacement) -> u64 {
        r.enabled_at - r.spawned_at
    }

    /// Process made → the kernel begins to enable: exec, open, load, verify.
    pub fn loading(r: &Replacement) -> Option<u64> {
        r.enabling_at.map(|at| at.saturating_sub(r.spawned_at))
    }

    /// In the kernel's hands, in bypass.
    pub fn enabling(r: &Replacement) -> Option<u64> {
        r.enabling_at.map(|at| r.enabled_at - at)
    }

    /// Signal → in charge.
    pub fn whole(r: &Replacement) -> u64 {
        r.enabled_at - r.asked_at - pause(r)
    }

    /// No sched_ext scheduler, not even one that is being enabled.
    pub fn without(r: &Replacement) -> Option<u64> {
        let gap = r.enabling_at?.saturating_sub(r.disabled_at);
        Some(gap.saturating_sub(pause(r)))
    }

    /// Signal → first task of the new policy.
    pub fn effect(r: &Replacement) -> Option<u64> {
        r.first_at.map(|at| at - r.asked_at - pause(r))
    }

    /// Signal → tasks of the new policy on 95 % of the CPUs in use.
    pub fn adoption(r: &Replacement) -> Option<u64> {
        r.most_at.map(|at| at - r.asked_at - pause(r))
    }
}

/// A replacement by a preloaded program.
pub mod preloaded {
    use super::Preloaded;

    /// Detach.
    pub fn stop(p: &Preloaded) -> u64 {
        p.detached_at - p.asked_at
    }

    /// Attach.
    pub fn start(p: &Preloaded) -> u64 {
        p.attached_at - p.detached_at
    }

    /// Both.
    pub fn whole(p: &Preloaded) -> u64 {
        p.attached_at - p.asked_at
    }

    /// Detaching begins → first task of the new policy.
    pub fn effect(p: &Preloaded) -> Option<u64> {
        p.first_at.map(|at| at - p.asked_at)
    }

    /// Detaching begins → tasks of the new policy on 95 % of the CPUs in use.
    pub fn adoption(p: &Preloaded) -> Option<u64> {
        p.most_at.map(|at| at - p.asked_at)
    }
}

/// Flips that user space decided: since the decision, not since the flip.
pub fn of_decisions(
    decisions: &[(u64, Turn)],
    since_flip: impl Fn(&Turn) -> u64,
) -> Result<Durations> {
    let mut durations = Durations::default();
    for (at, turn) in decisions {
        let until_flip = turn
            .entered_at
            .checked_sub(*at)
            .context("a turn began before it was decided")?;
        let took = since_flip(turn);
        durations.bounds += usize::from(took == 0);
        let took = if took == 0 { turn.length_ns } else { took };
        durations.blocks.push(vec![(until_flip + took) as f64]);
    }
    Ok(durations)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::switch::record::Load;

    /// Signal at 100, disabled 120, exit 150; spawn 170, enabling 900, enabled 950; first 960.
    pub(crate) fn a_replacement() -> Replacement {
        Replacement {
            from: "a".into(),
            to: "b".into(),
            is_meta: true,
            load: Load::Idle,
            asked_at: 100,
            disabled_at: 120,
            exited_at: 150,
            spawned_at: 170,
            enabling_at: Some(900),
            enabled_at: 950,
            first_at: Some(960),
            most_at: None,
            bypasses: Some(1),
            bypass_ns: Some(30),
            enable_seq: 1,
        }
    }

    pub(crate) fn a_turn(flip_ns: u64, first_ns: u64) -> Turn {
        Turn {
            from: "fifo".into(),
            to: "vtime".into(),
            entered_at: 1_000,
            flip_ns,
            handover_ns: 0,
            first_ns,
            most_ns: first_ns * 2,
            length_ns: 5_000,
        }
    }

    #[test]
    fn the_bench_s_own_pause_is_no_cost_of_a_replacement() {
        let r = a_replacement();
        assert_eq!(
            (
                replacement::stop(&r),
                replacement::exit(&r),
                replacement::start(&r)
            ),
            (20, 50, 780)
        );
        assert_eq!(
            replacement::whole(&r),
            replacement::exit(&r) + replacement::start(&r)
        );
        assert_eq!(
            (replacement::loading(&r), replacement::enabling(&r)),
            (Some(730), Some(50))
        );
        assert_eq!(replacement::without(&r), Some(900 - 120 - 20));
        assert_eq!(replacement::effect(&r), Some(960 - 100 - 20));
        assert_eq!(replacement::adoption(&r), None);
    }

    #[test]
    fn what_did_not_happen_in_a_turn_took_longer_than_it() {
        let turns = [a_turn(1, 70), a_turn(1, 0), a_turn(1, 90)];
        let first = Durations::of_turns(&turns, |turn| turn.first_ns);
        assert_eq!(first.blocks, [vec![70.0, 5_000.0, 90.0]]);
        let estimate = first.estimate().unwrap();
        assert_eq!((estimate.lower_bounds, estimate.median.estimate), (1, 90.0));
    }

    #[test]
    fn flips_come_in_blocks() {
        let turns: Vec<_> = (1..=45).map(|flip| a_turn(flip, 1)).collect();
        let flips = Durations::of_turns(&turns, |turn| turn.flip_ns);
        let sizes: Vec<_> = flips.blocks.iter().map(Vec::len).collect();
        assert_eq!(sizes, [20, 20, 5]);
    }

    #[test]
    fn a_decision_counts_from_user_space_on() {
        let decided = of_decisions(&[(900, a_turn(1, 70))], |turn| turn.first_ns).unwrap();
        assert_eq!(decided.blocks, [vec![170.0]]);
        assert!(of_decisions(&[(1_100, a_turn(1, 70))], |turn| turn.first_ns).is_err());
    }

    #[test]
    fn a_ratio_is_of_medians() {
        let slow = Durations::single([Some(2_000), None, Some(2_000)]);
        let fast = Durations::of_turns(&[a_turn(10, 1)], |turn| turn.flip_ns);
        assert_eq!(slow.missing, 1);
        assert_eq!(slow.ratio_to(&fast).unwrap().estimate, 200.0);
        assert!(Durations::default().ratio_to(&fast).is_err());
    }
}
