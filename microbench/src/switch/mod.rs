// SPDX-License-Identifier: GPL-2.0-only
//! `bench switch`: process replacement and the flip, side by side.
//!
//! ```text
//! measure ─► replacement, preloaded ─┐
//!         ─► flips ──────────────────┼─► record (JSON lines) ─► figures: samples ─► costs, windows
//!         ─► disturbance ────────────┘                          ─► details ─► report, tables, draw
//! ```

pub(crate) mod figures;
pub(crate) mod measure;
pub(crate) mod meta;

mod costs;
mod details;
mod disturbance;
mod draw;
mod flips;
mod loads;
mod preloaded;
mod record;
mod replacement;
mod report;
mod samples;
mod tables;
mod windows;
