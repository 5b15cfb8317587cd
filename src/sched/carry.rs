// SPDX-License-Identifier: GPL-2.0-only
//! From one program's maps to the next one's: what people set stays set. The old maps can be
//! written to by their pins until those are replaced, so they are read right before that, and once
//! more after it: a write that fell in between is written again.

use anyhow::Result;

use crate::live::{Knobs, Live};
use crate::weights::PolicyList;

/// Fills the new maps and has them pinned by `publish`.
pub(super) fn over(
    old: &Live,
    new: &Live,
    policies: &PolicyList,
    publish: impl FnOnce() -> Result<()>,
) -> Result<Knobs> {
    let before = old.knobs_of(policies)?;
    new.fill(policies, &before)?;
    publish()?;
    let after = old.knobs_of(policies)?;
    // What nobody wrote to meanwhile is left alone: the new pins can be written to by now.
    for policy in policies.iter() {
        let weight = after.weights.get(policy);
        if weight != before.weights.get(policy) {
            new.set_weight(policy, weight)?;
        }
    }
    if after.period_us != before.period_us {
        new.set_period_us(after.period_us)?;
    }
    if after.pin != before.pin {
        new.set_pin(after.pin)?;
    }
    Ok(after)
}
