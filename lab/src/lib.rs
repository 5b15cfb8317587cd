// SPDX-License-Identifier: GPL-2.0-only
//! The lab: machines that scx_meta is tried on, without touching the one that it runs on.
//!
//! ```text
//! command, paths ◄─ apt ◄─ packages ◄─ kernel, programs ◄─ vm ◄─ fleet ◄─ calibrate
//!                                                          ▲
//!                                                          └──── clocks, soak, nextest
//! ```
//!
//! An arrow points at what is used. `cargo xtask` is the command line of all of it.

pub mod apt;
pub mod calibrate;
pub mod clocks;
pub mod command;
pub mod fleet;
pub mod guest_clock;
pub mod kernel;
pub mod nextest;
pub mod packages;
pub mod paths;
pub mod programs;
pub mod soak;
pub mod vm;
