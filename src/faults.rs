// SPDX-License-Identifier: GPL-2.0-only
//! What tests break on purpose, by the variable SCX_META_FAULT; in the loader that
//! is built for the tests only (feature guest-tests).

use std::env;

use anyhow::{bail, Context, Result};

use crate::bpf::types;
use crate::policy::Policy;

/// `timers=N`: of N starts of a policy's timer one fails. `dispatch=POLICY`: its
/// dispatch() finds nothing. `panic=watch`: see below. Several, with commas.
pub(crate) fn fill(rodata: &mut types::rodata) -> Result<()> {
    let Ok(faults) = env::var("SCX_META_FAULT") else {
        return Ok(());
    };
    for fault in faults.split(',') {
        match fault.split_once('=') {
            Some(("timers", n)) => {
                rodata.fault_timers = n.parse().context("SCX_META_FAULT: timers")?;
            }
            Some(("dispatch", name)) => {
                let policy: Policy = name.parse().context("SCX_META_FAULT: dispatch")?;
                rodata.fault_dispatches = policy.id();
            }
            Some(("panic", "watch")) => (),
            _ => bail!("SCX_META_FAULT: `{fault}` is no fault"),
        }
    }
    Ok(())
}

/// `panic=watch`: whoever looks after a program that is in charge panics.
pub(crate) fn panic_if_told() {
    let told = env::var("SCX_META_FAULT").is_ok_and(|faults| faults.contains("panic=watch"));
    assert!(!told, "told to panic");
}
