// SPDX-License-Identifier: GPL-2.0-only
//! Rounds of blocks, each arm once in a round, in an order of a Williams design.

use std::fmt;
use std::time::Duration;

use anyhow::{Error, Result};
use fastrand::Rng;
use labkit::charge::InCharge;
use labkit::sys;

use super::answer;
use super::entry::{Block, Entry, Plan};
use super::word::{Heard, Listens};
use crate::trial::order::Orders;

/// Of fewer rounds an interval may be narrow by chance.
const LEAST_ROUNDS: u32 = 8;

/// What ends it, beside narrow intervals.
pub(super) struct Limits {
    pub(super) budget: Duration,
    /// How much worse than the first arm a block may be, as a part.
    pub(super) worse: Option<f64>,
}

/// How it came to its end.
#[derive(Debug)]
pub(super) enum Ending {
    /// Every interval is as narrow as was asked for.
    Narrow,
    Budget,
    /// `--abort-if`
    Guard(String),
    Interrupted,
    Failed(Error),
}

impl Ending {
    /// Nothing went wrong.
    pub(super) fn is_planned(&self) -> bool {
        matches!(self, Self::Narrow | Self::Budget)
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Narrow => f.write_str("every interval is narrow enough"),
            Self::Budget => f.write_str("the budget is spent"),
            Self::Guard(why) => write!(f, "--abort-if: {why}"),
            Self::Interrupted => f.write_str("interrupted"),
            Self::Failed(error) => write!(f, "{error:#}"),
        }
    }
}

type Sink<'a> = dyn FnMut(Entry) -> Result<()> + 'a;

/// The last entry says how it came to its end. Fails only if the entries cannot be written. To be called
/// from the main thread.
pub(super) fn run(
    plan: &Plan,
    limits: &Limits,
    charge: &mut dyn InCharge,
    service: &mut dyn Listens,
    sink: &mut Sink,
) -> Result<Ending> {
    sink(Entry::Plan(plan.clone()))?;
    let mut trial = Trial {
        plan,
        limits,
        charge,
        service,
        blocks: Vec::new(),
    };
    let ending = trial
        .rounds(sink)
        .unwrap_or_else(|error| match sys::interrupted() {
            // All that waits for something gives up when asked to stop.
            true => Ending::Interrupted,
            false => Ending::Failed(error),
        });
    sink(Entry::End {
        why: ending.to_string(),
    })?;
    Ok(ending)
}

struct Trial<'a> {
    plan: &'a Plan,
    limits: &'a Limits,
    charge: &'a mut dyn InCharge,
    service: &'a mut dyn Listens,
    blocks: Vec<Block>,
}

impl Trial<'_> {
    fn rounds(&mut self, sink: &mut Sink) -> Result<Ending> {
        // Whoever cannot be in charge must not show after an hour.
        for arm in &self.plan.arms {
            self.charge.put(&arm.setting)?;
        }
        let began = sys::monotonic();
        let mut longest = Duration::ZERO;
        let orders = Orders::new(self.plan.arms.len(), Rng::with_seed(self.plan.seed));
        for (round, order) in (0..).zip(orders) {
            let round_began = sys::monotonic();
            if round_began - began + longest > self.limits.budget && round > 0 {
                return Ok(Ending::Budget);
            }
            for arm in order {
                if let Some(ending) = self.block(round, arm, sink)? {
                    return Ok(ending);
                }
            }
            longest = longest.max(sys::monotonic() - round_began);
            if round + 1 >= LEAST_ROUNDS && answer::is_narrow(self.plan, &self.blocks)? {
                return Ok(Ending::Narrow);
            }
        }
        unreachable!("orders have no end");
    }

    fn block(&mut self, round: u32, arm: usize, sink: &mut Sink) -> Result<Option<Ending>> {
        self.charge.put(&self.plan.arms[arm].setting)?;
        let settle = Duration::from_secs_f64(self.plan.settle_s);
        let settled = self.charge.settle(settle)?;
        let length = Duration::from_secs_f64(self.plan.block_s);
        let heard = self.service.block(length)?;
        self.charge.check()?;
        let (value, seconds) = match heard {
            Heard::Value { value, seconds } => (value, seconds),
            Heard::Tripped(why) => {
                let label = &self.plan.arms[arm].label;
                return Ok(Some(Ending::Guard(format!("{why}, under {label}"))));
            }
            Heard::Interrupted => return Ok(Some(Ending::Interrupted)),
        };
        let block = Block {
            round,
            arm,
            value,
            seconds,
            settled_ms: settled.as_secs_f64() * 1e3,
        };
        sink(Entry::Block(block.clone()))?;
        self.blocks.push(block);
        Ok(self.too_bad(arm, value).map(Ending::Guard))
    }

    /// What `--abort-if worse:…` says of a block, as soon as there is one of the first arm.
    fn too_bad(&self, arm: usize, value: f64) -> Option<String> {
        let limit = self.limits.worse.filter(|_| arm != 0)?;
        let first = answer::mean(self.blocks.iter().filter(|block| block.arm == 0))?;
        let worse = match self.plan.lower {
            true => value / first - 1.0,
            false => 1.0 - value / first,
        };
        let label = &self.plan.arms[arm].label;
        let percent = 100.0 * worse;
        (worse > limit).then(|| format!("a block under {label} was {percent:.1} % worse"))
    }
}

#[cfg(test)]
mod tests {
    use evidence::sample;
    use labkit::charge::setting::Setting;

    use super::super::entry::Arm;
    use super::*;
    use crate::trial::fake::{Nobody, Story};

    fn nobody(story: Story) -> Nobody {
        Nobody { story, dead: false }
    }

    /// A service on a machine that drifts, and scatters by 3 %.
    struct Service {
        /// Who was put in charge, the last one last.
        story: Story,
        rng: Rng,
        drift: f64,
        /// Of the second arm.
        better: f64,
    }

    impl Listens for Service {
        fn block(&mut self, length: Duration) -> Result<Heard> {
            self.drift += 0.01 * sample::normal(&mut self.rng);
            let is_second = self.story.borrow().last().is_some_and(|who| who == "b");
            let better = if is_second { self.better } else { 1.0 };
            Ok(Heard::Value {
                value: 1000.0 * better * (self.drift + 0.03 * sample::normal(&mut self.rng)).exp(),
                seconds: length.as_secs_f64(),
            })
        }
    }

    fn plan(width: f64, seed: u64, lower: bool) -> Plan {
        let arm = |name: &str| Arm {
            label: name.into(),
            setting: Setting::Hold {
                policy: name.into(),
            },
            command: name.into(),
        };
        Plan {
            reward: "file:/x".into(),
            lower,
            unit: "/s".into(),
            arms: vec![arm("a"), arm("b")],
            block_s: 1.0,
            settle_s: 0.0,
            width,
            seed,
            command: Vec::new(),
            date: String::new(),
        }
    }

    fn trial(plan: &Plan, better: f64, worse: Option<f64>) -> (Ending, Vec<Block>) {
        let story = Story::default();
        let mut service = Service {
            story: story.clone(),
            rng: Rng::with_seed(plan.seed),
            drift: 0.0,
            better,
        };
        let limits = Limits {
            budget: Duration::from_secs(60),
            worse,
        };
        let mut blocks = Vec::new();
        let mut sink = |entry| {
            if let Entry::Block(block) = entry {
                blocks.push(block);
            }
            Ok(())
        };
        let ending = run(plan, &limits, &mut nobody(story), &mut service, &mut sink);
        (ending.unwrap(), blocks)
    }

    #[test]
    fn of_a_hundred_trials_of_the_same_twice_few_see_a_difference() {
        let sees = |seed| {
            let plan = plan(0.04, seed, false);
            let (ending, blocks) = trial(&plan, 1.0, None);
            assert!(matches!(ending, Ending::Narrow), "{ending}");
            let ratio = answer::ratios(&plan, &blocks).unwrap()[0];
            ratio.low > 1.0 || ratio.high < 1.0
        };
        let wrong = (0..100).filter(|&seed| sees(seed)).count();
        assert!((1..=12).contains(&wrong), "{wrong}");
    }

    #[test]
    fn a_difference_is_found_whichever_way_is_better() {
        let plan = plan(0.04, 7, false);
        let (_, blocks) = trial(&plan, 1.1, None);
        let ratio = answer::ratios(&plan, &blocks).unwrap()[0];
        assert!(ratio.low > 1.05 && ratio.high < 1.15, "{ratio:?}");
    }

    #[test]
    fn a_block_that_is_too_bad_ends_it() {
        for (better, lower) in [(0.5, false), (2.0, true)] {
            let (ending, blocks) = trial(&plan(0.04, 7, lower), better, Some(0.3));
            let said = ending.to_string();
            assert!(
                said.starts_with("--abort-if: a block under b was"),
                "{said}"
            );
            assert!(blocks.len() <= 3);
        }
        let (ending, _) = trial(&plan(0.04, 7, false), 2.0, Some(0.3));
        assert!(matches!(ending, Ending::Narrow), "{ending}");
    }

    #[test]
    fn a_budget_that_is_spent_ends_it() {
        struct Slow;
        impl Listens for Slow {
            fn block(&mut self, _: Duration) -> Result<Heard> {
                std::thread::sleep(Duration::from_millis(2));
                Ok(Heard::Value {
                    value: 1.0,
                    seconds: 1.0,
                })
            }
        }
        let limits = Limits {
            budget: Duration::from_millis(40),
            worse: None,
        };
        let mut why = String::new();
        let mut sink = |entry| {
            if let Entry::End { why: said } = entry {
                why = said;
            }
            Ok(())
        };
        // An interval without width is never as narrow as nothing.
        let plan = plan(-1.0, 1, false);
        let mut nobody = nobody(Story::default());
        let ending = run(&plan, &limits, &mut nobody, &mut Slow, &mut sink).unwrap();
        assert!(matches!(ending, Ending::Budget), "{ending}");
        assert_eq!(why, "the budget is spent");
    }
}
