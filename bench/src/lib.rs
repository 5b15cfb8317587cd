// SPDX-License-Identifier: GPL-2.0-only
//! The benches of scx_meta. Each has two halves: `measure` runs in the guest and writes raw data as
//! JSON lines, `figures` reads them on the host and writes tables, JSON and SVG. So a report can be
//! made again from its raw data, number by number.
//!
//! ```text
//! guest                                          host
//! measure: sched, progs ──► raw (JSON lines) ──► figures: sample ──► table, figure, JSON
//!                                                                    each with provenance
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod attempt;
pub mod breakdown;
pub mod charge;
pub mod cli;
pub mod compare;
pub mod estimate;
pub mod figure;
pub mod named;
pub mod outcome;
pub mod outside;
pub mod overhead;
pub mod policies;
pub mod probe_load;
pub mod profile_file;
pub mod profiling;
pub mod progs;
pub mod provenance;
pub mod raw;
pub mod reading;
pub mod report;
pub mod ruler;
pub mod sample;
pub mod scale;
pub mod sched;
pub mod service;
pub mod switch;
pub mod table;
pub mod tail;
pub mod trial;
pub mod tune;
pub mod verifier;
pub mod watch;
pub mod workload;
