// SPDX-License-Identifier: GPL-2.0-only
//! The `calibrated` cost model of the parallel clock: its numbers.

mod costs;

pub use self::costs::Costs;
