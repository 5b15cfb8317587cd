// SPDX-License-Identifier: GPL-2.0-only
//! The loads that the `calibrated` cost model of the lab's parallel clock is fitted to. One program
//! runs them, the same counts natively and in a guest: small loops with one cost each (`micro`),
//! memory of growing size (`memory`), and what a scheduler is judged by (`tools`, `tasks`).

pub(crate) mod calls;
mod memory;
mod micro;
mod pair;
mod tasks;
mod tools;

use std::cell::Cell;
use std::time::{Duration, Instant};
use std::{fmt, thread};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

pub use self::tasks::DO_NOTHING;

/// Before each sample of a scheduler's load. Where tasks are put depends on how busy the kernel
/// believes its CPUs to be: a load must not inherit that from another.
const PAUSE: Duration = Duration::from_millis(100);
/// The pause grows by this, which no divisor of a tick is: samples begin at other phases of it.
const SHIFT: Duration = Duration::from_micros(1370);

/// Which loads a run takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// One kind of instruction, or one event, each: what a cost is fitted to.
    Micro,
    /// Copying and pointer chasing.
    Memory,
    /// What the fitted model is judged by, beside `Memory`.
    Sched,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Micro => "micro",
            Self::Memory => "memory",
            Self::Sched => "sched",
        })
    }
}

/// One load: how it is measured, and in what unit.
pub struct Load {
    /// Its name in the table.
    pub name: String,
    /// What it is part of.
    pub group: Group,
    /// Unit of its samples; less is better in all of them.
    pub unit: &'static str,
    run: Box<dyn Fn() -> Result<f64>>,
}

impl Load {
    fn new(
        group: Group,
        name: impl Into<String>,
        unit: &'static str,
        run: impl Fn() -> Result<f64> + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            group,
            unit,
            run: Box::new(run),
        }
    }

    /// Whether a word names it, or what it is part of.
    pub fn is_called(&self, word: &str) -> bool {
        word == self.name || word == self.group.to_string()
    }

    /// Measures it so many times, after once for nothing.
    pub fn measure(&self, samples: usize) -> Result<Measured> {
        let number = Cell::new(0);
        let sample = || {
            if self.group == Group::Sched {
                thread::sleep(PAUSE + SHIFT * number.replace(number.get() + 1));
            }
            (self.run)().with_context(|| format!("cannot run the load {}", self.name))
        };
        sample()?;
        Ok(Measured {
            name: self.name.clone(),
            group: self.group,
            unit: self.unit.to_string(),
            samples: (0..samples).map(|_| sample()).collect::<Result<_>>()?,
        })
    }
}

/// What one load measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The load.
    pub name: String,
    /// What it is part of.
    pub group: Group,
    /// Unit of the samples.
    pub unit: String,
    /// One value a repetition.
    pub samples: Vec<f64>,
}

/// All loads. Those that fork come before those that keep memory, which would be forked with them.
pub fn loads() -> Vec<Load> {
    let mut loads = tasks::loads();
    loads.extend(tools::loads());
    loads.extend(micro::loads());
    loads.extend(pair::loads());
    loads.extend(memory::loads());
    loads
}

/// Nanoseconds that one of `count` repetitions took.
fn each_ns(count: u64, body: impl FnOnce()) -> f64 {
    let started = Instant::now();
    body();
    per(started.elapsed(), count)
}

fn per(took: Duration, count: u64) -> f64 {
    took.as_nanos() as f64 / count as f64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_loads_have_one_name() {
        let loads = loads();
        let names: BTreeSet<_> = loads.iter().map(|load| &load.name).collect();
        assert_eq!(names.len(), loads.len());
    }

    #[test]
    fn every_small_load_measures_a_time() {
        for load in loads() {
            if load.group != Group::Micro {
                continue;
            }
            let measured = load.measure(1).unwrap();
            assert!(measured.samples.iter().all(|&ns| ns > 0.0), "{measured:?}");
        }
    }
}
