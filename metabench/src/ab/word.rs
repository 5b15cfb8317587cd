// SPDX-License-Identifier: GPL-2.0-only
//! What the service says in a block, and the guards that look at numbers meanwhile.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use labkit::sys;
use scx_meta::reward::{Meter, Reward};

use super::guard::{self, Guard, Limit};

/// How often numbers are read, at the least.
const TICK_MAX: Duration = Duration::from_secs(1);

/// Of a block, how often they are read.
const TICKS_A_BLOCK: u32 = 20;

/// How a block came to its end.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Heard {
    Value {
        value: f64,
        seconds: f64,
    },
    /// A guard has tripped.
    Tripped(String),
    Interrupted,
}

/// Who listens to a service; tests have their own.
pub(super) trait Listens {
    fn block(&mut self, length: Duration) -> Result<Heard>;
}

pub(super) struct Word {
    meter: Meter,
    gauge: bool,
    guards: Vec<(Limit, Meter)>,
}

impl Word {
    pub(super) fn new(reward: &Reward, guards: &[Guard]) -> Result<Self> {
        let guard = |limit: &Limit| {
            let level = Reward {
                source: limit.source.clone(),
                gauge: true,
                lower: false,
            };
            Ok((limit.clone(), Meter::new(&level).context("--abort-if")?))
        };
        Ok(Self {
            meter: Meter::new(reward).context("--reward")?,
            gauge: reward.gauge,
            guards: guard::limits(guards).map(guard).collect::<Result<_>>()?,
        })
    }

    /// What a guard that has tripped says.
    fn tripped(&self) -> Result<Option<String>> {
        for (limit, meter) in &self.guards {
            let number = meter.read().context("--abort-if")?;
            if limit.is_beyond(number) {
                return Ok(Some(format!("{} is {number}", limit.source)));
            }
        }
        Ok(None)
    }
}

impl Listens for Word {
    fn block(&mut self, length: Duration) -> Result<Heard> {
        let tick = (length / TICKS_A_BLOCK).min(TICK_MAX);
        let first = self.meter.read().context("--reward")?;
        let began = Instant::now();
        // Of a level: each reading stands for the time up to it.
        let (mut weighed, mut before) = (0.0, began);
        loop {
            let left = length.saturating_sub(began.elapsed());
            thread::sleep(tick.min(left));
            if sys::interrupted() {
                return Ok(Heard::Interrupted);
            }
            if let Some(why) = self.tripped()? {
                return Ok(Heard::Tripped(why));
            }
            let is_last = began.elapsed() >= length;
            if !is_last && !self.gauge {
                continue;
            }
            let last = self.meter.read().context("--reward")?;
            let now = Instant::now();
            weighed += last * (now - before).as_secs_f64();
            before = now;
            if is_last {
                let seconds = (now - began).as_secs_f64();
                let value = match self.gauge {
                    true => weighed,
                    false => Meter::growth(first, last).context("--reward")?,
                };
                return Ok(Heard::Value {
                    value: value / seconds,
                    seconds,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const BLOCK: Duration = Duration::from_millis(200);

    fn word(text: &str, gauge: bool, guards: &[&str]) -> Word {
        let reward = Reward {
            source: text.parse().unwrap(),
            gauge,
            lower: false,
        };
        let guards: Vec<Guard> = guards.iter().map(|text| text.parse().unwrap()).collect();
        Word::new(&reward, &guards).unwrap()
    }

    #[test]
    fn a_counter_is_a_rate_and_a_level_its_mean() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("n");
        fs::write(&file, "1").unwrap();
        // Each reading makes it grow by 10: two of a counter.
        let count = format!(
            "cmd:n=$(cat {0}); echo $((n + 10)) | tee {0}",
            file.display()
        );
        let Heard::Value { value, seconds } = word(&count, false, &[]).block(BLOCK).unwrap() else {
            panic!("no value");
        };
        assert!((value * seconds - 10.0).abs() < 1e-9, "{value} {seconds}");
        let level = word("cmd:echo 2.5", true, &[]).block(BLOCK).unwrap();
        let Heard::Value { value, .. } = level else {
            panic!("{level:?}");
        };
        assert!((value - 2.5).abs() < 1e-9);
    }

    #[test]
    fn a_guard_that_trips_says_why() {
        let heard = word("cmd:echo 1", false, &["cmd:echo 7>6"]).block(BLOCK);
        assert_eq!(heard.unwrap(), Heard::Tripped("cmd:echo 7 is 7".into()));
    }

    #[test]
    fn a_counter_that_begins_anew_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("n");
        fs::write(&file, "9").unwrap();
        let down = format!(
            "cmd:n=$(cat {0}); echo $((n - 1)) | tee {0}",
            file.display()
        );
        let error = word(&down, false, &[]).block(BLOCK).unwrap_err();
        assert!(format!("{error:#}").contains("the counter went back"));
    }
}
