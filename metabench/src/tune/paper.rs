// SPDX-License-Identifier: GPL-2.0-only
//! The paper's own final pair, whatever the profile prefers: its schedulers were scx_simple -f and
//! scx_rusty, its four strategies gave them time at a base slice of 1800 ms.

use std::time::Duration;

use scx_meta::policy::Policy;
use scx_meta::weights::PolicyList;
use strategy::profile::Application;
use strategy::Strategy;

pub(crate) const BASE_SLICE: Duration = Duration::from_millis(1800);

pub(crate) const STRATEGIES: [Strategy; 4] = [
    Strategy::RoundRobin,
    Strategy::Delta,
    Strategy::Benefit,
    Strategy::DeltaBenefit,
];

/// scx_simple -f
const FIRST: &str = "fifo";

/// scx_rusty; vtime if rusty is not loaded.
const SECOND: [&str; 2] = ["rusty", "vtime"];

pub(crate) fn pair(policies: &PolicyList) -> Option<[Policy; 2]> {
    let loaded = |name: &str| policies.iter().find(|policy| policy.name() == name);
    let second = SECOND.into_iter().find_map(loaded)?;
    Some([loaded(FIRST)?, second])
}

/// The applications as if the first preferred the pair's first and all others its second: in the
/// paper the frontend and the backend did.
pub(crate) fn assigned(applications: &[Application], pair: [Policy; 2]) -> Vec<Application> {
    let mut assigned = applications.to_vec();
    for (i, application) in assigned.iter_mut().enumerate() {
        let policy = pair[i.min(1)];
        application
            .policies
            .retain(|(measured, _)| measured == policy.name());
    }
    assigned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pair_needs_both_of_its_policies() {
        let pair = pair(&PolicyList::all()).unwrap();
        assert_eq!(pair[0].name(), FIRST);
        assert!(SECOND.contains(&pair[1].name()));
        let other: PolicyList = "vtime".parse().unwrap();
        assert_eq!(super::pair(&other), None);
    }
}
