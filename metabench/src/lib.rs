// SPDX-License-Identifier: GPL-2.0-only
//! `scx_metabench`, a user's tool: which scheduler serves an application best, and whether switching
//! pays.
//!
//! ```text
//! commands                   attempt (`try`), profiling, tune, compare, breakdown; probe_load
//! trial                      blocks of one setting each, in random order; services, workload,
//!                            reading: who runs, and what the load says of itself
//! estimate ─► outcome        intervals and verdicts from the blocks ─► report, profile_file
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod attempt;
pub mod breakdown;
pub mod cli;
pub mod compare;
pub mod estimate;
pub mod outcome;
pub mod probe_load;
pub mod profile_file;
pub mod profiling;
pub mod reading;
pub mod report;
pub mod service;
pub mod trial;
pub mod tune;
pub mod workload;
