// SPDX-License-Identifier: GPL-2.0-only
//! The raw data of `ab`, a JSON object a line after the machine's.

use labkit::charge::setting::Setting;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Entry {
    Plan(Plan),
    Block(Block),
    /// Why there is no more.
    End {
        why: String,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) reward: String,
    /// Less is better.
    pub(super) lower: bool,
    pub(super) unit: String,
    /// The first is what the others are compared with.
    pub(super) arms: Vec<Arm>,
    pub(super) block_s: f64,
    pub(super) settle_s: f64,
    /// How narrow an interval has to be, as a part.
    pub(super) width: f64,
    /// Of the order.
    pub(super) seed: u64,
    pub(super) command: Vec<String>,
    /// UTC, RFC 3339.
    pub(super) date: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Arm {
    /// Unique.
    pub(super) label: String,
    pub(super) setting: Setting,
    /// What to do if it is the best.
    pub(super) command: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Block {
    /// From 0.
    pub(super) round: u32,
    /// Its place in the plan.
    pub(super) arm: usize,
    /// What the service said: of a counter, its growth a second.
    pub(super) value: f64,
    pub(super) seconds: f64,
    /// From putting in charge until it was measured.
    pub(super) settled_ms: f64,
}
