// SPDX-License-Identifier: GPL-2.0-only
//! Reads what a load printed by a form.

use anyhow::{anyhow, bail, ensure, Context, Error, Result};

use super::expression::{Expression, Number};
use super::form::Form;
use super::histogram::Bins;
use super::{parts, said, Done, Run, Told};
use crate::record::Latency;

impl Form {
    /// `histogram`: that in what the load printed.
    pub(super) fn read(&self, run: &Run, told: &Told, histogram: Option<&Bins>) -> Result<Done> {
        let failure = self.failure.as_ref();
        if let Some(failure) = failure.and_then(|failure| failure.0.find(&run.said)) {
            bail!("the load failed: {}", failure.as_str().trim());
        }
        let said = self.from(&run.said)?;
        let (operations, rate) = match &self.parts {
            Some(parts) => {
                let kind = self.part().unwrap_or_default();
                let sums = parts::sums(parts, kind, said, told.part.as_deref())?;
                sums.ok_or_else(|| self.nothing("parts", parts))?
            }
            None => (
                self.operations(said, told.operations, histogram)?,
                self.find("throughput", &self.throughput, said)?,
            ),
        };
        let seconds = match (operations, rate) {
            // Finer than the time that it prints.
            (Some(operations), Some(rate)) => operations / rate,
            _ => self
                .seconds(said, operations)?
                .unwrap_or(run.took.as_secs_f64()),
        };
        let operations = operations.or(rate.map(|rate| rate * seconds));
        let operations = operations.context("operations: nobody says how many")?;
        Ok(Done {
            operations,
            seconds,
            latency: self.latency(said, operations)?,
        })
    }

    /// The part of the text in which figures are looked for.
    fn from<'t>(&self, said: &'t str) -> Result<&'t str> {
        let Some(from) = &self.from else {
            return Ok(said);
        };
        let last = from.0.find_iter(said).last();
        let last = last.ok_or_else(|| self.nothing("from", from))?;
        Ok(&said[last.start()..])
    }

    /// If the load prints them, or the workload says them.
    fn operations(
        &self,
        said: &str,
        told: Option<u64>,
        histogram: Option<&Bins>,
    ) -> Result<Option<f64>> {
        if self.histogram_counts {
            let bins = histogram.context("histogram_counts: there is no histogram")?;
            let latencies: u64 = bins.iter().map(|(_, n)| n).sum();
            return Ok(Some(latencies as f64));
        }
        let told = told.map(|told| told as f64);
        let printed = match (&self.operations, told) {
            (Some(operations), Some(_)) => operations.find(said).context("operations")?,
            (operations, _) => self.find("operations", operations, said)?,
        };
        match (told, printed) {
            (Some(told), Some(printed)) if told != printed => {
                bail!("operations: the load made {printed}, and not {told}")
            }
            _ => Ok(printed.or(told)),
        }
    }

    /// If the load prints them.
    fn seconds(&self, said: &str, operations: Option<f64>) -> Result<Option<f64>> {
        let each = self.us_per_operation.as_ref();
        let each = each.map(|each| each.find(said).context("us_per_operation"));
        if let (Some(Some(each)), Some(operations)) = (each.transpose()?, operations) {
            return Ok(Some(operations * each / 1e6));
        }
        let seconds = self.find("seconds", &self.seconds, said)?;
        ensure!(
            seconds.is_none_or(|seconds| seconds > 0.0),
            "seconds: 0 is too short for the load's clock: give it more to do"
        );
        Ok(seconds)
    }

    fn latency(&self, said: &str, operations: f64) -> Result<Option<Latency>> {
        let p90 = self.find("latency_p90", &self.latency_p90, said)?;
        let p99 = self.find("latency_p99", &self.latency_p99, said)?;
        let unit_us = self.unit_us()?;
        let percentiles = [(90.0, p90), (99.0, p99)].into_iter();
        let mut at: Vec<_> = percentiles
            .filter_map(|(percent, latency)| Some((percent, latency? * unit_us)))
            .collect();
        if let (Some(table), Some(row)) = (&self.latency_table, &self.latency_row) {
            if let Some(heading) = table.0.find(said) {
                at = rows(row, &said[heading.end()..], unit_us)?;
                if at.is_empty() {
                    return Err(self.nothing("latency_row", row));
                }
            }
        }
        let requests = self.find("requests", &self.requests, said)?;
        let n = requests.unwrap_or(operations.round()) as u64;
        Ok((!at.is_empty()).then_some(Latency::Quantiles { n, at }))
    }

    /// The number in a field, which must be there; none if the form has no such field.
    fn find(&self, field: &str, number: &Option<Number>, said: &str) -> Result<Option<f64>> {
        let Some(number) = number else {
            return Ok(None);
        };
        let found = number.find(said).with_context(|| field.to_string())?;
        found
            .map(Some)
            .ok_or_else(|| self.nothing(field, &number.0))
    }

    fn nothing(&self, field: &str, expression: &Expression) -> Error {
        let error = anyhow!("{field}: `{}` matches nothing", expression.0);
        match &self.hint {
            Some(hint) => anyhow!("{error}: {hint}"),
            None => error,
        }
    }
}

/// The lines below the heading of a table, until one is no row of it.
fn rows(row: &Expression, below: &str, unit_us: f64) -> Result<Vec<(f64, f64)>> {
    let lines = below.lines().skip(1);
    lines
        .map_while(|line| row.0.captures(line))
        .map(|found| {
            let unit_us = match found.name("unit") {
                Some(unit) => said::unit_us(unit.as_str())?,
                None => unit_us,
            };
            let value = row.number(&found, "value")?;
            Ok((row.number(&found, "percent")?, value * unit_us))
        })
        .collect()
}
