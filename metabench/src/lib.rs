// SPDX-License-Identifier: GPL-2.0-only
//! `scx_metabench`, a user's tool: which scheduler serves an application best, and whether switching
//! pays.
//!
//! ```text
//! commands                   attempt (`try`), profiling, tune, compare, breakdown, arena; probe_load,
//!                            loads (`load`)
//! trial                      blocks of one setting each, in random order; services, workload,
//!                            reading: the processes, and what a load says of itself
//! record                     a block, and all that is written of a trial
//! estimate ─► outcome        intervals and verdicts from the blocks ─► report, profile_file
//! pipeline                   what profiling, tune, compare and breakdown have in common; rows of
//!                            strategies
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod ab;
mod advice;
mod arena;
mod attempt;
mod breakdown;
pub mod cli;
mod compare;
mod estimate;
mod headroom;
mod loads;
mod metric;
mod outcome;
mod pipeline;
mod probe_load;
mod profile_file;
mod profiling;
pub mod reading;
mod record;
mod report;
pub mod service;
mod trial;
mod tune;
pub mod workload;
