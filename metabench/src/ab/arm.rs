// SPDX-License-Identifier: GPL-2.0-only
//! Who takes part.

use std::str::FromStr;

use anyhow::{ensure, Context, Error, Result};
use labkit::charge::setting::Setting;
use scx_meta::auto;
use scx_meta::policy::Policy;
use scx_meta::reward::Reward;
use scx_meta::weights::PolicyList;

use super::entry::Arm as Entry;
use super::Args;
use crate::advice;
use crate::record::Row;

const KERNEL: &str = "kernel";
const AUTO: &str = "auto";
const AUTO_OPTION: &str = "--auto";

/// As it was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arm {
    Kernel,
    Auto,
    Held(Policy),
}

impl FromStr for Arm {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            KERNEL => Ok(Self::Kernel),
            AUTO => Ok(Self::Auto),
            name => {
                let policy = name.parse().map(Self::Held);
                policy.context(format!("neither {KERNEL} nor {AUTO}"))
            }
        }
    }
}

/// All that take part, and what scx_meta must be told for that.
pub(super) struct Arms {
    pub(super) entries: Vec<Entry>,
    /// Options by which it chooses; none if it never does.
    pub(super) auto: Vec<String>,
    policies: Vec<Policy>,
}

impl Arms {
    pub(super) fn new(args: &Args, reward: &Reward) -> Result<Self> {
        let chooses = args.arms.contains(&Arm::Auto);
        ensure!(
            chooses || args.auto_options.is_none(),
            "--auto-options: {AUTO} does not take part"
        );
        let mut arms = Self {
            entries: Vec::new(),
            auto: match chooses {
                true => auto_options(args, reward)?,
                false => Vec::new(),
            },
            policies: Vec::new(),
        };
        for arm in &args.arms {
            arms.add(*arm);
        }
        for row in Row::others(&args.outside)? {
            let command = advice::command(&row.setting);
            arms.enter(row.label, row.setting, command);
        }
        ensure!(
            arms.entries.len() > 1,
            "one arm alone is compared with nobody"
        );
        if chooses {
            let among = among(&arms.auto)?;
            arms.policies.extend(among.iter());
        }
        Ok(arms)
    }

    fn add(&mut self, arm: Arm) {
        let (name, setting) = match arm {
            Arm::Kernel => (KERNEL, Setting::Eevdf),
            Arm::Auto => (AUTO, Setting::Choose),
            Arm::Held(policy) => {
                self.policies.push(policy);
                let policy = policy.name();
                let setting = Setting::Hold {
                    policy: policy.into(),
                };
                (policy, setting)
            }
        };
        let command = match arm {
            Arm::Kernel => "stay with the kernel's own scheduler".into(),
            Arm::Auto => {
                let words = self.auto.iter().map(String::as_str);
                let words = shlex::try_join(words).unwrap_or_default();
                format!("sudo scx_meta {words}")
            }
            Arm::Held(_) => advice::command(&setting),
        };
        self.enter(name.into(), setting, command);
    }

    /// One that is there twice gets a name of its own.
    fn enter(&mut self, name: String, setting: Setting, command: String) {
        let same = |entry: &&Entry| entry.setting == setting;
        let label = match self.entries.iter().filter(same).count() {
            0 => name,
            before => format!("{name} ({})", before + 1),
        };
        self.entries.push(Entry {
            label,
            setting,
            command,
        });
    }

    /// Those that scx_meta loads, in the table's order; all if none is named, since it must be told some.
    pub(super) fn policies(&self) -> Vec<String> {
        let named = |policy: &Policy| self.policies.is_empty() || self.policies.contains(policy);
        let all = Policy::all().filter(named);
        all.map(|policy| policy.name().to_owned()).collect()
    }
}

fn auto_options(args: &Args, reward: &Reward) -> Result<Vec<String>> {
    if let Some(options) = &args.auto_options {
        let words = shlex::split(options).context("--auto-options has an open quote")?;
        let says = |word: &String| word == AUTO_OPTION || word.starts_with("--auto=");
        ensure!(
            words.iter().any(says),
            "--auto-options: {AUTO_OPTION} is not among them"
        );
        return Ok(words);
    }
    let mut words = vec![
        AUTO_OPTION.to_owned(),
        "--reward".into(),
        reward.source.to_string(),
    ];
    words.extend(reward.gauge.then(|| "--reward-gauge".into()));
    words.extend(reward.lower.then(|| "--reward-lower".into()));
    Ok(words)
}

/// The policies that it chooses among.
fn among(options: &[String]) -> Result<PolicyList> {
    let said = options.iter().find_map(|word| word.strip_prefix("--auto="));
    let list = said.unwrap_or(auto::ARMS).parse();
    list.context("--auto-options")
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::trial::fake::typed;

    fn arms(words: &[&str]) -> Result<Arms> {
        let words = [&["ab", "--reward", "file:/x"], words].concat();
        let args: Args = typed(words)?;
        let reward = Reward {
            source: args.reward.clone().unwrap(),
            gauge: args.reward_gauge,
            lower: args.reward_lower,
        };
        Arms::new(&args, &reward)
    }

    #[test]
    fn whoever_takes_part_has_a_label_of_its_own_and_only_what_is_needed_is_loaded() {
        let of = arms(&["vtime", "kernel", "fifo", "fifo", "--also", "sh -c x"]).unwrap();
        let labels: Vec<_> = of.entries.iter().map(|entry| &*entry.label).collect();
        assert_eq!(labels, ["vtime", "kernel", "fifo", "fifo (2)", "sh -c x"]);
        assert_eq!(of.policies(), ["fifo", "vtime"]);
        assert!(of.auto.is_empty());
        assert_eq!(of.entries[2].command, "sudo scx_meta --weights fifo=1");
    }

    #[test]
    fn auto_goes_by_the_same_word_unless_it_is_told_otherwise() {
        let of = arms(&["fifo", "auto", "--reward-lower"]).unwrap();
        assert_eq!(of.auto, ["--auto", "--reward", "file:/x", "--reward-lower"]);
        assert_eq!(of.policies().len(), 4);
        let options = "--auto=vtime,nest --goal latency";
        let of = arms(&["fifo", "auto", "--auto-options", options]).unwrap();
        assert_eq!(of.policies(), ["fifo", "vtime", "nest"]);
        assert_eq!(
            of.entries[1].command,
            "sudo scx_meta '--auto=vtime,nest' --goal latency"
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for words in [
            &["fifo"][..],
            &["fifo", "slow"],
            &["fifo", "vtime", "--auto-options", "--auto"],
            &["fifo", "auto", "--auto-options", "--goal latency"],
            &["fifo", "auto", "--auto-options", "--auto=fifo,slow"],
            &["fifo", "vtime", "--block", "10ms"],
            &["fifo", "vtime", "--width", "0"],
        ] {
            assert!(arms(words).is_err(), "{words:?}");
        }
    }
}
