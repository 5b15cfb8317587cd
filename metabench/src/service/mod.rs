// SPDX-License-Identifier: GPL-2.0-only
//! Programs that a workload needs, started in order and stopped whatever happens: each runs in a PID
//! namespace of its own, which ends with us.

pub mod ready;
pub mod services;

pub use services::Services;
