// SPDX-License-Identifier: GPL-2.0-only
//! Policies and counters by name, from the tables of `include/policies.h` and
//! `include/stats.h`.

use std::fmt;
use std::str::FromStr;

use anyhow::{bail, Error, Result};

use crate::bpf::abi;

include!(concat!(env!("OUT_DIR"), "/tables.rs"));

/// A row of `include/policies.h`.
#[derive(Debug)]
pub(crate) struct PolicyRow {
    /// What people type.
    pub(crate) name: &'static str,
    /// `enum meta_policy`.
    pub(crate) id: u32,
    /// `enum meta_needs`: optional ops this policy wants loaded.
    pub(crate) needs: u32,
    /// One line for people.
    pub(crate) description: &'static str,
}

/// What a counter counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Events.
    Count,
    /// Nanoseconds.
    Nanoseconds,
}

/// How the CPUs' values of a counter are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// Added up.
    Sum,
    /// The largest counts.
    Max,
}

/// A row of `include/stats.h`.
#[derive(Debug)]
pub struct StatRow {
    /// The counter's name, also in JSON.
    pub name: &'static str,
    /// What it counts in.
    pub unit: Unit,
    /// How the CPUs' values are joined.
    pub fold: Fold,
    /// One line for people.
    pub description: &'static str,
    /// Reads the counter.
    pub get: fn(&abi::meta_stats) -> u64,
    /// Writes the counter.
    pub get_mut: fn(&mut abi::meta_stats) -> &mut u64,
}

/// All counters, in table order.
pub fn stat_rows() -> &'static [StatRow] {
    STAT_ROWS
}

/// One policy of the table; never "none".
#[derive(Clone, Copy)]
pub struct Policy(&'static PolicyRow);

impl Policy {
    /// All policies, in table order.
    pub fn all() -> impl Iterator<Item = Self> {
        POLICY_ROWS.iter().map(Self)
    }

    /// The policy with this `enum meta_policy`, if there is one.
    pub fn from_id(id: u32) -> Option<Self> {
        Self::all().find(|policy| policy.id() == id)
    }

    /// `enum meta_policy`.
    pub fn id(self) -> u32 {
        self.0.id
    }

    /// The bit of the rodata variable `available`.
    pub fn bit(self) -> u32 {
        1 << self.0.id
    }

    /// What people type.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// One line for people.
    pub fn description(self) -> &'static str {
        self.0.description
    }

    /// `enum meta_needs`: optional ops this policy wants loaded.
    pub(crate) fn needs(self) -> u32 {
        self.0.needs
    }
}

impl PartialEq for Policy {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Policy {}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Policy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match Self::all().find(|policy| policy.name() == text) {
            Some(policy) => Ok(policy),
            None => bail!("unknown policy `{text}`; known: {}", join(Self::all())),
        }
    }
}

/// Names with commas between, for messages.
pub(crate) fn join(policies: impl IntoIterator<Item = Policy>) -> String {
    let names: Vec<_> = policies.into_iter().map(Policy::name).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_row_positions() {
        for (position, policy) in Policy::all().enumerate() {
            assert_eq!(policy.id() as usize, position + 1, "{policy}");
        }
        assert!(Policy::from_id(abi::meta_policy_META_NONE).is_none());
        assert!(Policy::from_id(abi::meta_policy_META_NR_POLICIES).is_none());
    }

    #[test]
    fn every_name_parses_to_its_own_policy() {
        for policy in Policy::all() {
            assert_eq!(policy.name().parse::<Policy>().unwrap(), policy);
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        let error = "fiffo".parse::<Policy>().unwrap_err().to_string();
        assert!(error.contains("`fiffo`"), "{error}");
        assert!(error.contains("fifo, vtime"), "{error}");
    }

    #[test]
    fn every_counter_has_a_place_of_its_own() {
        let mut stats: abi::meta_stats = crate::value::zeroed();
        for (value, row) in (1..).zip(stat_rows()) {
            *(row.get_mut)(&mut stats) = value;
        }
        for (value, row) in (1..).zip(stat_rows()) {
            assert_eq!((row.get)(&stats), value, "{}", row.name);
        }
    }
}
