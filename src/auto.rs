// SPDX-License-Identifier: GPL-2.0-only
//! `--auto`: among which policies the program chooses, by what, and what it has found out. The
//! choosing itself is in the kernel, bpf/auto.h.

use std::fmt::Write;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{ensure, Error, Result};
use clap::{Args, ValueEnum};
use serde_json::{json, Value};

use crate::bpf::abi;
use crate::policy::{join, Policy};
use crate::reward::{Reward, RewardArgs};
use crate::weights::PolicyList;
use crate::{stats, weights};

/// Among which `--auto` chooses if it is not told.
pub const ARMS: &str = "eevdf,bpfland,rusty,fifo";

/// Of a logarithm in the map `auto`: a factor of two.
const ONE: f64 = 65536.0;

/// Half a 95 % interval, in standard errors.
const HALF: f64 = 1.96;

/// What is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Goal {
    /// More tasks that run until they sleep, and more CPU time for those that never do
    Throughput,
    /// Less waiting of tasks that wake up
    Latency,
    /// Both: a quarter as much weight for waiting as for work
    Balanced,
    /// More of what the application itself counts in the map `reward`
    Reward,
}

impl Goal {
    /// As `--goal` takes it.
    pub fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// How much of each signal is in a score, in 256ths: bursts, CPU time without sleeps, prompt
    /// wake-ups, reward.
    pub fn signals(self) -> [i32; 4] {
        match self {
            Self::Throughput => [256, 256, 0, 0],
            Self::Latency => [128, 64, 256, 0],
            Self::Balanced => [256, 256, 64, 0],
            Self::Reward => [0, 0, 0, 256],
        }
    }
}

/// The policies of `--auto eevdf,fifo`; the first is in charge to begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arms(Vec<Policy>);

impl Arms {
    const COUNT: RangeInclusive<usize> = 2..=abi::meta_limits_META_AUTO_ARMS as usize;

    /// Fails unless they are two to four.
    pub fn new(policies: impl IntoIterator<Item = Policy>) -> Result<Self> {
        let policies: Vec<Policy> = policies.into_iter().collect();
        let (least, most) = (Self::COUNT.start(), Self::COUNT.end());
        ensure!(
            Self::COUNT.contains(&policies.len()),
            "--auto chooses among {least} to {most} policies"
        );
        Ok(Self(policies))
    }

    /// The policies.
    pub fn iter(&self) -> impl Iterator<Item = Policy> + '_ {
        self.0.iter().copied()
    }

    pub(crate) fn check_available(&self, loaded: &PolicyList) -> Result<()> {
        for policy in self.iter() {
            ensure!(
                loaded.contains(policy),
                "--auto {policy}, but --policies loads only {}",
                join(loaded.iter())
            );
        }
        Ok(())
    }
}

impl FromStr for Arms {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::new(text.parse::<PolicyList>()?.iter())
    }
}

/// A share of the time, kept in thousandths. As a text it is in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explore(u32);

impl Explore {
    pub(crate) fn permille(self) -> u32 {
        self.0
    }
}

impl FromStr for Explore {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let most = f64::from(abi::meta_limits_META_AUTO_MAX_EXPLORE) / 10.0;
        let percent = weights::parse_percent(text)?;
        ensure!(
            (0.1..=most).contains(&percent),
            "`{text}` is not from 0.1 to {most} percent"
        );
        Ok(Self((percent * 10.0).round() as u32))
    }
}

impl std::fmt::Display for Explore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", f64::from(self.0) / 10.0)
    }
}

/// Options of `--auto`.
#[derive(Args, Clone, Debug)]
pub(crate) struct AutoArgs {
    /// Choose among these policies, two to four, by what the load does under each: each is tried now
    /// and then for one turn, and the best is in charge; without names
    /// eevdf, bpfland, rusty and fifo. A pin or a weight overrides it
    #[arg(
        long,
        value_name = "NAME,…",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = ARMS,
        conflicts_with_all = ["weights", "rotate", "strategy"]
    )]
    auto: Option<Arms>,

    /// What is better, to --auto
    #[arg(long, value_name = "WHAT", allow_hyphen_values = true, value_enum, default_value_t = Goal::Balanced, requires = "auto")]
    goal: Goal,

    /// Of the time, at most so much goes to policies that are tried, in percent, from 0.1 to 50; and a
    /// second at the start
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true, default_value_t = Explore(abi::meta_limits_META_AUTO_DFL_EXPLORE), requires = "auto")]
    explore: Explore,

    /// Length of a turn under --auto, from 10ms to 1s
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, default_value = "100ms", value_parser = parse_turn, requires = "auto")]
    auto_turn: Duration,

    #[command(flatten)]
    reward: RewardArgs,
}

/// How the program chooses by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auto {
    /// Among these.
    pub arms: Arms,
    /// What is better.
    pub goal: Goal,
    /// Of the time, for trials.
    pub explore: Explore,
    /// Length of a turn.
    pub turn: Duration,
    /// The application's own word, which is the goal then.
    pub reward: Option<Reward>,
}

impl Auto {
    /// As [`Goal::signals`].
    pub(crate) fn signals(&self) -> [i32; 4] {
        match &self.reward {
            None => self.goal.signals(),
            Some(reward) if reward.lower => Goal::Reward.signals().map(|weight| -weight),
            Some(_) => Goal::Reward.signals(),
        }
    }
}

impl AutoArgs {
    pub(crate) fn auto(&self) -> Option<Auto> {
        Some(Auto {
            arms: self.auto.clone()?,
            goal: self.goal,
            explore: self.explore,
            turn: self.auto_turn,
            reward: self.reward.reward(),
        })
    }
}

fn parse_turn(text: &str) -> Result<Duration> {
    let time = weights::parse_duration(text)?;
    let limit = |us: u32| Duration::from_micros(us.into());
    let least = limit(abi::meta_limits_META_AUTO_MIN_TURN_US);
    let most = limit(abi::meta_limits_META_AUTO_MAX_TURN_US);
    ensure!(
        (least..=most).contains(&time),
        "`{text}` is not within {least:?} and {most:?}"
    );
    Ok(time)
}

/// What the running program knows of a policy, against the one in charge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The policy.
    pub policy: Policy,
    /// Its score, and the ends of a 95 % interval, as ratios to that of the one in charge; None: it
    /// was not tried in this regime.
    pub ratio: Option<[f64; 3]>,
    /// How often it was compared since load.
    pub trials: u64,
    /// When it was tried last, by CLOCK_MONOTONIC.
    pub tried_at_ns: Option<u64>,
}

/// What the running program has found out.
#[derive(Clone, Debug, PartialEq)]
pub struct Learned {
    /// The policy that it holds, and since when by CLOCK_MONOTONIC.
    pub in_charge: Policy,
    /// CLOCK_MONOTONIC.
    pub since_ns: u64,
    /// The policy that is being tried.
    pub trying: Option<Policy>,
    /// Of the policy in charge, and of the load.
    pub changes: u32,
    /// How often the load became another one.
    pub regimes: u32,
    /// Of the time in which it decided, the part in which others were tried.
    pub tried: f64,
    /// Of the others.
    pub estimates: Vec<Estimate>,
}

impl Learned {
    /// From the value of the map `auto`; None without --auto.
    pub fn of(value: &abi::meta_auto) -> Option<Self> {
        let in_charge = Policy::from_id(value.in_charge)?;
        let estimate = |arm: &abi::meta_auto_arm| {
            let (mean, error) = (arm.mean as f64 / ONE, arm.error as f64 / ONE);
            let ratio = |errors: f64| (mean + errors * error).exp2();
            let known = arm.evidence > 0;
            Some(Estimate {
                policy: Policy::from_id(arm.policy)?,
                ratio: known.then(|| [0.0, -HALF, HALF].map(ratio)),
                trials: arm.trials,
                tried_at_ns: (arm.tried_at_ns > 0).then_some(arm.tried_at_ns),
            })
        };
        let estimates = value.arms.iter().filter_map(estimate);
        Some(Self {
            in_charge,
            since_ns: value.since_ns,
            trying: Policy::from_id(value.trying),
            changes: value.changes,
            regimes: value.regimes,
            tried: match value.decided_ns {
                0 => 0.0,
                decided => value.tried_ns as f64 / decided as f64,
            },
            estimates: estimates.filter(|of| of.policy != in_charge).collect(),
        })
    }

    /// A line, and one for each of the others.
    pub(crate) fn text(&self, now_ns: u64) -> String {
        let mut text = format!(
            "auto: {} in charge for {}, {} changes, {} regimes, {:.1}% of the time for trials\n",
            self.in_charge,
            stats::nanoseconds(now_ns.saturating_sub(self.since_ns)),
            self.changes,
            self.regimes,
            100.0 * self.tried,
        );
        for estimate in &self.estimates {
            let name = estimate.policy.name();
            let against = match estimate.ratio {
                None => "not tried since the load changed".to_owned(),
                Some([mean, low, high]) => {
                    let percent = |ratio: f64| 100.0 * (ratio - 1.0);
                    format!(
                        "{:+.1}% ({:+.1} to {:+.1})",
                        percent(mean),
                        percent(low),
                        percent(high)
                    )
                }
            };
            let age = match estimate.tried_at_ns {
                None => String::new(),
                Some(at) => format!(
                    ", tried {} times, last {} ago",
                    estimate.trials,
                    stats::nanoseconds(now_ns.saturating_sub(at))
                ),
            };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {name:<10}{against}{age}");
        }
        text
    }

    /// Times in nanoseconds, shares and ratios as numbers.
    pub(crate) fn json(&self, now_ns: u64) -> Value {
        let age = |at: u64| now_ns.saturating_sub(at);
        let estimate = |of: &Estimate| {
            json!({
                "name": of.policy.name(),
                "ratio": of.ratio.map(|[mean, ..]| mean),
                "low": of.ratio.map(|[_, low, _]| low),
                "high": of.ratio.map(|[_, _, high]| high),
                "trials": of.trials,
                "age_ns": of.tried_at_ns.map(age),
            })
        };
        json!({
            "in_charge": self.in_charge.name(),
            "in_charge_for_ns": age(self.since_ns),
            "trying": self.trying.map(Policy::name),
            "changes": self.changes,
            "regimes": self.regimes,
            "tried": self.tried,
            "estimates": self.estimates.iter().map(estimate).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::zeroed;

    #[test]
    fn shares_turns_and_policies_are_within_their_limits() {
        assert_eq!("5".parse::<Explore>().unwrap().permille(), 50);
        assert_eq!("0.1%".parse::<Explore>().unwrap().permille(), 1);
        assert_eq!("50 %".parse::<Explore>().unwrap().to_string(), "50");
        for bad in ["0", "0.04", "51", "-1", "nan", "x", ""] {
            assert!(bad.parse::<Explore>().is_err(), "{bad}");
        }
        for bad in ["9ms", "1001ms", "100", "-1ms"] {
            assert!(parse_turn(bad).is_err(), "{bad}");
        }
        for bad in [
            "eevdf",
            "fifo,fifo",
            "eevdf,fifo,vtime,nest,rusty",
            "",
            "all",
        ] {
            assert!(bad.parse::<Arms>().is_err(), "{bad}");
        }
        let arms: Arms = "fifo,eevdf".parse().unwrap();
        assert_eq!(join(arms.iter()), "fifo, eevdf");
    }

    fn learned() -> abi::meta_auto {
        let mut value: abi::meta_auto = zeroed();
        value.in_charge = abi::meta_policy_META_EEVDF;
        value.trying = abi::meta_policy_META_FIFO;
        value.since_ns = 1_000_000_000;
        value.decided_ns = 100;
        value.tried_ns = 3;
        value.changes = 1;
        value.arms[0].policy = abi::meta_policy_META_EEVDF;
        value.arms[1].policy = abi::meta_policy_META_FIFO;
        value.arms[1].mean = -65536;
        value.arms[1].error = 6554;
        value.arms[1].evidence = 65536;
        value.arms[1].trials = 1;
        value.arms[1].tried_at_ns = 2_000_000_000;
        value.arms[2].policy = abi::meta_policy_META_RUSTY;
        value
    }

    #[test]
    fn what_was_learnt_is_told_as_ratios_to_the_one_in_charge() {
        let learned = Learned::of(&learned()).unwrap();
        let text = learned.text(3_000_000_000);
        assert_eq!(
            text,
            "auto: eevdf in charge for 2.00 s, 1 changes, 0 regimes, 3.0% of the time for trials\n  \
             fifo      -50.0% (-56.4 to -42.7), tried 1 times, last 1.00 s ago\n  \
             rusty     not tried since the load changed\n"
        );
        let json = learned.json(3_000_000_000);
        assert_eq!(json["trying"], "fifo");
        assert_eq!(json["estimates"][0]["ratio"], 0.5);
        assert_eq!(json["estimates"][1]["ratio"], Value::Null);
        assert_eq!(Learned::of(&zeroed()), None);
    }
}
