// SPDX-License-Identifier: GPL-2.0-only
//! How a running scx_meta is told what to do, whoever writes: weights are raised before any is
//! lowered, so that they are never all zero in between and the rotation never runs dry.

use std::time::Duration;

use anyhow::{Context, Result};

/// Who writes to the maps of a running scx_meta.
pub trait Knobs {
    /// How a policy is named here.
    type Policy: Copy + PartialEq;

    /// The policies that are loaded, and their weights.
    fn weights(&self) -> Result<Vec<(Self::Policy, u32)>>;

    /// Writes one weight.
    fn set_weight(&self, policy: Self::Policy, weight: u32) -> Result<()>;

    /// Writes the length of a whole rotation.
    fn set_period_us(&self, period_us: u32) -> Result<()>;

    /// Holds a policy, or lets the weights decide.
    fn set_pin(&self, policy: Option<Self::Policy>) -> Result<()>;

    /// Makes the program look at all of it at once.
    fn apply(&self) -> Result<()>;
}

/// A weight that is to be written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change<P> {
    /// Whose.
    pub policy: P,
    /// What it is now.
    pub from: u32,
    /// What it becomes.
    pub to: u32,
}

/// Sorts changes into the order in which they are to be written.
pub fn raise_first<P>(changes: &mut [Change<P>]) {
    changes.sort_by_key(|change| change.to < change.from);
}

/// Holds one policy.
pub fn hold<K: Knobs>(knobs: &K, policy: K::Policy) -> Result<()> {
    knobs.set_pin(Some(policy))?;
    knobs.apply()
}

/// Holds no policy any more.
pub fn release<K: Knobs>(knobs: &K) -> Result<()> {
    knobs.set_pin(None)?;
    knobs.apply()
}

/// Begins a rotation of this length by these weights, with no policy held any more; a policy that
/// is not listed gets no turns.
pub fn rotate<K: Knobs>(knobs: &K, weights: &[(K::Policy, u32)], period: Duration) -> Result<()> {
    let wanted = |policy| {
        let listed = weights.iter().find(|(listed, _)| *listed == policy);
        listed.map_or(0, |(_, weight)| *weight)
    };
    let now = knobs.weights()?.into_iter();
    let mut changes: Vec<_> = now
        .map(|(policy, from)| Change {
            policy,
            from,
            to: wanted(policy),
        })
        .collect();
    raise_first(&mut changes);
    for change in changes {
        knobs.set_weight(change.policy, change.to)?;
    }
    let period_us = u32::try_from(period.as_micros());
    knobs.set_period_us(period_us.context("a rotation is too long")?)?;
    release(knobs)
}

/// Turns of this length for each of these policies.
pub fn take_turns<K: Knobs>(knobs: &K, policies: &[K::Policy], turn: Duration) -> Result<()> {
    let weights: Vec<_> = policies.iter().map(|policy| (*policy, 1)).collect();
    rotate(knobs, &weights, turn * policies.len() as u32)
}

#[cfg(feature = "live")]
impl Knobs for scx_meta::live::Live {
    type Policy = scx_meta::policy::Policy;

    fn weights(&self) -> Result<Vec<(Self::Policy, u32)>> {
        self.weights()
    }

    fn set_weight(&self, policy: Self::Policy, weight: u32) -> Result<()> {
        self.set_weight(policy, weight)
    }

    fn set_period_us(&self, period_us: u32) -> Result<()> {
        self.set_period_us(period_us)
    }

    fn set_pin(&self, policy: Option<Self::Policy>) -> Result<()> {
        self.set_pin(policy)
    }

    fn apply(&self) -> Result<()> {
        self.apply()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Maps of three policies; notes whether all weights were zero at any time.
    struct Fake {
        weights: RefCell<[u32; 3]>,
        dry: RefCell<bool>,
        said: RefCell<Vec<String>>,
    }

    impl Fake {
        fn new(weights: [u32; 3]) -> Self {
            Self {
                weights: RefCell::new(weights),
                dry: RefCell::new(false),
                said: RefCell::default(),
            }
        }

        fn say(&self, what: String) -> Result<()> {
            self.said.borrow_mut().push(what);
            Ok(())
        }
    }

    impl Knobs for Fake {
        type Policy = usize;

        fn weights(&self) -> Result<Vec<(usize, u32)>> {
            Ok(self.weights.borrow().iter().copied().enumerate().collect())
        }

        fn set_weight(&self, policy: usize, weight: u32) -> Result<()> {
            self.weights.borrow_mut()[policy] = weight;
            *self.dry.borrow_mut() |= self.weights.borrow().iter().all(|weight| *weight == 0);
            Ok(())
        }

        fn set_period_us(&self, period_us: u32) -> Result<()> {
            self.say(format!("period {period_us}"))
        }

        fn set_pin(&self, policy: Option<usize>) -> Result<()> {
            self.say(format!("pin {policy:?}"))
        }

        fn apply(&self) -> Result<()> {
            self.say("apply".into())
        }
    }

    #[test]
    fn weights_are_never_all_zero_in_between() {
        for (before, wanted) in [([3, 1, 0], 2), ([0, 0, 7], 0), ([1, 1, 1], 1)] {
            let fake = Fake::new(before);
            rotate(&fake, &[(wanted, 5)], Duration::from_millis(20)).unwrap();
            assert!(!*fake.dry.borrow(), "{before:?}");
            let mut after = [0; 3];
            after[wanted] = 5;
            assert_eq!(*fake.weights.borrow(), after);
        }
    }

    #[test]
    fn a_rotation_ends_a_pin_and_is_applied_last() {
        let fake = Fake::new([1, 0, 0]);
        take_turns(&fake, &[0, 1], Duration::from_millis(30)).unwrap();
        let said = fake.said.borrow();
        assert_eq!(said[..], ["period 60000", "pin None", "apply"]);
    }

    #[test]
    fn holding_is_applied() {
        let fake = Fake::new([1, 0, 0]);
        hold(&fake, 2).unwrap();
        assert_eq!(fake.said.borrow()[..], ["pin Some(2)", "apply"]);
    }

    #[test]
    fn a_rotation_that_does_not_fit_the_map_is_refused() {
        let fake = Fake::new([1, 0, 0]);
        let error = rotate(&fake, &[(0, 1)], Duration::from_secs(5000)).unwrap_err();
        assert!(error.to_string().contains("too long"), "{error}");
    }
}
