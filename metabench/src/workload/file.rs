// SPDX-License-Identifier: GPL-2.0-only
//! `workload.toml` as it is written. It is read twice: first for what the rest is read with.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::IgnoredAny;
use serde::Deserialize;
use toml::{Spanned, Value};

use super::{value, Scenario, Service};
use crate::reading::Written;

/// What the rest is read with, and the names of all there may be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declared {
    #[serde(default)]
    pub parameters: BTreeMap<Spanned<String>, Spanned<Value>>,
    #[serde(default)]
    pub readers: Written,
    pub whole: Option<Whole>,
    #[serde(rename = "arena")]
    _arena: Option<IgnoredAny>,
    #[serde(rename = "name")]
    _name: IgnoredAny,
    #[serde(rename = "notes")]
    _notes: Option<IgnoredAny>,
    #[serde(rename = "service")]
    _service: Option<IgnoredAny>,
    #[serde(rename = "application")]
    _application: IgnoredAny,
}

/// Enough to tell which kind it is.
#[derive(Deserialize)]
pub struct Whole {
    pub together: Option<IgnoredAny>,
    pub by_turns: Option<IgnoredAny>,
}

/// The rest, but for `[whole]`.
#[derive(Deserialize)]
pub struct Workload {
    #[serde(deserialize_with = "value::name")]
    pub name: String,
    #[serde(default)]
    pub notes: Vec<String>,
    #[serde(default)]
    pub service: Vec<Service>,
    pub application: Vec<Application>,
    pub arena: Option<Scenario>,
}

/// `[whole]`, which is an application of its own, [`Together`] or [`ByTurns`].
#[derive(Deserialize)]
pub struct OnlyWhole<T> {
    pub whole: T,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    #[serde(default, deserialize_with = "value::name")]
    pub name: Option<String>,
    #[serde(default)]
    pub services: Vec<String>,
    #[serde(deserialize_with = "value::count")]
    pub concurrency: u32,
    pub throughput_unit: String,
    #[serde(deserialize_with = "value::seconds")]
    pub seconds: Duration,
    #[serde(default, deserialize_with = "value::any_seconds")]
    pub warm_up_seconds: Duration,
    #[serde(default = "yes")]
    pub closed_loop: bool,
    #[serde(deserialize_with = "value::command")]
    pub command: Vec<String>,
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    #[serde(default)]
    pub repeat: bool,
    pub reader: Value,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Together {
    pub together: Vec<String>,
    #[serde(default, deserialize_with = "value::name")]
    pub name: Option<String>,
    pub throughput_unit: Option<String>,
    #[serde(default, deserialize_with = "value::seconds")]
    pub seconds: Option<Duration>,
    #[serde(default, deserialize_with = "value::any_seconds")]
    pub warm_up_seconds: Option<Duration>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByTurns {
    pub by_turns: Vec<String>,
    #[serde(default, deserialize_with = "value::name")]
    pub name: Option<String>,
    pub throughput_unit: Option<String>,
    #[serde(default, deserialize_with = "value::any_seconds")]
    pub warm_up_seconds: Option<Duration>,
}
