// SPDX-License-Identifier: GPL-2.0-only
//! `bench policies`: every policy of scx_meta, and other sched_ext schedulers, against EEVDF, all in
//! one boot.
//!
//! ```text
//! round:  EEVDF   scx_meta: policy, policy …   another scheduler …   EEVDF again
//!         in an order of its own; under each, every load, in an order that the round has
//! ```
//!
//! EEVDF against itself is the noise floor. Each round is a block: what is compared was measured
//! within minutes of each other.

pub(crate) mod figures;
pub(crate) mod load;
pub(crate) mod measure;
pub(crate) mod metric;
pub(crate) mod record;

mod document;
mod order;
