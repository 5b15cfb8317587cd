// SPDX-License-Identifier: GPL-2.0-only
//! Rows of `compare`: the frozen winner, the best policy held, and the controls that a claim
//! of synergy must exceed.

use labkit::charge::setting::{Setting, Weight};

use crate::estimate::{Choice, WINNER};
use crate::record::{Role, Row};

/// The row that `tune` froze, each of its weights given to the next policy.
pub(crate) const SWAPPED: &str = "weights swapped";
/// Its rotation, between two rows of one policy.
pub(crate) const SAME: &str = "same policy by turns";

/// The two rows of the build that has one policy twice.
pub(crate) const TWINS: [&str; 2] = ["fifo", "vtime"];

/// The policy that both are.
pub(crate) const TWIN: &str = TWINS[0];

pub(crate) fn rows(choice: &Choice, has_twins: bool) -> Vec<Row> {
    let winner = &choice.winner.setting;
    let mut rows = vec![Row {
        label: WINNER.into(),
        setting: winner.clone(),
        role: Role::Winner,
    }];
    rows.extend(
        held(choice, has_twins)
            .iter()
            .map(|policy| Row::held(policy)),
    );
    let swapped = swapped(winner.weights());
    if swapped != winner.weights() {
        rows.push(Row {
            label: SWAPPED.into(),
            setting: Setting::Rotate {
                weights: swapped,
                period_us: winner.period_us().unwrap_or_default(),
            },
            role: Role::Swapped,
        });
    }
    if has_twins {
        rows.push(Row {
            label: SAME.into(),
            setting: Setting::Twins {
                weights: twin_weights(winner.weights()),
                period_us: winner.period_us().unwrap_or_default(),
            },
            role: Role::SamePolicy,
        });
    }
    rows
}

/// Policies whose own figures the questions need: the best, those in the rotation (for what
/// their mean predicts), and the one that the control has twice.
fn held(choice: &Choice, has_twins: bool) -> Vec<String> {
    let weights = choice.winner.setting.weights();
    let rotating = weights.iter().map(|(name, _)| name.clone());
    let twin = has_twins.then(|| TWIN.to_string());
    let best = choice.single.label.clone();
    evidence::once([best].into_iter().chain(rotating).chain(twin))
}

/// Each policy gets the weight of the next.
fn swapped(weights: &[Weight]) -> Vec<Weight> {
    let shifted = weights.iter().cycle().skip(1);
    let pairs = weights.iter().zip(shifted);
    pairs
        .map(|((policy, _), (_, weight))| (policy.clone(), *weight))
        .collect()
}

/// The first policy's share, and that of all others.
fn twin_weights(weights: &[Weight]) -> Vec<Weight> {
    let first = weights.first().map_or(1, |(_, weight)| *weight);
    let others = weights.iter().skip(1).map(|(_, weight)| weight).sum();
    TWINS
        .into_iter()
        .map(String::from)
        .zip([first, others])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::choice::tests::choice;
    use crate::estimate::Measure;

    fn weights(pairs: &[(&str, u32)]) -> Vec<Weight> {
        pairs
            .iter()
            .map(|(name, weight)| ((*name).into(), *weight))
            .collect()
    }

    #[test]
    fn each_control_changes_one_thing() {
        let rows = rows(&choice(Measure::Throughput), true);
        let labels: Vec<_> = rows.iter().map(|row| &*row.label).collect();
        assert_eq!(labels, [WINNER, "fifo", "vtime", SWAPPED, SAME]);
        let [winner, .., swapped, same] = &rows[..] else {
            panic!("{rows:?}");
        };
        assert_eq!(swapped.setting.period_us(), winner.setting.period_us());
        assert_eq!(
            swapped.setting.weights(),
            weights(&[("fifo", 1), ("vtime", 3)])
        );
        assert_eq!(same.setting.period_us(), winner.setting.period_us());
        assert_eq!(
            same.setting.weights(),
            weights(&[("fifo", 3), ("vtime", 1)])
        );
    }

    #[test]
    fn equal_weights_cannot_be_swapped() {
        let mut choice = choice(Measure::Throughput);
        choice.winner.setting = Setting::Rotate {
            weights: weights(&[("fifo", 2), ("vtime", 2)]),
            period_us: 40_000,
        };
        let rows = rows(&choice, false);
        let labels: Vec<_> = rows.iter().map(|row| &*row.label).collect();
        assert_eq!(labels, [WINNER, "fifo", "vtime"]);
    }

    #[test]
    fn of_three_policies_each_gets_the_weight_of_the_next() {
        let three = weights(&[("a", 1), ("b", 2), ("c", 3)]);
        assert_eq!(
            super::swapped(&three),
            weights(&[("a", 2), ("b", 3), ("c", 1)])
        );
        assert_eq!(twin_weights(&three), weights(&[("fifo", 1), ("vtime", 5)]));
    }
}
