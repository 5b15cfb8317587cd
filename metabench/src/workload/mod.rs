// SPDX-License-Identifier: GPL-2.0-only
//! `workload.toml`: what there is to schedule. Services that stay up, and applications whose load
//! talks to them.
//!
//! ```toml
//! name = "web"
//! notes = ["The page has {page_bytes} bytes."]    # optional, for reports, in sentences
//!
//! [parameters]                     # optional; `--set page_bytes=512` says otherwise
//! page_bytes = 4096
//! window = 5
//!
//! [[service]]                      # optional; started in the order of the file
//! name = "nginx"
//! command = ["nginx", "-c", "{workload}/nginx.conf"]
//! environment = { LANG = "C" }     # optional, beside ours
//! folder = "/run"                  # optional; where it runs, else the folder of the file
//! ready = { http = "http://127.0.0.1:18080/" }    # a GET answers with status 200 to 299,
//! #       { tcp = "127.0.0.1:18080" }             # or somebody listens,
//! #       { command = ["redis-cli", "ping"] }     # or this ends with status 0,
//! #       "started"                               # or it is up as soon as it runs
//! ready_seconds = 60               # optional: the longest wait for that
//!
//! [[application]]                  # at least one
//! name = "web"
//! services = ["nginx"]             # optional: what it needs
//! concurrency = 8                  # requests under way at once
//! throughput_unit = "requests/s"   # more is better
//! seconds = "{window}"             # least length of a block
//! warm_up_seconds = 1              # optional: load before anything is measured
//! closed_loop = true               # optional: a request begins only when one ends
//! command = ["wrk", "-c8", "-d{seconds}s", "http://127.0.0.1:18080/"]
//! environment = { LANG = "C" }     # optional, beside ours
//! repeat = false                   # optional: run it again until the block has its length
//! reader = "wrk"                   # or a table, see below
//!
//! [whole]                          # optional: all of it. Written like an application, its name
//! together = ["web", "batch"]      # optional; or the loads of these at the same time
//! ```
//!
//! A load either takes its length from `{seconds}` or has `repeat = true`. A command whose length is
//! its own takes as long under a scheduler as that scheduler makes it, so that its blocks would
//! hold an unknown part of a rotation: with `repeat` it at least fills the window, if need be with
//! one run.
//!
//! With `together`, services are united, the window and the warm-up are the longest, concurrency is
//! the sum; `name`, `throughput_unit`, `seconds`, `warm_up_seconds` may say otherwise. Throughput is
//! the geometric mean of the parts'.
//!
//! `{name}` stands for a parameter in commands, environments, folders, URLs, addresses, notes and
//! `reader.operations`, and a number may be text with parameters in it, or a product of such:
//! `"{groups} * 400"`. Always there: `{workload}`, the folder of the file; `{scx_metabench}`, our own
//! program; `{cpus}`, how many this process may use; they may stand in a parameter's default, too.
//! `{seconds}` is the length of the block, and only a load's command knows it. A brace is written
//! twice.
//!
//! ```toml
//! reader = "wrk"                                                    # likewise "schbench", "probe"
//! reader = { kind = "perf-bench", operations = "{groups} * 400" }   # of one run, if perf does not say
//! reader = { kind = "stress-ng", stressor = "cpu" }                 # without it, the sum of all
//! reader = { kind = "regex", throughput = 'rate: ([0-9.]+)', latency_p90 = 'p90: ([0-9.]+)',
//!            latency_p99 = 'p99: ([0-9.]+)', latency_unit = "ms", requests = 'n: ([0-9]+)' }
//! ```
//!
//! Each expression has one capture group and must match once; `latency_…` and `requests` (else
//! throughput times length) are optional. See [`crate::reading`] for what readers do.
//!
//! Nothing in the file is guessed: what is unknown, missing or impossible is an error with file,
//! line and field.

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
    pub reader: crate::reading::Reader,
}
