// SPDX-License-Identifier: GPL-2.0-only
//! Reads throughput and latency from what a load printed: by a row of `readers.toml`, or by one that
//! a user has written in the same form.
//!
//! Whatever the reader, lines `latency_us VALUE COUNT` are a histogram (see `histogram.rs`) and go
//! before other latencies: histograms pool over blocks, percentiles do not. A Lua script makes wrk
//! print them; `scx_metabench probe` adds them to any command.
//!
//! Nothing is guessed: figures that cannot be read, a request that failed and a throughput of zero
//! are errors that quote the end of the text.

mod expression;
mod form;
pub(crate) mod histogram;
mod latency;
mod parts;
pub(crate) mod probe;
mod readers;
mod said;
#[cfg(test)]
pub(crate) mod tests;
mod work;

use std::time::Duration;

use anyhow::{ensure, Context, Result};

pub(crate) use self::form::Form;
pub(crate) use self::readers::{Readers, Written};
use crate::record::Latency;

/// The form is in the application itself.
pub(crate) const REGEX: &str = "regex";

/// One run of a load's command, which ended with status 0.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    /// Its standard output, followed by its standard error: stress-ng and schbench put their
    /// figures on the latter. Each as a whole, so that lines of the one never tear the other's.
    pub said: String,
    /// From its start to its end.
    pub took: Duration,
}

/// What a load did.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    /// A second, in the application's unit; positive and finite.
    pub throughput: f64,
    /// Of its requests, if it says.
    pub latency: Option<Latency>,
}

/// How to read it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reader {
    /// The load prints it.
    Form {
        /// As `workload.toml` calls it.
        name: String,
        form: Box<Form>,
        told: Told,
    },
    /// The command itself is the work: runs a second.
    Runs,
    /// A figure of which less is better: throughput is 1 ÷ it.
    Inverse(Box<Reader>),
}

/// What an application says beside the name of its reader.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Told {
    /// In one run.
    pub operations: Option<u64>,
    /// The only part of the load that counts; without it, the sum of all.
    pub part: Option<String>,
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
        Ok(Self::regex(Form {
            throughput: Some(throughput.to_string().try_into()?),
            ..Form::default()
        }))
    }

    /// A form that has no name.
    pub fn regex(form: Form) -> Self {
        Self::Form {
            name: REGEX.into(),
            form: form.into(),
            told: Told::default(),
        }
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
            latency: latency::pooled(latencies).with_context(|| self.name().to_string())?,
        })
    }

    fn one(&self, run: &Run) -> Result<Done> {
        let histogram = histogram::read(&run.said)?;
        let mut done = match self {
            Self::Form { form, told, .. } => form.read(run, told, histogram.as_ref()),
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
        done.latency = histogram.map(Latency::Histogram).or(done.latency);
        Ok(done)
    }

    fn name(&self) -> &str {
        match self {
            Self::Form { name, .. } => name,
            Self::Runs => "runs",
            Self::Inverse(reader) => reader.name(),
        }
    }
}
