// SPDX-License-Identifier: GPL-2.0-only
//! Reads throughput and latency from what a load printed.
//!
//! | reader | throughput | latency |
//! |---|---|---|
//! | `wrk` | Requests/sec | `--latency`; see `wrk.rs` for how wrk corrects it |
//! | `perf-bench` | operations ÷ time | none of its own |
//! | `stress-ng` | bogo operations a second of real time (`--metrics`) | none of its own |
//! | `schbench` | average rps | wake-up percentiles |
//! | `probe` | wake-ups of `scx_metabench probe` | its histogram |
//! | `regex` | one capture group | one capture group each |
//! | `runs` | runs of the command | none of its own |
//!
//! Whatever the reader, lines `latency_us VALUE COUNT` are a histogram (see [`histogram`]) and go
//! before other latencies: histograms pool over blocks, percentiles do not. A Lua script makes wrk
//! print them; `scx_metabench probe` adds them to any command.
//!
//! Nothing is guessed: what cannot be read, a request that failed and a throughput of zero are
//! errors that quote the end of what was said.

pub mod histogram;
mod latency;
mod perf_bench;
pub(crate) mod probe;
mod regex;
mod said;
mod schbench;
mod stress_ng;
mod wrk;

use std::time::Duration;

use anyhow::{ensure, Context, Result};

pub use self::regex::{Pattern, Patterns};
use crate::trial::record::Latency;

/// One run of a load's command, which ended with status 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Its standard output, followed by its standard error: stress-ng and schbench put their
    /// figures on the latter. Each as a whole, so that lines of the one never tear the other's.
    pub said: String,
    /// From its start to its end.
    pub took: Duration,
}

/// What a load did.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// A second, in the application's unit; positive and finite.
    pub throughput: f64,
    /// Of its requests, if it says.
    pub latency: Option<Latency>,
}

/// How to read it.
#[derive(Clone, Debug, PartialEq)]
pub enum Reader {
    /// wrk.
    Wrk,
    /// `perf bench`, default format or simple.
    PerfBench {
        /// In one run; `None` where perf says it (`sched pipe`, default format).
        operations: Option<u64>,
    },
    /// `stress-ng --metrics`.
    StressNg {
        /// The only stressor that counts; `None`: the sum of all.
        stressor: Option<String>,
    },
    /// schbench, since it says `average rps`.
    Schbench,
    /// `scx_metabench probe`, where the wake-ups themselves are the work.
    Probe,
    /// Anything else.
    Regex(Patterns),
    /// The command itself is the work: runs a second.
    Runs,
    /// A figure of which less is better: throughput is 1 ÷ it.
    Inverse(Box<Reader>),
}

/// What one run did: sums over runs make a throughput in which each counts by its length.
#[derive(Clone, Debug, PartialEq)]
struct Done {
    operations: f64,
    seconds: f64,
    latency: Option<Latency>,
}

impl Done {
    /// As much of the time, at 1 ÷ the rate.
    fn inverse(self) -> Self {
        Self {
            operations: self.seconds * self.seconds / self.operations,
            ..self
        }
    }
}

impl Reader {
    /// A reader of throughput alone, for `try --metric`.
    pub fn metric(throughput: &str) -> Result<Self> {
        Ok(Self::Regex(Patterns::throughput(Pattern::new(throughput)?)))
    }

    /// Reads the runs of one block: several where the command was run again until the window had
    /// passed.
    pub fn read(&self, runs: &[Run]) -> Result<Reading> {
        ensure!(!runs.is_empty(), "the load did not run");
        let all: Vec<Done> = runs
            .iter()
            .map(|run| {
                self.one(run)
                    .with_context(|| format!("{}: it said:\n{}", self.name(), said::tail(run)))
            })
            .collect::<Result<_>>()?;
        let operations: f64 = all.iter().map(|done| done.operations).sum();
        let seconds: f64 = all.iter().map(|done| done.seconds).sum();
        let latencies = all.into_iter().map(|done| done.latency).collect();
        Ok(Reading {
            throughput: operations / seconds,
            latency: latency::pooled(latencies).context(self.name())?,
        })
    }

    fn one(&self, run: &Run) -> Result<Done> {
        let mut done = match self {
            Self::Wrk => wrk::read(&run.said),
            Self::PerfBench { operations } => perf_bench::read(&run.said, *operations),
            Self::StressNg { stressor } => stress_ng::read(&run.said, stressor.as_deref()),
            Self::Schbench => schbench::read(&run.said),
            Self::Probe => probe::read(&run.said),
            Self::Regex(patterns) => patterns.read(run),
            Self::Runs => Ok(Done {
                operations: 1.0,
                seconds: run.took.as_secs_f64(),
                latency: None,
            }),
            Self::Inverse(reader) => reader.one(run).map(Done::inverse),
        }?;
        let rate = done.operations / done.seconds;
        ensure!(
            rate.is_finite() && rate > 0.0,
            "{} operations in {} s: no throughput",
            done.operations,
            done.seconds
        );
        if let Some(histogram) = histogram::read(&run.said)? {
            done.latency = Some(Latency::Histogram(histogram));
        }
        Ok(done)
    }

    /// As `workload.toml` calls it.
    fn name(&self) -> &'static str {
        match self {
            Self::Wrk => "wrk",
            Self::PerfBench { .. } => "perf-bench",
            Self::StressNg { .. } => "stress-ng",
            Self::Schbench => "schbench",
            Self::Probe => "probe",
            Self::Regex(_) => "regex",
            Self::Runs => "runs",
            Self::Inverse(reader) => reader.name(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(said: &str, seconds: u64) -> Run {
        Run {
            said: said.into(),
            took: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn runs_count_by_their_length_and_histograms_add_up() {
        let reader = Reader::PerfBench {
            operations: Some(100),
        };
        let runs = [
            run("0.5\nlatency_us 3 1\nlatency_us 9 2\n", 9),
            run("1.5\nlatency_us 9 5\nlatency_us 12.5 1\n", 9),
        ];
        let reading = reader.read(&runs).unwrap();
        assert_eq!(reading.throughput, 100.0);
        assert_eq!(
            reading.latency,
            Some(Latency::Histogram(vec![(3.0, 1), (9.0, 7), (12.5, 1)]))
        );
    }

    #[test]
    fn rates_without_operations_are_weighted_by_time() {
        let reader = Reader::metric("rate ([0-9.]+)").unwrap();
        let reading = reader
            .read(&[run("rate 10", 3), run("rate 50", 1)])
            .unwrap();
        assert_eq!(reading.throughput, 20.0);
        assert_eq!(reading.latency, None);
    }

    #[test]
    fn a_run_counts_and_less_can_be_better() {
        let twice = [run("", 3), run("", 1)];
        assert_eq!(Reader::Runs.read(&twice).unwrap().throughput, 0.5);
        let late = Reader::Inverse(Box::new(Reader::metric("late ([0-9.]+)").unwrap()));
        let reading = late.read(&[run("late 8", 4)]).unwrap();
        assert_eq!(reading.throughput, 0.125);
        // No lateness at all has no 1 ÷ it.
        assert!(late.read(&[run("late 0", 4)]).is_err());
    }

    #[test]
    fn nothing_done_is_an_error_in_every_run() {
        let reader = Reader::metric("rate ([-0-9.a-z]+)").unwrap();
        assert!(reader.read(&[]).is_err());
        for bad in ["rate 0", "rate -1", "rate nan", "rate inf"] {
            let error = reader.read(&[run("rate 7", 1), run(bad, 1)]).unwrap_err();
            let error = format!("{error:#}");
            assert!(error.contains(bad) && error.contains("regex"), "{error}");
        }
    }

    #[test]
    fn a_run_that_says_no_latency_is_an_error_if_another_does() {
        let reader = Reader::metric("rate ([0-9.]+)").unwrap();
        let runs = [run("rate 7\nlatency_us 1 1", 1), run("rate 7", 1)];
        assert!(reader.read(&runs).is_err());
    }
}
