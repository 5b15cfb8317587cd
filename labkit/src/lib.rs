// SPDX-License-Identifier: GPL-2.0-only
//! What `cargo xtask run` and the benches share, and what runs inside the guest: loads, a wake-up
//! probe, a description of the machine, processes, and what sched_ext says about itself.

pub mod calibrate;
pub mod clock;
pub mod load;
pub mod machine;
pub mod probe;
pub mod process;
pub mod scx;
pub mod sleepers;
pub mod sys;
