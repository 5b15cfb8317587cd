// SPDX-License-Identifier: GPL-2.0-only
//! From samples to sentences, for both benches.
//!
//! ```text
//! raw (JSON lines, with the machine) ─► sample: medians, intervals ─► table, figure ─► files
//!                  └─► spec: samples in long format, in rows ─┘  └─► provenance beside each
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod figure;
pub mod files;
mod once;
pub mod provenance;
pub mod raw;
pub mod sample;
pub mod spec;
pub mod table;

pub use self::once::once;
