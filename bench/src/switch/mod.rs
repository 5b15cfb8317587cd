// SPDX-License-Identifier: GPL-2.0-only
//! `bench switch`: process replacement and the flip, side by side.

pub mod figures;
pub mod measure;
