// SPDX-License-Identifier: GPL-2.0-only
//! What the tests, `cargo xtask run` and the benches share: the handle of a running scx_meta and the
//! order in which it is retuned, loads, tasks with a heartbeat, a wake-up probe, a description of the
//! machine, processes, and what sched_ext says about itself.
//!
//! xtask builds this on machines without clang, so nothing here needs scx_meta itself; the feature
//! `live` adds what does.

pub mod calibrate;
#[cfg(feature = "live")]
pub mod charge;
pub mod churn;
pub mod class;
pub mod clock;
pub mod demo;
pub mod hotplug;
pub mod load;
pub mod machine;
pub mod measured;
pub mod meta;
pub mod namespace;
pub mod probe;
pub mod process;
pub mod program;
pub mod realtime;
pub mod retune;
pub mod scx;
pub mod shared;
pub mod sleepers;
pub mod soak;
pub mod spin;
pub mod sys;
pub mod tail;
pub mod task;
pub mod watch;
