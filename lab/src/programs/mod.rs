// SPDX-License-Identifier: GPL-2.0-only
//! Programs for guests, and for the lab itself: what cargo builds of this repository, and what comes
//! from elsewhere, below `target/lab`.

pub mod cargo;
pub mod schedulers;
pub mod stock;
pub mod tool;
pub mod unpacked;
pub mod variants;
