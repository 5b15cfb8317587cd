// SPDX-License-Identifier: GPL-2.0-only
//! `reader = …`: the name of a reader, or a table that begins with it.

use anyhow::{anyhow, ensure, Context, Result};
use serde::Deserialize;
use toml::{Table, Value};

use super::amount;
use super::placeholder::Parameters;
use crate::reading::{Pattern, Patterns, Reader};

/// Braces after the names: serde refuses unknown fields only of variants that have some.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum Kind {
    Wrk {},
    PerfBench { operations: Option<Value> },
    StressNg { stressor: Option<String> },
    Schbench {},
    Probe {},
    Regex(Expressions),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expressions {
    throughput: String,
    latency_p90: Option<String>,
    latency_p99: Option<String>,
    latency_unit: Option<Unit>,
    requests: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Unit {
    Us,
    Ms,
    S,
}

impl Unit {
    fn us(self) -> f64 {
        match self {
            Self::Us => 1.0,
            Self::Ms => 1e3,
            Self::S => 1e6,
        }
    }
}

/// From the field's value.
pub fn read(value: &Value, parameters: &Parameters) -> Result<Reader> {
    let table = match value {
        Value::String(kind) => Table::from_iter([("kind".into(), kind.clone().into())]),
        Value::Table(table) => table.clone(),
        other => {
            return Err(anyhow!(
                "a name or a table expected, and not {}",
                other.type_str()
            ))
        }
    };
    let kind = Kind::deserialize(table).map_err(|error| anyhow!("{}", error.message()))?;
    Ok(match kind {
        Kind::Wrk {} => Reader::Wrk,
        Kind::PerfBench { operations } => Reader::PerfBench {
            operations: operations
                .map(|value| amount::count(&value, parameters).context("operations"))
                .transpose()?,
        },
        Kind::StressNg { stressor } => Reader::StressNg { stressor },
        Kind::Schbench {} => Reader::Schbench,
        Kind::Probe {} => Reader::Probe,
        Kind::Regex(expressions) => Reader::Regex(expressions.patterns()?),
    })
}

impl Expressions {
    /// As they are written: braces mean something in a regular expression.
    fn patterns(self) -> Result<Patterns> {
        let pattern = |field: &'static str, text: &str| Pattern::new(text).context(field);
        let mut latency = Vec::new();
        if let Some(text) = &self.latency_p90 {
            latency.push((90.0, pattern("latency_p90", text)?));
        }
        if let Some(text) = &self.latency_p99 {
            latency.push((99.0, pattern("latency_p99", text)?));
        }
        ensure!(
            latency.is_empty() == self.latency_unit.is_none(),
            "latency_unit: it goes with latency_p90 or latency_p99: us, ms or s"
        );
        Ok(Patterns {
            throughput: pattern("throughput", &self.throughput)?,
            latency,
            unit_us: self.latency_unit.unwrap_or(Unit::Us).us(),
            requests: self
                .requests
                .map(|text| pattern("requests", &text))
                .transpose()?,
        })
    }
}
