// SPDX-License-Identifier: GPL-2.0-only
//! What is written to the running scx_meta, and in which order.

use anyhow::Result;
use scx_meta::live::Live;
use scx_meta::policy::Policy;
use scx_meta::weights::Weights;

use super::rotation::Rotation;

/// Holds one policy.
pub fn hold(live: &Live, policy: Policy) -> Result<()> {
    live.set_pin(Some(policy))?;
    live.apply()
}

/// Begins a rotation, with no policy held any more.
pub fn rotate(live: &Live, rotation: &Rotation) -> Result<()> {
    for (policy, weight) in raise_first(&live.weights()?, &rotation.weights()) {
        live.set_weight(policy, weight)?;
    }
    live.set_period_us(rotation.period_us())?;
    live.set_pin(None)?;
    live.apply()
}

/// New weights in an order in which they are never all zero in between.
fn raise_first(old: &[(Policy, u32)], new: &Weights) -> Vec<(Policy, u32)> {
    let change = |(policy, before): &(Policy, u32)| (*policy, *before, new.get(*policy));
    let mut changes: Vec<_> = old.iter().map(change).collect();
    changes.sort_by_key(|(_, before, after)| after < before);
    let write = |(policy, _, after)| (policy, after);
    changes.into_iter().map(write).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_never_all_zero_in_between() {
        let [fifo, vtime, central, nest] = [0, 1, 2, 3].map(|i| Policy::all().nth(i).unwrap());
        let mut weights = vec![(fifo, 3), (vtime, 1), (central, 0), (nest, 0)];
        let new = Weights::new([(nest, 5)]);
        for (policy, weight) in raise_first(&weights.clone(), &new) {
            let written = weights.iter_mut().find(|(p, _)| *p == policy).unwrap();
            written.1 = weight;
            assert!(weights.iter().any(|(_, weight)| *weight > 0), "{weights:?}");
        }
        assert_eq!(weights, [(fifo, 0), (vtime, 0), (central, 0), (nest, 5)]);
    }
}
