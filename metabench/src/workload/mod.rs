// SPDX-License-Identifier: GPL-2.0-only
#![doc = include_str!("../../../docs/workload.md")]

mod application;
mod document;
mod file;
mod placeholder;
mod read;
mod reader;
#[cfg(test)]
mod tests;
mod value;
mod whole;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::reading::Reader;
use crate::record::Measure;

/// A workload, read and checked, its `{placeholders}` filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// For people, and names of files.
    pub name: String,
    /// What a report must say of it, in sentences.
    pub notes: Vec<String>,
    /// Folder of the file: where commands run if they do not say.
    pub folder: PathBuf,
    /// What must be up, in the order of starting.
    pub services: Vec<Service>,
    /// The parts, at least one.
    pub applications: Vec<Application>,
    /// All of it together.
    pub whole: Option<Application>,
    /// What the arena must know of it, if it is a scenario there.
    pub scenario: Option<Scenario>,
}

/// A workload as a scenario of `arena`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What a scheduler is judged by.
    pub(crate) metric: Measure,
    /// CPUs that it is meant for.
    #[serde(deserialize_with = "value::count")]
    pub cpus: u32,
    /// It is not looked at before the end: nothing was tuned by it.
    #[serde(default)]
    pub held_out: bool,
    /// `scx_meta --reward`: where the application counts its work.
    pub reward: Option<String>,
    /// What must be installed.
    #[serde(default)]
    pub programs: Vec<String>,
}

/// A program that stays up while applications are under load.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    #[serde(deserialize_with = "value::name")]
    pub name: String,
    /// Program and arguments.
    #[serde(deserialize_with = "value::command")]
    pub command: Vec<String>,
    /// Beside ours.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    #[serde(default)]
    pub folder: PathBuf,
    pub ready: Ready,
    #[serde(
        rename = "ready_seconds",
        default = "ready_limit",
        deserialize_with = "value::seconds"
    )]
    pub ready_limit: Duration,
}

fn ready_limit() -> Duration {
    Duration::from_secs(60)
}

/// How one knows that a service is up.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ready {
    /// A GET of this http URL answers with status 200 to 299.
    #[serde(deserialize_with = "value::url")]
    Http(String),
    /// Somebody listens at this address.
    #[serde(deserialize_with = "value::address")]
    Tcp(String),
    /// This command ends with status 0.
    #[serde(deserialize_with = "value::command")]
    Command(Vec<String>),
    /// It is up as soon as it runs (batch jobs).
    Started,
}

/// Something whose throughput is measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Application {
    pub name: String,
    /// Names of those it needs.
    pub services: Vec<String>,
    /// Requests under way at once.
    pub concurrency: u32,
    /// What throughput counts.
    pub unit: String,
    /// Least length of a block.
    pub window: Duration,
    /// The load runs so long before anything is measured, once after services came up.
    pub warm_up: Duration,
    /// A new request begins only when one ends.
    pub closed_loop: bool,
    /// What runs at the same time; most have one.
    pub loads: Vec<Load>,
    /// The loads run one after the other instead, each for so long; empty: they do not.
    pub turns: Vec<Duration>,
}

/// Stands for the block's length in a load's command.
pub(crate) const SECONDS: &str = "{seconds}";

/// A load with this command takes its length from the engine.
pub(crate) fn is_timed(command: &[String]) -> bool {
    command.iter().any(|word| word.contains(SECONDS))
}

/// A command that puts load on services and says how much they did.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// Of the application it belongs to.
    pub name: String,
    /// Program and arguments; `{seconds}` is still to be filled in.
    pub command: Vec<String>,
    pub environment: BTreeMap<String, String>,
    /// The command has no length of its own: run it again until the window has passed.
    pub repeat: bool,
    pub(crate) reader: Reader,
}
