// SPDX-License-Identifier: GPL-2.0-only
//! `bench switch`: process replacement and the flip, side by side.
//!
//! ```text
//! measure ─► replacement, preloaded ─┐
//!         ─► flips ──────────────────┼─► record (JSON lines) ─► figures: data ─► costs, windows
//!         ─► disturbance ────────────┘               ─► details, ratios ─► report, tables, draw
//! ```

pub mod costs;
pub mod data;
pub mod details;
pub mod draw;
pub mod figures;
pub mod measure;
pub mod ratios;
pub mod record;
pub mod report;
pub mod tables;
pub mod windows;

mod disturbance;
mod flips;
mod loads;
pub(crate) mod meta;
mod preloaded;
mod replacement;
