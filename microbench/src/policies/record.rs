// SPDX-License-Identifier: GPL-2.0-only
//! The raw data of `bench policies`.

use labkit::charge::setting::Setting;
use serde::{Deserialize, Serialize};

/// A line of raw data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Record {
    /// What is to be done.
    Plan {
        /// The machine, as tables call it: `4 CPUs, 2 caches`.
        machine: String,
        /// What is compared.
        contenders: Vec<Contender>,
        /// Decides the order, and what is random in loads.
        seed: u64,
    },
    /// What a load measured.
    Cell {
        /// From 0, and no two boots of a machine have the same.
        round: u32,
        /// Within the round, from 0.
        place: u32,
        /// The contender's label.
        under: String,
        /// The load's name.
        load: String,
        /// How long it took, in the guest.
        took_ms: f64,
        /// What it measured.
        samples: Vec<Sample>,
    },
    /// A scheduler did not come in charge, was ejected, or a load under it failed.
    Failed {
        /// From 0.
        round: u32,
        /// The contender's label.
        under: String,
        /// The load's name; none: it did not come in charge.
        load: Option<String>,
        /// Why.
        reason: String,
    },
}

/// What is compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contender {
    /// Unique.
    pub label: String,
    /// Who decides.
    pub setting: Setting,
}

/// One value, or one of each of many events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// As metrics refer to it.
    pub name: String,
    /// In its metric's unit.
    pub values: Vec<f64>,
}
