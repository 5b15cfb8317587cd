// SPDX-License-Identifier: GPL-2.0-only
//! `bench scale`: the flip against CPUs, tasks, policies and periods, what it disturbs, and how much
//! work is left at each period.
//!
//! ```text
//! measure: cost, after, period, busy ──► record ──► figures: the same four, report
//!            │ on a rig, with loads (work) and an instrument (irq)
//! ```

mod after;
mod busy;
mod cost;
pub(crate) mod figures;
mod irq;
pub(crate) mod measure;
mod period;
mod record;
pub(crate) mod rig;
mod work;
