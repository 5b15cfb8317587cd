// SPDX-License-Identifier: GPL-2.0-only
//! `bench overhead`: what it costs to be a metascheduler. Each callback and whole workloads against
//! schedulers of one policy, and what an idle machine has to do.
//!
//! ```text
//! guest   measure ─► contender (who is in charge) × callbacks: mix, windows
//!                                                   end_to_end: workload, web    ──► record
//!                                                   idle
//! host    figures ◄─ callback_report (cost, reason), throughput_report, idle_report ◄─ data
//! ```

mod callback;
mod callback_report;
mod callbacks;
mod contender;
mod cost;
mod data;
mod end_to_end;
pub(crate) mod figures;
mod idle;
mod idle_report;
pub(crate) mod measure;
mod mix;
mod reason;
mod record;
mod throughput_report;
mod web;
mod windows;
mod workload;
