// SPDX-License-Identifier: GPL-2.0-only
//! A mutant: wherever an identity test says one policy, the harness takes another.
//! SCX_META_TEST_MUTANT=nest=fifo makes fifo play nest; the test of nest must then fail, and
//! mutants.rs demands that.

use std::env;

use scx_meta::policy::Policy;

use crate::maps::policy;

pub const VARIABLE: &str = "SCX_META_TEST_MUTANT";

/// Before what a test prints of its mutant.
pub const SAID: &str = "mutant: ";

/// The policy whose identity is tested, or who plays it.
pub fn cast(name: &str) -> Policy {
    let Some((row, player)) = roles() else {
        return policy(name);
    };
    if row != name {
        return policy(name);
    }
    println!("{SAID}{player} plays {row}");
    policy(&player)
}

/// Is this process to fail?
pub fn is_on() -> bool {
    roles().is_some()
}

fn roles() -> Option<(String, String)> {
    let text = env::var(VARIABLE).ok()?;
    let (row, player) = text
        .split_once('=')
        .unwrap_or_else(|| panic!("{VARIABLE}={text}: not NAME=NAME"));
    // A name that nobody has would make no mutant.
    policy(row);
    Some((row.to_owned(), player.to_owned()))
}
