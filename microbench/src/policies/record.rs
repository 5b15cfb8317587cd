// SPDX-License-Identifier: GPL-2.0-only
//! The raw data of `bench policies`.

use labkit::charge::setting::Setting;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Record {
    Plan {
        /// The machine, as tables call it: `4 CPUs, 2 caches`.
        machine: String,
        contenders: Vec<Contender>,
        /// Decides the order, and what is random in loads.
        seed: u64,
    },
    Cell {
        /// From 0, and no two boots of a machine have the same.
        round: u32,
        /// Within the round, from 0.
        place: u32,
        under: String,
        load: String,
        took_ms: f64,
        samples: Vec<Sample>,
    },
    /// A scheduler did not come in charge, was ejected, or a load under it failed.
    Failed {
        round: u32,
        under: String,
        /// The load's name; none: it did not come in charge.
        load: Option<String>,
        reason: String,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Contender {
    pub(crate) label: String,
    pub(crate) setting: Setting,
}

/// One value, or one of each of many events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(crate) name: String,
    /// In its metric's unit.
    pub(crate) values: Vec<f64>,
}
