// SPDX-License-Identifier: GPL-2.0-only
//! `workload.toml` as it is written: all fields with their places, and nothing checked that TOML's
//! types cannot say.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Spanned, Value};

use crate::reading::Written;

/// Program and arguments.
pub type Words = Spanned<Vec<Spanned<String>>>;

/// Variables of an environment.
pub type Environment = BTreeMap<String, Spanned<String>>;

/// The file, but for the inside of `[whole]`, of which there are two kinds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    pub name: Spanned<String>,
    #[serde(default)]
    pub notes: Vec<Spanned<String>>,
    #[serde(default)]
    pub parameters: BTreeMap<Spanned<String>, Spanned<Value>>,
    #[serde(default)]
    pub readers: Written,
    #[serde(default)]
    pub service: Vec<Service>,
    pub application: Spanned<Vec<Spanned<Application>>>,
    pub whole: Option<Whole>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    pub name: Spanned<String>,
    pub command: Words,
    #[serde(default)]
    pub environment: Environment,
    pub folder: Option<Spanned<String>>,
    pub ready: Ready,
    pub ready_seconds: Option<Spanned<Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ready {
    Http(Spanned<String>),
    Tcp(Spanned<String>),
    Command(Words),
    Started,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    pub name: Option<Spanned<String>>,
    #[serde(default)]
    pub services: Vec<Spanned<String>>,
    pub concurrency: Spanned<Value>,
    pub throughput_unit: String,
    pub seconds: Spanned<Value>,
    pub warm_up_seconds: Option<Spanned<Value>>,
    #[serde(default = "yes")]
    pub closed_loop: bool,
    pub command: Words,
    #[serde(default)]
    pub environment: Environment,
    #[serde(default)]
    pub repeat: bool,
    pub reader: Spanned<Value>,
}

fn yes() -> bool {
    true
}

/// Enough to tell which kind it is.
#[derive(Deserialize)]
pub struct Whole {
    pub together: Option<serde::de::IgnoredAny>,
}

/// The file once more, for the inside of `[whole]` alone.
#[derive(Deserialize)]
pub struct OnlyWhole<T> {
    pub whole: Spanned<T>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Together {
    pub together: Words,
    pub name: Option<Spanned<String>>,
    pub throughput_unit: Option<String>,
    pub seconds: Option<Spanned<Value>>,
    pub warm_up_seconds: Option<Spanned<Value>>,
}
