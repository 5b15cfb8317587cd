// SPDX-License-Identifier: GPL-2.0-only
//! `xtask verifier`: what the kernel's verifier makes of each program, with all policies and with
//! each alone. The kernel refuses a program once it has processed a million instructions of it.

pub(crate) mod figures;
pub(crate) mod measure;

mod record;
