// SPDX-License-Identifier: GPL-2.0-only
//! `bench scale`: the flip against CPUs, tasks, policies and periods.

pub mod figures;
pub mod measure;
