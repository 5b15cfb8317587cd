// SPDX-License-Identifier: GPL-2.0-only
//! The loader of scx_meta: it turns options into map contents, loads one BPF
//! program that holds several scheduling policies, waits, and reports. Which
//! policy runs when, and how tasks are ordered, is decided in the kernel.
//!
//! ```text
//! cli ──► sched: open ─► fill ─► load ─► pin ─► attach ─► watch ─► report
//!  │        │                             │               │         │
//!  │     weights, cpus, domains,     live, pins stats, turns,     output
//!  │     preflight, machine                     halves
//!  ├─► strategy (a package): weights from what was measured
//!  └─► set: changes the maps of the running program
//! ```

#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod bpf;
mod call;
pub mod cli;
pub mod cpus;
pub mod domains;
#[cfg(feature = "guest-tests")]
mod faults;
mod halves;
mod hotplug;
pub mod live;
pub mod logging;
pub mod machine;
mod memory;
pub mod output;
pub mod pins;
pub mod policy;
pub mod preflight;
mod realtime;
pub mod sched;
pub mod set;
pub mod stats;
mod threads;
pub mod turns;
pub mod void;
pub mod weights;
