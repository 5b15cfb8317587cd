// SPDX-License-Identifier: GPL-2.0-only
//! `bench overhead`: each callback and whole workloads, against schedulers of one policy.

pub mod figures;
pub mod measure;
