// SPDX-License-Identifier: GPL-2.0-only
//! The loads of `bench policies`, as the command line names them: how large they are on a machine,
//! and what they measure.

use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;
use labkit::measured::{Between, Forks, Hopping, Requests, Storm};
use labkit::task::Task;
use labkit::{measured, sys};

use super::record::Sample;

/// Busy tasks for each CPU, where a load has some beside it.
const BUSY_PER_CPU: usize = 2;

/// From the start of tasks until they count: they have been spread over the CPUs.
const SETTLE: Duration = Duration::from_millis(100);

/// One that balances by weight needs longer for that.
const SETTLE_NICE: Duration = Duration::from_millis(300);

const WAKEUP_WINDOW: Duration = Duration::from_millis(700);
const WAKEUP_EVERY: Duration = Duration::from_millis(3);
const WAKEUP_WORK: Duration = Duration::from_micros(50);

const FORKS: u32 = 20;
const FORKS_LIMIT: Duration = Duration::from_secs(1);

/// Messages from each sender to each receiver.
const MESSAGES: usize = 40;
const CPUS_PER_GROUP: usize = 2;

const ROUND_TRIPS: u32 = 1000;

const FUTEX_WINDOW: Duration = Duration::from_millis(80);
/// As many as that no CPU idles: else it is chance that decides, between pairs on one CPU and pairs
/// that wake an idle one.
const PAIRS_PER_CPU: usize = 2;
/// Between taking a turn over and handing it on.
const FUTEX_WORK: Duration = Duration::from_micros(5);

const REQUESTS_WINDOW: Duration = Duration::from_millis(400);
const REQUEST: Duration = Duration::from_micros(500);
const WORKERS_PER_CPU: usize = 4;

const NICE_WINDOW: Duration = Duration::from_millis(500);

const HOPPING_WINDOW: Duration = Duration::from_millis(80);
/// Half of the private cache that the calibrated costs have.
const HOPPING_BYTES: usize = 128 * 1024;
const HOPPING_PASSES: u32 = 4;
const HOPPING_NAP: Duration = Duration::from_micros(60);

const STORM_WINDOW: Duration = Duration::from_millis(300);
const STORM_EVERY: Duration = Duration::from_micros(700);
const STORM_WORK: Duration = Duration::from_micros(30);
const STORM_PER_CPU: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Load {
    /// A task a CPU that mostly sleeps, beside two busy tasks a CPU
    Wakeup,
    /// fork and exec, one after the other, beside two busy tasks a CPU
    Fork,
    /// Messages between threads
    Threads,
    /// Messages between processes
    Processes,
    /// A byte to and fro between two processes
    Pipe,
    /// Turns that pairs of threads hand over, two pairs a CPU
    Futex,
    /// Requests at 50 % of what the CPUs can do
    #[value(name = "request-50")]
    Request50,
    /// … at 90 %
    #[value(name = "request-90")]
    Request90,
    /// … at 120 %
    #[value(name = "request-120")]
    Request120,
    /// Busy tasks of nice 0 and 10
    Nice,
    /// Tasks with their data in a private cache, which sleep and come back
    Cache,
    /// Busy tasks among many that wake up all the time
    Storm,
}

pub(crate) struct Conditions {
    pub(crate) cpus: usize,
    /// Of everything that is random: the same for all schedulers.
    pub(crate) seed: u64,
    pub(crate) rounds_per_ms: u32,
}

impl Conditions {
    /// Measures this machine; nothing else should run.
    pub(crate) fn here(cpus: usize) -> Result<Self> {
        Ok(Self {
            cpus,
            seed: 0,
            rounds_per_ms: measured::rounds_in(Duration::from_millis(1))?,
        })
    }

    fn rounds(&self, work: Duration) -> u32 {
        let rounds = work.as_secs_f64() * 1e3 * f64::from(self.rounds_per_ms);
        (rounds.round() as u32).max(1)
    }
}

impl Load {
    /// As on the command line.
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    pub(crate) fn measure(self, on: &Conditions) -> Result<Vec<Sample>> {
        match self {
            Self::Wakeup => wakeup(on),
            Self::Fork => fork(on),
            Self::Threads => messaging(on, Between::Threads, "threads"),
            Self::Processes => messaging(on, Between::Processes, "processes"),
            Self::Pipe => Ok(vec![one("pipe", us(measured::pipe(ROUND_TRIPS)?))]),
            Self::Futex => {
                let work = on.rounds(FUTEX_WORK);
                let rate = measured::futex(on.cpus * PAIRS_PER_CPU, work, FUTEX_WINDOW)?;
                Ok(vec![one("futex", rate)])
            }
            Self::Request50 => requests(on, "request-50", 0.5),
            Self::Request90 => requests(on, "request-90", 0.9),
            Self::Request120 => requests(on, "request-120", 1.2),
            Self::Nice => {
                let ratio = measured::nice(on.cpus, SETTLE_NICE, NICE_WINDOW)?;
                Ok(vec![one("nice", ratio)])
            }
            Self::Cache => cache(on),
            Self::Storm => storm(on),
        }
    }
}

fn wakeup(on: &Conditions) -> Result<Vec<Sample>> {
    let busy = Task::hogs(on.cpus * BUSY_PER_CPU)?;
    std::thread::sleep(SETTLE);
    let (before, begin) = (measured::used(&busy)?, sys::monotonic());
    let woken = measured::requests(
        Requests {
            workers: on.cpus,
            cpus: on.cpus,
            load: WAKEUP_WORK.as_secs_f64() / WAKEUP_EVERY.as_secs_f64(),
            service: WAKEUP_WORK,
            rounds: on.rounds(WAKEUP_WORK),
            window: WAKEUP_WINDOW,
            seed: on.seed,
        },
        &|_| (),
    )?
    .woken;
    let (after, took) = (measured::used(&busy)?, sys::monotonic() - begin);
    // All at once, or each would wait for its turn among those that still work.
    busy.iter().for_each(Task::stop);
    drop(busy);
    let used: Vec<u64> = after.iter().zip(&before).map(|(a, b)| a - b).collect();
    let shares = measured::shares(&used, on.cpus, took)?;
    Ok(vec![
        Sample {
            name: "wakeup".into(),
            values: woken.into_iter().map(us).collect(),
        },
        one("wakeup-least", shares.least),
    ])
}

fn fork(on: &Conditions) -> Result<Vec<Sample>> {
    let busy = Task::hogs(on.cpus * BUSY_PER_CPU)?;
    std::thread::sleep(SETTLE);
    let load = Forks {
        words: measured::nothing(),
        count: FORKS,
        limit: FORKS_LIMIT,
    };
    let took = measured::forks(load, || ());
    busy.iter().for_each(Task::stop);
    let took = took?;
    let all: Duration = took.iter().sum();
    Ok(vec![one("fork", us(all / took.len().max(1) as u32))])
}

fn messaging(on: &Conditions, between: Between, name: &str) -> Result<Vec<Sample>> {
    let groups = (on.cpus / CPUS_PER_GROUP).max(1);
    let took = measured::messaging(groups, MESSAGES, between)?;
    Ok(vec![one(name, took.as_secs_f64() * 1e3)])
}

fn requests(on: &Conditions, name: &str, load: f64) -> Result<Vec<Sample>> {
    let served = measured::requests(
        Requests {
            workers: on.cpus * WORKERS_PER_CPU,
            cpus: on.cpus,
            load,
            service: REQUEST,
            rounds: on.rounds(REQUEST),
            window: REQUESTS_WINDOW,
            seed: on.seed,
        },
        &|_| (),
    )?;
    let rate = served.answered as f64 / served.window.as_secs_f64();
    Ok(vec![
        Sample {
            name: name.into(),
            values: served.latencies.into_iter().map(us).collect(),
        },
        one(&format!("{name}-rate"), rate),
    ])
}

fn cache(on: &Conditions) -> Result<Vec<Sample>> {
    let load = Hopping {
        tasks: on.cpus + on.cpus.div_ceil(2),
        bytes: HOPPING_BYTES,
        passes: HOPPING_PASSES,
        nap: HOPPING_NAP,
        window: HOPPING_WINDOW,
    };
    let hopped = measured::hopping(load, on.seed)?;
    Ok(vec![
        one("cache", us(hopped.pass)),
        one("cache-rate", hopped.passes_per_s),
    ])
}

fn storm(on: &Conditions) -> Result<Vec<Sample>> {
    let load = Storm {
        cpus: on.cpus,
        busy: on.cpus * BUSY_PER_CPU,
        wakers: on.cpus * STORM_PER_CPU,
        every: STORM_EVERY,
        rounds: on.rounds(STORM_WORK),
        window: STORM_WINDOW,
    };
    let shares = measured::storm(load, SETTLE).context("a storm")?;
    Ok(vec![
        one("storm-busy", shares.all),
        one("storm-least", shares.least),
    ])
}

fn one(name: &str, value: f64) -> Sample {
    Sample {
        name: name.into(),
        values: vec![value],
    }
}

fn us(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    use super::super::metric::METRICS;
    use super::*;

    #[test]
    fn every_load_is_shown_and_every_metric_measured() {
        let on = Conditions::here(1).unwrap();
        let mut seen = Vec::new();
        for load in Load::value_variants() {
            let samples = load.measure(&on).unwrap();
            let is_shown = |sample: &Sample| METRICS.iter().any(|m| m.sample == sample.name);
            assert!(samples.iter().any(is_shown), "{load:?}");
            for sample in samples {
                assert!(!sample.values.is_empty(), "{}", sample.name);
                assert!(sample.values.iter().all(|v| v.is_finite()));
                seen.push(sample.name);
            }
        }
        for metric in METRICS {
            assert!(
                seen.iter().any(|name| name == metric.sample),
                "{}",
                metric.key
            );
        }
    }

    #[test]
    fn work_is_some_rounds() {
        let on = Conditions {
            cpus: 1,
            seed: 0,
            rounds_per_ms: 2000,
        };
        assert_eq!(on.rounds(Duration::from_micros(500)), 1000);
        assert_eq!(on.rounds(Duration::ZERO), 1);
    }
}
