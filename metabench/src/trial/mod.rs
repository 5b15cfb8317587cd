// SPDX-License-Identifier: GPL-2.0-only
//! A trial: applications under load, again and again, under one scheduler after another, in one
//! boot. `try`, `profile`, `tune`, `compare` and `breakdown` are trials of different rows.
//!
//! ```text
//! super-block:  [EEVDF] [row] [row] … [row] [EEVDF]    rows in an order of a Williams design
//! block:        put in charge, settle, one run of the load inside, read throughput and latency
//! ```
//!
//! Each row's ratio is taken to the EEVDF blocks of its own super-block, so that a machine that
//! grows slower or faster favours nobody.

pub(crate) mod args;
mod block;
pub(crate) mod engine;
#[cfg(test)]
mod engine_tests;
#[cfg(test)]
pub(crate) mod fake;
pub(crate) mod files;
mod load;
pub(crate) mod order;
mod progress;
mod running;
pub(crate) mod scene;
pub(crate) mod session;
pub(crate) mod window;
