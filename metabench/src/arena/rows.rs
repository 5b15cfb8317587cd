// SPDX-License-Identifier: GPL-2.0-only
//! Who takes part in a scenario, beside EEVDF.

use anyhow::Result;
use labkit::charge::setting::Setting;

use super::Args;
use crate::record::{Role, Row};
use crate::workload::Scenario;

/// scx_meta chooses by the scheduler's own signals.
pub(super) const AUTO: &str = "auto";

/// … by what the application counts.
const OWN_WORD: &str = "auto, own word";

/// Each policy held, an equal rotation, other schedulers, and those that choose.
pub(super) fn rows(args: &Args, scenario: &Scenario) -> Result<Vec<Row>> {
    let mut rows = args.trial.held();
    rows.extend(args.trial.rotation(args.period)?);
    rows.extend(Row::others(&args.outside)?);
    rows.push(auto(args, AUTO, ["--goal".into(), args.goal.name()]));
    if let Some(reward) = &scenario.reward {
        rows.push(auto(args, OWN_WORD, ["--reward".into(), reward.clone()]));
    }
    Ok(rows)
}

/// Loaded with the policies that it chooses among, and no others.
fn auto(args: &Args, label: &str, goal: [String; 2]) -> Row {
    let arms: Vec<_> = args.auto.iter().map(|policy| policy.name()).collect();
    let arms = arms.join(",");
    let turn = humantime::format_duration(args.auto_turn).to_string();
    let options = [
        "--policies".into(),
        arms.clone(),
        format!("--auto={arms}"),
        "--auto-turn".into(),
        turn,
    ];
    Row {
        label: label.into(),
        setting: Setting::Auto {
            options: options.into_iter().chain(goal).collect(),
        },
        role: Role::Auto,
    }
}
