// SPDX-License-Identifier: GPL-2.0-only
//! Wake-ups of the probe in the time after a flip against the rest.

use anyhow::Result;
use evidence::sample::{self, Interval, Statistic, Summary};
use serde::Serialize;

use super::record::{Probe, ProbeFlip};

/// How long a flip may be felt: a slice.
pub(crate) const WINDOW_NS: u64 = 20_000_000;

/// A 99th percentile of fewer values is their maximum.
const MIN_WAKES: usize = 100;

/// Flips of one rotation of two policies: what the bootstrap draws together.
const FLIPS_A_ROTATION: usize = 2;

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Direction {
    All,
    To(String),
}

impl Direction {
    pub(crate) fn name(&self) -> String {
        match self {
            Self::All => "all flips".into(),
            Self::To(policy) => format!("flips to {policy}"),
        }
    }
}

/// The time that is compared with that after a flip.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Against {
    /// All time that is not soon after a flip.
    Rest,
    /// Of that, the turns of the policy that the flip went to: what the policies themselves have
    /// between them is no disturbance by the switch.
    SamePolicy,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) direction: Direction,
    pub(crate) against: Against,
    pub(crate) near: Summary,
    pub(crate) rest: Summary,
    pub(crate) ratio_p50: Interval,
    pub(crate) ratio_p99: Interval,
}

/// A wake-up's place: after which flip, and is that soon?
fn place(flips: &[ProbeFlip], due: u64) -> Option<(usize, bool)> {
    let after = flips.partition_point(|flip| flip.at <= due);
    // Before the first flip nothing is known, and the last one only ends the turn before.
    if after == 0 || after == flips.len() {
        return None;
    }
    let flip = after - 1;
    Some((flip, due - flips[flip].at <= WINDOW_NS))
}

type Blocks = Vec<Vec<f64>>;

fn blocks(probe: &Probe, wanted: impl Fn(usize, bool) -> bool) -> Blocks {
    let mut blocks = vec![vec![]; probe.flips.len().div_ceil(FLIPS_A_ROTATION)];
    for &(due, late) in &probe.wakes {
        if let Some((flip, near)) = place(&probe.flips, due) {
            if wanted(flip, near) {
                blocks[flip / FLIPS_A_ROTATION].push(late as f64);
            }
        }
    }
    blocks
}

/// One comparison; `None` if too few wake-ups were due in one of the two times.
pub(crate) fn compare(
    probe: &Probe,
    direction: Direction,
    against: Against,
) -> Result<Option<Comparison>> {
    let in_direction = |flip: usize| match &direction {
        Direction::All => true,
        Direction::To(policy) => probe.flips[flip].to == *policy,
    };
    let near = blocks(probe, |flip, near| near && in_direction(flip));
    let rest = blocks(probe, |flip, near| {
        !near && (against == Against::Rest || in_direction(flip))
    });
    let has_few = |blocks: &Blocks| blocks.iter().map(Vec::len).sum::<usize>() < MIN_WAKES;
    if has_few(&near) || has_few(&rest) {
        return Ok(None);
    }
    let ratio = |percent| sample::ratio_within(&near, &rest, Statistic::Percentile(percent));
    Ok(Some(Comparison {
        near: Summary::of(&near.concat())?,
        rest: Summary::of(&rest.concat())?,
        ratio_p50: ratio(50.0)?,
        ratio_p99: ratio(99.0)?,
        direction,
        against,
    }))
}

/// All of them: both directions together, then each.
pub(crate) fn compare_all(probe: &Probe) -> Result<Vec<Comparison>> {
    let mut policies: Vec<_> = probe.flips.iter().map(|flip| flip.to.clone()).collect();
    policies.sort();
    policies.dedup();
    let mut wanted = vec![(Direction::All, Against::Rest)];
    for policy in policies {
        let to = Direction::To(policy);
        wanted.extend([(to.clone(), Against::Rest), (to, Against::SamePolicy)]);
    }
    wanted
        .into_iter()
        .filter_map(|(direction, against)| compare(probe, direction, against).transpose())
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::switch::record::{Case, Counted, Load};

    const MS: u64 = 1_000_000;

    fn flips() -> Vec<ProbeFlip> {
        [(50, "vtime"), (100, "fifo"), (150, "vtime")]
            .map(|(at, to)| ProbeFlip {
                at: at * MS,
                to: to.into(),
            })
            .into()
    }

    /// A flip each 50 ms, a wake-up each ms. All are 10 µs late, but for those soon after a flip
    /// to vtime: 30 µs; and vtime is slow otherwise as well: 20 µs.
    pub(crate) fn a_probe(handover: &str, load: Load) -> Probe {
        let flips: Vec<_> = (1..=14)
            .map(|i| ProbeFlip {
                at: i * 50 * MS,
                to: ["fifo", "vtime"][i as usize % 2].into(),
            })
            .collect();
        let late = |due: u64| {
            let into_vtime = due / (50 * MS) % 2 == 1;
            match (into_vtime, due % (50 * MS) <= WINDOW_NS) {
                (false, _) => 10_000,
                (true, true) => 30_000,
                (true, false) => 20_000,
            }
        };
        Probe {
            case: Case {
                policies: vec!["fifo".into(), "vtime".into()],
                handover: handover.into(),
                load,
                turn_us: 50_000,
            },
            real_time: false,
            flips,
            wakes: (0..800).map(|i| (i * MS, late(i * MS))).collect(),
            counted: Counted {
                bypasses: Some(0),
                enable_seq: 0,
            },
            busy: 0.5,
        }
    }

    #[test]
    fn a_wake_up_belongs_to_the_flip_before_it() {
        let flips = flips();
        assert_eq!(place(&flips, 49 * MS), None);
        assert_eq!(place(&flips, 50 * MS), Some((0, true)));
        assert_eq!(place(&flips, 70 * MS), Some((0, true)));
        assert_eq!(place(&flips, 70 * MS + 1), Some((0, false)));
        assert_eq!(place(&flips, 99 * MS), Some((0, false)));
        assert_eq!(place(&flips, 110 * MS), Some((1, true)));
        // How long the last turn went on, nobody knows.
        assert_eq!(place(&flips, 151 * MS), None);
    }

    #[test]
    fn each_direction_is_compared_with_the_rest_and_with_its_own_policy() {
        let probe = a_probe("drain", Load::Moderate);
        let got = compare_all(&probe).unwrap();
        let seen: Vec<_> = got
            .iter()
            .map(|c| (c.direction.clone(), c.against, c.ratio_p99.estimate))
            .collect();
        let to = |name: &str| Direction::To(name.into());
        assert_eq!(
            seen,
            [
                (Direction::All, Against::Rest, 1.5),
                (to("fifo"), Against::Rest, 0.5),
                (to("fifo"), Against::SamePolicy, 1.0),
                (to("vtime"), Against::Rest, 1.5),
                (to("vtime"), Against::SamePolicy, 1.5),
            ]
        );
        // 21 of each 50 wake-ups, in 13 complete turns.
        assert_eq!(got[0].near.n, 13 * 21);
        assert_eq!(got[0].rest.n, 13 * 29);
        assert_eq!((got[1].near.p99, got[3].near.median), (10_000.0, 30_000.0));
    }

    #[test]
    fn a_time_in_which_hardly_a_wake_up_was_due_is_not_compared() {
        let mut probe = a_probe("drain", Load::Moderate);
        let flips = probe.flips.clone();
        probe
            .wakes
            .retain(|wake| place(&flips, wake.0).is_some_and(|(_, near)| near));
        let all = compare(&probe, Direction::All, Against::Rest).unwrap();
        assert!(all.is_none());
        probe.flips.clear();
        assert!(compare_all(&probe).unwrap().is_empty());
    }
}
