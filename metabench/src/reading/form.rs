// SPDX-License-Identifier: GPL-2.0-only
//! How to read what a load prints, as data: a row of `readers.toml`, or one that a user writes in
//! `workload.toml`. `docs/workload.md` says what each field means.

use anyhow::{ensure, Context, Result};
use serde::Deserialize;

use super::expression::{Expression, Number};
use super::said;

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Form {
    pub(super) failure: Option<Expression>,
    pub(super) from: Option<Expression>,
    pub(super) hint: Option<String>,
    pub(super) throughput: Option<Number>,
    pub(super) operations: Option<Number>,
    #[serde(default)]
    pub(super) histogram_counts: bool,
    pub(super) seconds: Option<Number>,
    pub(super) us_per_operation: Option<Number>,
    pub(super) parts: Option<Expression>,
    pub(super) requests: Option<Number>,
    pub(super) latency_p90: Option<Number>,
    pub(super) latency_p99: Option<Number>,
    pub(super) latency_table: Option<Expression>,
    pub(super) latency_row: Option<Expression>,
    pub(super) latency_unit: Option<String>,
}

/// What each part of a load did.
const PART: [&str; 2] = ["operations", "throughput"];

impl Form {
    /// Its fields go together.
    pub fn check(&self) -> Result<()> {
        let work = [
            self.throughput.is_some(),
            self.operations.is_some() || self.histogram_counts,
            self.seconds.is_some(),
        ];
        let work = work.into_iter().filter(|is_there| *is_there).count();
        ensure!(
            matches!((work, &self.parts), (1 | 2, None) | (0, Some(_))),
            "one or two of throughput, operations and seconds are needed, or parts"
        );
        let groups = self.parts.as_ref().map(Expression::groups);
        ensure!(
            groups.is_none_or(|names| {
                names.len() == 3
                    && !names[0].is_empty()
                    && PART.iter().all(|part| names.contains(part))
            }),
            "parts: its capture groups are not operations, throughput and one for the name"
        );
        ensure!(
            self.latency_table.is_some() == self.latency_row.is_some(),
            "latency_table and latency_row go together"
        );
        let row = self.latency_row.as_ref().map(Expression::groups);
        let row = row.as_deref();
        ensure!(
            matches!(
                row,
                None | Some(["percent", "value"] | ["percent", "unit", "value"])
            ),
            "latency_row: its capture groups are not percent, value and perhaps unit"
        );
        let unitless = self.latency_p90.is_some()
            || self.latency_p99.is_some()
            || row.is_some_and(|groups| !groups.contains(&"unit"));
        ensure!(
            unitless == self.latency_unit.is_some(),
            "latency_unit: it goes with latencies that have no unit beside them: us, ms or s"
        );
        ensure!(
            self.us_per_operation.is_none() || self.seconds.is_some(),
            "us_per_operation: it goes with seconds"
        );
        self.unit_us().map(|_| ())
    }

    /// Of latencies that have none beside them.
    pub(super) fn unit_us(&self) -> Result<f64> {
        let unit = self.latency_unit.as_deref().unwrap_or("us");
        said::unit_us(unit).context("latency_unit")
    }

    /// The application may say how much one run does.
    pub fn takes_operations(&self) -> bool {
        self.throughput.is_none() && self.parts.is_none() && !self.histogram_counts
    }

    /// The application must say it: the load never prints it.
    pub fn needs_operations(&self) -> bool {
        self.takes_operations() && self.operations.is_none()
    }

    /// What the load calls a part of itself: `stressor`.
    pub fn part(&self) -> Option<&str> {
        let mut groups = self.parts.as_ref()?.groups().into_iter();
        groups.find(|group| !PART.contains(group))
    }
}
