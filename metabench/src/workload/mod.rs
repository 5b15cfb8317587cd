// SPDX-License-Identifier: GPL-2.0-only
#![doc = include_str!("../../../docs/workload.md")]

mod amount;
mod application;
mod fields;
mod file;
mod placeholder;
mod read;
mod reader;
mod service;
#[cfg(test)]
mod tests;
mod whole;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

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
}

/// A program that stays up while applications are under load.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Unique.
    pub name: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Beside ours.
    pub environment: BTreeMap<String, String>,
    /// Where it runs.
    pub folder: PathBuf,
    /// How one knows that it is up.
    pub ready: Ready,
    /// Longest wait for that.
    pub ready_limit: Duration,
}

/// How one knows that a service is up.
#[derive(Clone, Debug, PartialEq)]
pub enum Ready {
    /// A GET of this http URL answers with status 200 to 299.
    Http(String),
    /// Somebody listens at this address.
    Tcp(String),
    /// This command ends with status 0.
    Command(Vec<String>),
    /// It is up as soon as it runs (batch jobs).
    Started,
}

/// Something whose throughput is measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Application {
    /// Unique.
    pub name: String,
    /// Names of the services it needs.
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
}

/// A command that puts load on services and says how much they did.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// Of the application it belongs to.
    pub name: String,
    /// Program and arguments; `{seconds}` is still to be filled in.
    pub command: Vec<String>,
    /// Beside ours.
    pub environment: BTreeMap<String, String>,
    /// The command has no length of its own: run it again until the window has passed.
    pub repeat: bool,
    /// How to read what it prints.
    pub(crate) reader: crate::reading::Reader,
}
