// SPDX-License-Identifier: GPL-2.0-only
//! Weights, periods and durations: parsing, defaults, rounding. Pure: nothing
//! here touches the system.

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{anyhow, bail, ensure, Context, Error, Result};

use strategy::{Allotment, Policies};

use crate::bpf::abi;
use crate::policy::{join, Policy};

/// Held when nobody says otherwise: the one that favours nobody.
const HELD_BY_DEFAULT: u32 = abi::meta_policy_META_EEVDF;

/// A person's choice: central keeps one CPU busy deciding for the others, and
/// pair lets CPUs idle rather than mix cgroups.
const NOT_AMONG_ALL: [u32; 2] = [abi::meta_policy_META_CENTRAL, abi::meta_policy_META_PAIR];

/// What a rotation lasts for each policy in it, when nobody says otherwise.
pub(crate) const BASE_SLICE: Duration = Duration::from_millis(1800);

/// Parses a duration such as `1800ms`, `2s` or `500us`; the unit is required.
pub fn parse_duration(text: &str) -> Result<Duration> {
    let plain_number = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.');
    if plain_number {
        bail!("`{text}` has no unit; for example {text}ms or {text}s");
    }
    humantime::parse_duration(text)
        .map_err(|error| anyhow!("`{text}` is not a duration such as 1800ms, 2s, 500us ({error})"))
}

/// Parses a number of percent, such as `5%` or `0.5`.
pub fn parse_percent(text: &str) -> Result<f64> {
    let number = text.strip_suffix('%').unwrap_or(text).trim_end();
    let percent = number.parse();
    percent.map_err(|_| anyhow!("`{text}` is not a number of percent"))
}

/// The longest time that an option in seconds takes: a year.
const MAX_SECONDS: f64 = 31_536_000.0;

/// Parses a number of seconds between 0.1 and a year, fractions allowed.
pub fn parse_seconds(text: &str) -> Result<Duration> {
    seconds_within(text, &(0.1..=MAX_SECONDS))
}

pub(crate) fn seconds_within(text: &str, range: &RangeInclusive<f64>) -> Result<Duration> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    let seconds = number.ok_or_else(|| anyhow!("`{text}` is not a number of seconds"))?;
    ensure!(
        range.contains(&seconds),
        "`{text}` is out of range: from {} to {} seconds",
        range.start(),
        range.end()
    );
    Ok(Duration::try_from_secs_f64(seconds)?)
}

/// The length of a whole rotation as the map `period_us` holds it.
pub fn period_us(period: Duration) -> Result<u32> {
    let (min, max) = (abi::meta_limits_META_MIN_PERIOD_US, abi::META_MAX_PERIOD_US);
    let us = period.as_micros();
    ensure!(
        (u128::from(min)..=u128::from(max)).contains(&us),
        "a rotation of {} is out of range: {} to {}",
        humantime::format_duration(period),
        humantime::format_duration(Duration::from_micros(min.into())),
        humantime::format_duration(Duration::from_micros(max.into())),
    );
    Ok(us as u32)
}

/// The length of the rotation that a strategy came to.
pub fn period_us_of(allotment: &Allotment) -> Result<u32> {
    let n = allotment.rows.len();
    period_us(allotment.period).with_context(|| format!("--base-slice times n = {n} of --strategy"))
}

/// What the program makes of a length that was written to the map.
pub(crate) fn held_period_us(us: u32) -> u32 {
    us.clamp(abi::meta_limits_META_MIN_PERIOD_US, abi::META_MAX_PERIOD_US)
}

/// What the program makes of a weight that was written to the map.
pub(crate) fn held_weight(weight: u32) -> u32 {
    weight.min(abi::meta_limits_META_MAX_WEIGHT)
}

/// One item of `fifo=3,vtime=1,period=3600ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignment {
    /// A policy's weight.
    Weight(Policy, u32),
    /// The length of a whole rotation, in microseconds.
    PeriodUs(u32),
}

impl FromStr for Assignment {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| anyhow!("`{text}` is not NAME=VALUE"))?;
        if name == "period" {
            return Ok(Self::PeriodUs(period_us(parse_duration(value)?)?));
        }
        let policy = name
            .parse()
            .with_context(|| format!("`{text}`"))
            .map_err(|error| anyhow!("{error:#}"))?;
        Ok(Self::Weight(policy, parse_weight(text, value)?))
    }
}

fn parse_weight(item: &str, value: &str) -> Result<u32> {
    let max = abi::meta_limits_META_MAX_WEIGHT;
    value
        .parse()
        .ok()
        .filter(|weight| *weight <= max)
        .ok_or_else(|| anyhow!("`{item}`: a weight is a whole number from 0 to {max}"))
}

/// The policies of `--policies fifo,vtime`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyList(Vec<Policy>);

impl PolicyList {
    /// Every policy of the table.
    pub fn all() -> Self {
        Self(Policy::all().collect())
    }

    /// Whether the policy is in the list.
    pub fn contains(&self, policy: Policy) -> bool {
        self.0.contains(&policy)
    }

    /// The policies, as they were given.
    pub fn iter(&self) -> impl Iterator<Item = Policy> + '_ {
        self.0.iter().copied()
    }

    /// By name, for strategies.
    pub fn names(&self) -> Policies {
        Policies::new(Policy::all(), self.iter())
    }

    /// The rodata variable `available`.
    pub fn bits(&self) -> u32 {
        self.iter().fold(0, |bits, policy| bits | policy.bit())
    }

    /// The union of what the policies need (`enum meta_needs`).
    pub(crate) fn needs(&self) -> u32 {
        self.iter().fold(0, |needs, policy| needs | policy.needs())
    }

    /// What runs when nobody gave weights: one policy, the first where eevdf is
    /// not loaded.
    pub fn default_weights(&self) -> Weights {
        let eevdf = self.iter().find(|policy| policy.id() == HELD_BY_DEFAULT);
        let held = eevdf.or_else(|| self.iter().next());
        Weights(held.map(|policy| (policy, 1)).into_iter().collect())
    }

    /// `--rotate all`: the same for each, except those that are a person's
    /// choice, unless nothing else is there.
    pub fn equal_weights(&self) -> Weights {
        let chosen = |policy: &Policy| !NOT_AMONG_ALL.contains(&policy.id());
        let mut weights = Weights(self.iter().filter(chosen).map(|p| (p, 1)).collect());
        if weights.0.is_empty() {
            weights.0 = self.iter().map(|policy| (policy, 1)).collect();
        }
        weights
    }
}

/// The policies of `--rotate fifo,vtime` or `--rotate all`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rotate {
    /// All that are loaded, but for those that are a person's choice.
    All,
    /// These.
    Named(PolicyList),
}

impl Rotate {
    /// The same weight for each.
    pub(crate) fn weights(&self, loaded: &PolicyList) -> Weights {
        match self {
            Self::All => loaded.equal_weights(),
            Self::Named(list) => Weights(list.iter().map(|policy| (policy, 1)).collect()),
        }
    }
}

impl FromStr for Rotate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "all" => Ok(Self::All),
            _ => Ok(Self::Named(text.parse()?)),
        }
    }
}

impl FromIterator<Policy> for PolicyList {
    fn from_iter<T: IntoIterator<Item = Policy>>(policies: T) -> Self {
        Self(policies.into_iter().collect())
    }
}

impl FromStr for PolicyList {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut list = Vec::new();
        for name in text.split(',') {
            let policy: Policy = name.trim().parse()?;
            ensure!(!list.contains(&policy), "`{policy}` is named twice");
            list.push(policy);
        }
        Ok(Self(list))
    }
}

/// The weights of `--weights fifo=1,vtime=3`; an unlisted policy has 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weights(Vec<(Policy, u32)>);

impl Weights {
    /// From pairs, as they stand in the map.
    pub fn new(pairs: impl IntoIterator<Item = (Policy, u32)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    /// What a strategy came to.
    pub(crate) fn of(allotment: &Allotment) -> Result<Self> {
        let weights = allotment.weights.iter();
        let pairs = weights.map(|(policy, weight)| Ok((policy.parse()?, *weight)));
        Ok(Self(pairs.collect::<Result<_>>()?))
    }

    /// A policy's weight.
    pub fn get(&self, policy: Policy) -> u32 {
        let found = self.0.iter().find(|(listed, _)| *listed == policy);
        found.map_or(0, |(_, weight)| *weight)
    }

    /// The policies that take turns.
    pub(crate) fn turning(&self) -> impl Iterator<Item = Policy> + '_ {
        let turning = self.0.iter().filter(|(_, weight)| *weight > 0);
        turning.map(|(policy, _)| *policy)
    }

    /// How many these are.
    pub fn in_rotation(&self) -> u32 {
        self.turning().count() as u32
    }

    /// The length of a rotation in which each of them has this much.
    pub(crate) fn period(&self, base_slice: Duration) -> Result<Duration> {
        let period = base_slice.checked_mul(self.in_rotation());
        period.context("too long")
    }

    /// The policy with the shortest turn of a rotation that lasts `period_us`,
    /// and that turn's length; None unless policies take turns.
    pub fn shortest_turn(&self, period_us: u32) -> Option<(Policy, Duration)> {
        if self.in_rotation() < 2 {
            return None;
        }
        let sum: u64 = self.0.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let turning = self.0.iter().filter(|(_, weight)| *weight > 0);
        let (policy, weight) = turning.min_by_key(|(_, weight)| *weight)?;
        let turn_us = u64::from(period_us) * u64::from(*weight) / sum;
        Some((*policy, Duration::from_micros(turn_us)))
    }

    /// Turns shorter than a slice are mixtures of policies: a running task may
    /// keep its CPU for all of the next policy's turn.
    pub(crate) fn warn_of_short_turns(&self, period_us: u32, slice: Duration) -> Option<String> {
        let (policy, turn) = self.shortest_turn(period_us)?;
        (turn < slice).then(|| {
            format!(
                "the turn of {policy} ({}) is shorter than a slice ({}): tasks run across it; \
                 raise the period or start with a smaller --slice-us",
                humantime::format_duration(turn),
                humantime::format_duration(slice),
            )
        })
    }

    /// Refuses a weight for a policy that is not loaded.
    pub fn check_available(&self, available: &PolicyList) -> Result<()> {
        for (policy, weight) in &self.0 {
            ensure!(
                *weight == 0 || available.contains(*policy),
                "`{policy}={weight}`, but --policies loads only {}",
                join(available.iter())
            );
        }
        Ok(())
    }

    /// `fifo 1, vtime 3`: those in rotation, for people.
    pub(crate) fn describe(&self) -> String {
        let parts: Vec<_> = self
            .0
            .iter()
            .filter(|(_, weight)| *weight > 0)
            .map(|(policy, weight)| format!("{policy} {weight}"))
            .collect();
        parts.join(", ")
    }
}

impl FromStr for Weights {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut list: Vec<(Policy, u32)> = Vec::new();
        for item in text.split(',') {
            let Assignment::Weight(policy, weight) = item.trim().parse()? else {
                bail!("`{item}`: the period is set with --base-slice");
            };
            let twice = list.iter().any(|(listed, _)| *listed == policy);
            ensure!(!twice, "`{policy}` is named twice");
            list.push((policy, weight));
        }
        let sum: u32 = list.iter().map(|(_, weight)| weight).sum();
        ensure!(sum > 0, "`{text}` gives no policy a weight above 0");
        Ok(Self(list))
    }
}

/// The items of `scx_meta set`, with duplicates refused.
pub(crate) fn check_assignments(items: &[Assignment]) -> Result<()> {
    let same = |a: &Assignment, b: &Assignment| match (a, b) {
        (Assignment::Weight(a, _), Assignment::Weight(b, _)) => a == b,
        (Assignment::PeriodUs(_), Assignment::PeriodUs(_)) => true,
        _ => false,
    };
    for (index, item) in items.iter().enumerate() {
        if items[..index].iter().any(|earlier| same(earlier, item)) {
            match item {
                Assignment::Weight(policy, _) => bail!("`{policy}` is set twice"),
                Assignment::PeriodUs(_) => bail!("`period` is set twice"),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(name: &str) -> Policy {
        name.parse().unwrap()
    }

    fn error_of<T: FromStr<Err = Error> + std::fmt::Debug>(text: &str) -> String {
        text.parse::<T>().unwrap_err().to_string()
    }

    #[test]
    fn a_turn_shorter_than_a_slice_is_warned_of() {
        let weights: Weights = "fifo=3,vtime=1,nest=0".parse().unwrap();
        let turn = weights.shortest_turn(80_000);
        let slice = Duration::from_millis(20);
        assert_eq!(turn, Some((policy("vtime"), slice)));
        assert_eq!(weights.warn_of_short_turns(80_000, slice), None);
        let warning = weights.warn_of_short_turns(79_996, slice).unwrap();
        assert!(warning.contains("vtime") && warning.contains("19ms 999us"));
        let alone: Weights = "fifo=1".parse().unwrap();
        assert_eq!(alone.warn_of_short_turns(1_000, slice), None);
    }

    #[test]
    fn the_program_holds_what_is_written_within_its_limits() {
        let (min, max) = (abi::meta_limits_META_MIN_PERIOD_US, abi::META_MAX_PERIOD_US);
        for (written, held) in [(0, min), (5000, 5000), (u32::MAX, max)] {
            assert_eq!(held_period_us(written), held);
        }
        assert_eq!(held_weight(7), 7);
        assert_eq!(held_weight(u32::MAX), abi::meta_limits_META_MAX_WEIGHT);
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(
            parse_duration("1800ms").unwrap(),
            Duration::from_millis(1800)
        );
        assert_eq!(parse_duration("2s").unwrap(), Duration::from_secs(2));
        assert_eq!(parse_duration("500us").unwrap(), Duration::from_micros(500));
        for bad in ["1800", "0", "", "ms", "-5ms", "1.5", "2 parsecs"] {
            let error = parse_duration(bad).unwrap_err().to_string();
            assert!(error.contains(&format!("`{bad}`")), "{error}");
        }
        let error = parse_duration("1800").unwrap_err().to_string();
        assert!(error.contains("no unit"), "{error}");
    }

    #[test]
    fn seconds_have_a_range() {
        assert_eq!(parse_seconds("0.5").unwrap(), Duration::from_millis(500));
        let year = Duration::from_secs(31_536_000);
        assert_eq!(parse_seconds("31536000").unwrap(), year);
        for bad in [
            "0", "0.09", "-1", "-0", "nan", "-nan", "inf", "-inf", "1e999", "1.8e19", "31536001",
            "1s", "",
        ] {
            let error = parse_seconds(bad).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{bad}` is ")), "{error}");
        }
    }

    #[test]
    fn weights_list_what_they_name_and_zero_the_rest() {
        let weights: Weights = "fifo=1,vtime=3".parse().unwrap();
        assert_eq!(weights.get(policy("fifo")), 1);
        assert_eq!(weights.get(policy("vtime")), 3);
        assert_eq!(weights.get(policy("nest")), 0);
        assert_eq!(weights.in_rotation(), 2);
        assert_eq!(weights.describe(), "fifo 1, vtime 3");
    }

    #[test]
    fn bad_weights_name_the_item() {
        for (text, expected) in [
            ("fifo=1,fiffo=2", "unknown policy `fiffo`; known: fifo,"),
            ("fifo", "`fifo` is not NAME=VALUE"),
            ("fifo=-1", "`fifo=-1`: a weight is a whole number"),
            ("fifo=1.5", "`fifo=1.5`: a weight is a whole number"),
            ("fifo=1000001", "from 0 to 1000000"),
            ("fifo=1,fifo=2", "`fifo` is named twice"),
            ("fifo=0,vtime=0", "no policy a weight above 0"),
            ("fifo=1,period=2s", "--base-slice"),
            ("", "`` is not NAME=VALUE"),
        ] {
            let error = error_of::<Weights>(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn weights_for_policies_that_are_not_loaded_are_refused() {
        let available: PolicyList = "fifo,vtime".parse().unwrap();
        let weights: Weights = "fifo=1,nest=2".parse().unwrap();
        let error = weights.check_available(&available).unwrap_err().to_string();
        assert!(error.contains("`nest=2`"), "{error}");
        let zero: Weights = "fifo=1,nest=0".parse().unwrap();
        assert!(zero.check_available(&available).is_ok());
    }

    #[test]
    fn central_takes_turns_only_when_asked_or_alone() {
        let all = Rotate::All.weights(&PolicyList::all());
        assert_eq!(all.get(policy("central")), 0);
        assert_eq!(all.get(policy("nest")), 1);
        let alone: PolicyList = "central".parse().unwrap();
        assert_eq!(Rotate::All.weights(&alone).get(policy("central")), 1);
        let named: Rotate = "central,nest".parse().unwrap();
        assert_eq!(
            named.weights(&PolicyList::all()).describe(),
            "central 1, nest 1"
        );
        assert!(error_of::<Rotate>("fifo,fifo").contains("named twice"));
        assert!(error_of::<Rotate>("every").contains("unknown policy `every`"));
    }

    #[test]
    fn one_policy_is_held_when_nobody_says_otherwise() {
        let held = |list: PolicyList| list.default_weights().describe();
        assert_eq!(held(PolicyList::all()), "eevdf 1");
        assert_eq!(held("nest,eevdf".parse().unwrap()), "eevdf 1");
        assert_eq!(held("nest,fifo".parse().unwrap()), "nest 1");
    }

    #[test]
    fn policy_lists_refuse_duplicates_and_unknown_names() {
        assert!(error_of::<PolicyList>("fifo,fifo").contains("named twice"));
        assert!(error_of::<PolicyList>("fifo,").contains("unknown policy ``"));
    }

    #[test]
    fn assignments_carry_weights_and_the_period() {
        assert_eq!(
            "period=3600ms".parse::<Assignment>().unwrap(),
            Assignment::PeriodUs(3_600_000)
        );
        assert_eq!(
            "nest=0".parse::<Assignment>().unwrap(),
            Assignment::Weight(policy("nest"), 0)
        );
        assert!(error_of::<Assignment>("period=3600").contains("no unit"));
        assert!(error_of::<Assignment>("period=2h").contains("out of range"));
        assert!(error_of::<Assignment>("period=1us").contains("out of range"));
        let twice = ["fifo=1", "vtime=1", "fifo=2"].map(|text| text.parse().unwrap());
        assert!(check_assignments(&twice).is_err());
        assert!(check_assignments(&twice[..2]).is_ok());
    }

    #[test]
    fn a_strategys_rotation_must_be_in_range() {
        let policies = PolicyList::all();
        let two = || policies.iter().take(2);
        let of = |base| Allotment::round_robin(two(), &policies.names(), base).unwrap();
        for base in [Duration::from_micros(499), Duration::from_secs(1801)] {
            let error = format!("{:#}", period_us_of(&of(base)).unwrap_err());
            assert!(error.contains("--base-slice times n = 2"), "{error}");
            assert!(error.contains("1ms to 1h"), "{error}");
        }
        let shortest = of(Duration::from_micros(500));
        assert_eq!(period_us_of(&shortest).unwrap(), 1000);
        let weights = Weights::of(&shortest).unwrap();
        assert!(weights.turning().eq(two()));
    }
}
