// SPDX-License-Identifier: GPL-2.0-only
//! What only a real kernel with sched_ext can show: tests that need root, each fit to run in a
//! process of its own or after the others in one. `cargo xtask test` runs them in guests;
//! `.config/nextest.toml` says which machine each wants, and tier.rs how long it takes.
//!
//! As root on a machine with sched_ext, whose scheduler the tests replace:
//! `cargo test --features guest-tests --test guest -- --test-threads=1`.
//!
//! ```text
//! scheduler   a running scx_meta: the shared one (fixture), or one of the test's own
//! own         a loader that a test starts, and sees the end of
//! maps        its pinned maps as any program sees them
//! counters    what it counted, and the law of conservation
//! callback    what a call of the program costs
//! faults      what is done to it, and to the tasks and CPUs under it
//! mutant      another policy in place of the one whose identity is tested
//! ```
//!
//! Each test prints the figures it saw; limits are asserted only where the
//! project promises them, since an emulated machine is slow and noisy.

#![allow(clippy::unwrap_used)]

mod adopted;
mod alone;
mod auto;
mod bound;
mod callback;
mod cgroups;
mod clock;
mod configured;
mod counters;
mod crowd;
mod doctor;
mod drained;
mod ejections;
mod fair;
mod faults;
mod fixture;
mod group_weights;
mod identity;
mod idle;
mod kmsg;
mod lifecycle;
mod live_updates;
mod loads;
mod managed;
mod maps;
mod metrics;
mod mutant;
mod mutants;
mod own;
mod pair;
mod picks;
mod pins;
mod qmap;
mod readers;
mod recent;
mod roamer;
mod rotation;
mod rustland;
mod rusty;
mod scheduler;
mod set;
mod shares;
mod stops;
mod switches;
mod tier;
mod wakers;
mod watched;
