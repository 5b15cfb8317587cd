// SPDX-License-Identifier: GPL-2.0-only
//! The project's own claims: what a switch costs, what it disturbs, how far it scales, and what each
//! policy is worth. Each bench has two halves: `measure` runs in the guest and writes raw data as
//! JSON lines, `figures` reads them on the host and writes tables, JSON and SVG. So a report can be
//! made again from its raw data, number by number.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod cli;
mod named;
mod overhead;
mod policies;
mod progs;
mod scale;
mod switch;
#[cfg(test)]
mod testing;
mod verifier;
