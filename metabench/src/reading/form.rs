// SPDX-License-Identifier: GPL-2.0-only
//! How to read what a load prints, as data: a row of `readers.toml`, or one that a user writes in
//! `workload.toml`. `docs/workload.md` says what each field means.

use anyhow::{bail, ensure, Context, Error, Result};
use serde::Deserialize;

use super::expression::{Expression, Pattern};
use super::parts::Parts;
use super::said;

/// As it is written.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fields {
    pub failure: Option<Expression>,
    pub from: Option<Expression>,
    pub hint: Option<String>,
    pub throughput: Option<Pattern>,
    pub operations: Option<Pattern>,
    #[serde(default)]
    pub histogram_counts: bool,
    pub seconds: Option<Pattern>,
    pub seconds_per_operation: Option<Pattern>,
    pub parts: Option<Parts>,
    pub requests: Option<Pattern>,
    latency_p90: Option<Pattern>,
    latency_p99: Option<Pattern>,
    pub latency_table: Option<Expression>,
    pub latency_row: Option<Expression>,
    latency_unit: Option<Unit>,
}

/// Fields that go together.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Fields")]
pub(crate) struct Form(pub(super) Box<Fields>);

/// A unit of time, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
struct Unit(f64);

impl TryFrom<String> for Unit {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let us = said::unit_us(&text).map(Self);
        us.with_context(|| format!("`{text}` is not one of ns, us, ms, s, m, h"))
    }
}

impl TryFrom<Fields> for Form {
    type Error = Error;

    fn try_from(fields: Fields) -> Result<Self> {
        fields.check_work()?;
        fields.check_latency()?;
        Ok(Self(Box::new(fields)))
    }
}

impl Fields {
    fn check_work(&self) -> Result<()> {
        let throughput = self.throughput.is_some();
        let operations = self.operations.is_some() || self.histogram_counts;
        let seconds = self.seconds.is_some() || self.seconds_per_operation.is_some();
        if self.parts.is_some() {
            ensure!(
                !throughput && !operations && !seconds,
                "parts: throughput, operations and seconds do not go with it"
            );
            return Ok(());
        }
        ensure!(
            throughput || operations || seconds,
            "missing field `throughput`, or else `operations`, `seconds` or `parts`"
        );
        ensure!(
            !(throughput && (operations && seconds || self.seconds_per_operation.is_some())),
            "throughput, operations and seconds: each follows from the others"
        );
        ensure!(
            !(self.operations.is_some() && self.histogram_counts),
            "histogram_counts: it does not go with operations"
        );
        for pattern in [&self.throughput, &self.operations, &self.requests] {
            if let Some(pattern) = pattern.as_ref().filter(|pattern| pattern.has_unit()) {
                bail!("{pattern} has a unit, and is no time");
            }
        }
        Ok(())
    }

    fn check_latency(&self) -> Result<()> {
        ensure!(
            self.latency_table.is_some() == self.latency_row.is_some(),
            "latency_table and latency_row go together"
        );
        let percentiles = self.percentiles().into_iter();
        let percentiles = percentiles.filter_map(|(_, _, pattern)| pattern.as_ref());
        let mut with_unit: Vec<bool> = percentiles.map(Pattern::has_unit).collect();
        if let Some(row) = &self.latency_row {
            ensure!(
                with_unit.is_empty(),
                "latency_row: latency_p90 and latency_p99 do not go with it"
            );
            let groups = row.groups();
            with_unit.push(groups.contains(&"unit"));
            ensure!(
                groups == ["percent", "value"] || groups == ["percent", "unit", "value"],
                "latency_row: {row} has not the capture groups `percent`, `value` and maybe `unit`"
            );
        }
        ensure!(
            with_unit.contains(&false) == self.latency_unit.is_some(),
            "latency_unit: it goes with latencies that have no unit beside them: us, ms or s"
        );
        Ok(())
    }

    /// (percent, field, pattern)
    pub(super) fn percentiles(&self) -> [(f64, &'static str, &Option<Pattern>); 2] {
        [
            (90.0, "latency_p90", &self.latency_p90),
            (99.0, "latency_p99", &self.latency_p99),
        ]
    }

    /// In microseconds.
    pub(super) fn latency_unit(&self) -> f64 {
        self.latency_unit.map_or(1.0, |Unit(us)| us)
    }
}

impl Form {
    /// Throughput alone.
    pub fn throughput(throughput: Pattern) -> Result<Self> {
        Self::try_from(Fields {
            throughput: Some(throughput),
            ..Fields::default()
        })
    }

    /// The application says how much one run does: always, if the load never prints it.
    pub fn takes_operations(&self) -> bool {
        let Self(fields) = self;
        fields.throughput.is_none() && fields.parts.is_none() && !fields.histogram_counts
    }

    pub fn needs_operations(&self) -> bool {
        self.takes_operations() && self.0.operations.is_none()
    }

    /// What the load calls a part of itself: `stressor`.
    pub fn part(&self) -> Option<&str> {
        self.0.parts.as_ref().map(Parts::kind)
    }
}
