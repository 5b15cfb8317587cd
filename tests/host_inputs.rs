// SPDX-License-Identifier: GPL-2.0-only
//! The checks of fuzz/ on a stable Rust: made-up bytes, and files that we ship with bytes changed.

#[path = "../fuzz/inputs/map_values.rs"]
mod map_values;
#[path = "../fuzz/inputs/profile.rs"]
mod profile;
#[path = "../fuzz/inputs/slips.rs"]
mod slips;

use proptest::collection;
use proptest::prelude::*;

const EXAMPLE: &[u8] = include_bytes!("../contrib/profile.example.toml");

/// Small, large and any numbers: of the large ones sums do not fit.
fn word() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..10u64,
        0..1u64 << 40,
        u64::MAX - 10..=u64::MAX,
        any::<u64>(),
    ]
}

#[test]
fn the_example_is_a_profile() {
    profile::check(EXAMPLE);
}

proptest! {
    #[test]
    fn any_bytes_are_a_profile_or_none(bytes: Vec<u8>) {
        profile::check(&bytes);
    }

    #[test]
    fn a_profile_with_slips_is_one_or_none(bytes in slips::of(EXAMPLE)) {
        profile::check(&bytes);
    }

    #[test]
    fn whatever_the_maps_hold_is_shown(words in collection::vec(word(), 0..2500)) {
        let bytes: Vec<u8> = words.into_iter().flat_map(u64::to_ne_bytes).collect();
        map_values::check(&bytes);
    }
}
