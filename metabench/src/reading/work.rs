// SPDX-License-Identifier: GPL-2.0-only
//! Reads what a load printed by a form.

use std::fmt;

use anyhow::{anyhow, bail, ensure, Context, Error, Result};

use super::expression::{Expression, Figure, Pattern};
use super::form::{Fields, Form};
use super::histogram::Bins;
use super::{Done, Run, Told};
use crate::trial::record::Latency;

/// Seconds without a unit beside them.
const SECOND_US: f64 = 1e6;

impl Form {
    /// `histogram`: that in what the load printed.
    pub(super) fn read(&self, run: &Run, told: &Told, histogram: Option<&Bins>) -> Result<Done> {
        let Self(fields) = self;
        let failure = fields.failure.as_ref();
        if let Some(failure) = failure.and_then(|failure| failure.regex().find(&run.said)) {
            bail!("the load failed: {}", failure.as_str().trim());
        }
        let said = fields.from(&run.said)?;
        let (operations, seconds) = match &fields.parts {
            Some(parts) => {
                let sums = parts.read(said, told.part.as_deref()).context("parts")?;
                let (operations, rate) = sums.ok_or_else(|| fields.nothing("parts", parts))?;
                (operations, operations / rate)
            }
            None => fields.work(said, run.took.as_secs_f64(), told.operations, histogram)?,
        };
        Ok(Done {
            operations,
            seconds,
            latency: fields.latency(said, operations)?,
        })
    }
}

impl Fields {
    /// The part of the text in which figures are looked for.
    fn from<'t>(&self, said: &'t str) -> Result<&'t str> {
        let Some(from) = &self.from else {
            return Ok(said);
        };
        let last = from.regex().find_iter(said).last();
        let last = last.ok_or_else(|| self.nothing("from", from))?;
        Ok(&said[last.start()..])
    }

    /// Operations, and the seconds that they took.
    fn work(
        &self,
        said: &str,
        took: f64,
        told: Option<u64>,
        histogram: Option<&Bins>,
    ) -> Result<(f64, f64)> {
        let rate = self.find("throughput", &self.throughput, said)?;
        let rate = rate.map(|figure| figure.number);
        let operations = match self.histogram_counts {
            true => Some(counted(histogram)?),
            false => self.operations(said, told)?,
        };
        if let (Some(rate), Some(operations)) = (rate, operations) {
            // Finer than the time that it prints.
            return Ok((operations, operations / rate));
        }
        let seconds = self.seconds(said, operations)?.unwrap_or(took);
        match operations.or(rate.map(|rate| rate * seconds)) {
            Some(operations) => Ok((operations, seconds)),
            None => bail!("operations: neither the load nor the workload says how many"),
        }
    }

    /// If the load prints them, or the workload says so.
    fn operations(&self, said: &str, told: Option<u64>) -> Result<Option<f64>> {
        let Some(pattern) = &self.operations else {
            return Ok(told.map(|told| told as f64));
        };
        let printed = pattern.find(said).context("operations")?;
        let printed = printed.map(|figure| figure.number);
        match (printed, told.map(|told| told as f64)) {
            (Some(printed), Some(told)) if printed != told => {
                bail!("operations: the load made {printed}, and not {told}")
            }
            (None, None) if self.throughput.is_none() => {
                bail!("operations: {pattern} matches nothing, and reader.operations is missing")
            }
            (None, None) => Err(self.nothing("operations", pattern)),
            (printed, told) => Ok(printed.or(told)),
        }
    }

    /// If the load prints them.
    fn seconds(&self, said: &str, operations: Option<f64>) -> Result<Option<f64>> {
        let each = match (&self.seconds_per_operation, &self.seconds) {
            // It is not always printed.
            (Some(each), Some(_)) => each.find(said).context("seconds_per_operation")?,
            (each, _) => self.find("seconds_per_operation", each, said)?,
        };
        if let (Some(each), Some(operations)) = (each, operations) {
            return Ok(Some(operations * each.us(SECOND_US) / SECOND_US));
        }
        let Some(found) = self.find("seconds", &self.seconds, said)? else {
            return Ok(None);
        };
        ensure!(
            found.number > 0.0,
            "seconds: 0 is too short for the load's clock: give it more to do"
        );
        Ok(Some(found.seconds()))
    }

    fn latency(&self, said: &str, operations: f64) -> Result<Option<Latency>> {
        let mut at = Vec::new();
        for (percent, field, pattern) in self.percentiles() {
            if let Some(found) = self.find(field, pattern, said)? {
                at.push((percent, found.us(self.latency_unit())));
            }
        }
        if let (Some(table), Some(row)) = (&self.latency_table, &self.latency_row) {
            if let Some(heading) = table.regex().find(said) {
                at = self.rows(&said[heading.end()..], row)?;
                if at.is_empty() {
                    return Err(self.nothing("latency_row", row));
                }
            }
        }
        let requests = self.find("requests", &self.requests, said)?;
        let n = requests.map_or(operations.round(), |found| found.number) as u64;
        Ok((!at.is_empty()).then_some(Latency::Quantiles { n, at }))
    }

    /// Lines below the heading of a table, until one is no row of it.
    fn rows(&self, below: &str, row: &Expression) -> Result<Vec<(f64, f64)>> {
        let rows = below.lines().skip(1);
        rows.map_while(|line| row.regex().captures(line))
            .map(|found| {
                let us = row.figure(&found)?.us(self.latency_unit());
                Ok((row.number(&found, "percent")?, us))
            })
            .collect()
    }

    /// The figure in a field, which must be there; nothing if the form has no such field.
    fn find(&self, field: &str, pattern: &Option<Pattern>, said: &str) -> Result<Option<Figure>> {
        let Some(pattern) = pattern else {
            return Ok(None);
        };
        let found = pattern.find(said).with_context(|| field.to_string())?;
        found.map(Some).ok_or_else(|| self.nothing(field, pattern))
    }

    fn nothing(&self, field: &str, expression: &impl fmt::Display) -> Error {
        let hint = self.hint.iter().map(|hint| format!(": {hint}"));
        let hint: String = hint.collect();
        anyhow!("{field}: {expression} matches nothing{hint}")
    }
}

/// Each latency is one operation.
fn counted(histogram: Option<&Bins>) -> Result<f64> {
    let bins = histogram.context("histogram_counts: there is no histogram")?;
    let latencies: u64 = bins.iter().map(|(_, n)| n).sum();
    Ok(latencies as f64)
}
