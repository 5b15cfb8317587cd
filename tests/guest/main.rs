// SPDX-License-Identifier: GPL-2.0-only
//! What only a real kernel with sched_ext can show. `cargo xtask test` runs
//! these as root in a guest: tests named `cpus4_…` on four CPUs, `llc2_…` on
//! four with two last-level caches, `det_…` on four that share one virtual
//! clock, all others on two.
//!
//! Each test prints the figures it saw; limits are asserted only where the
//! project promises them, since an emulated machine is slow and noisy.

#![allow(clippy::unwrap_used)]

mod alone;
mod bound;
mod caches;
mod cgroups;
mod clock;
mod counters;
mod handover;
mod identity;
mod kmsg;
mod lifecycle;
mod live_updates;
mod load;
mod maps;
mod picks;
mod realtime;
mod scheduler;
mod shares;
mod starvation;
mod switches;
mod tasks;
mod userspace;
mod wakers;
