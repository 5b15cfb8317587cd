// SPDX-License-Identifier: GPL-2.0-only
//! Any bytes as a profile: it is refused with file and line, or all that is computed from it is sound.

use std::time::Duration;

use scx_meta::policy::Policy;
use scx_meta::weights::PolicyList;
use strategy::profile::Profile;
use strategy::{Allotment, Policies, Prefer, Strategy, WEIGHT_TOTAL};

const FILE: &str = "any.toml";
const BASE_SLICE: Duration = Duration::from_millis(100);

const STRATEGIES: [Strategy; 6] = [
    Strategy::RoundRobin,
    Strategy::Delta,
    Strategy::Benefit,
    Strategy::BenefitGain,
    Strategy::DeltaBenefit,
    Strategy::DeltaBenefitGain,
];

pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    // Those that the text is about: else most texts would only lack one.
    let named = Policy::all().filter(|policy| text.contains(policy.name()));
    let mut loaded: PolicyList = named.collect();
    if loaded.iter().next().is_none() {
        loaded = PolicyList::all();
    }
    match Profile::parse(text, FILE, &loaded.names()) {
        Err(error) => {
            let error = format!("{error:#}");
            let line = error
                .strip_prefix(FILE)
                .and_then(|rest| rest.strip_prefix(':'));
            let line = line.and_then(|rest| rest.split(':').next()?.parse::<usize>().ok());
            assert!(line.is_some_and(|line| line > 0), "{error}");
        }
        Ok(profile) => {
            let written = profile.to_toml().expect("a profile can be written");
            let again =
                Profile::parse(&written, FILE, &loaded.names()).expect("what was read is right");
            assert_eq!(again, profile);
            allot(&profile, &loaded.names());
        }
    }
}

fn allot(profile: &Profile, policies: &Policies) {
    for strategy in STRATEGIES {
        for prefer in [Prefer::Throughput, Prefer::P99] {
            let applications = &profile.applications;
            let made =
                Allotment::from_profile(strategy, prefer, applications, policies, BASE_SLICE);
            let Ok(allotment) = made else {
                continue;
            };
            let weights = allotment.weights.iter();
            assert_eq!(weights.map(|(_, weight)| weight).sum::<u32>(), WEIGHT_TOTAL);
            assert!(allotment.rows.iter().all(|row| row.weight.is_finite()));
        }
    }
}
