// SPDX-License-Identifier: GPL-2.0-only
//! Reads a profile and checks every figure in it.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::Range;
use std::path::Path;
use std::{fmt, fs};

use anyhow::{Context, Error, Result};
use serde::Deserialize;
use toml::Spanned;

use super::{Application, Ends, Figures, Profile, Provenance, Quantile, EEVDF};
use crate::source::Source;
use crate::Policies;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProfile {
    partial: bool,
    provenance: Option<Provenance>,
    application: Spanned<Vec<RawApplication>>,
    whole: Option<RawApplication>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawApplication {
    name: Spanned<String>,
    throughput_unit: String,
    latency_quantile: Option<Spanned<Quantile>>,
    concurrency: NonZeroU32,
    under: BTreeMap<Spanned<String>, RawFigures>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFigures {
    throughput: Spanned<f64>,
    throughput_interval: Option<Spanned<Vec<f64>>>,
    throughput_ratio: Option<Spanned<f64>>,
    throughput_ratio_interval: Option<Spanned<Vec<f64>>>,
    latency_ms: Option<Spanned<f64>>,
    latency_interval_ms: Option<Spanned<Vec<f64>>>,
    latency_ratio: Option<Spanned<f64>>,
    latency_ratio_interval: Option<Spanned<Vec<f64>>>,
    n: NonZeroU32,
}

impl Profile {
    /// Reads a file. Each of the loaded policies must have been measured.
    pub fn read(path: &Path, policies: &Policies) -> Result<Self> {
        let file = path.display().to_string();
        let text = fs::read_to_string(path).with_context(|| format!("--profile {file}"))?;
        Self::parse(&text, &file, policies)
    }

    /// As `read`; `file` is what errors call it.
    pub fn parse(text: &str, file: &str, policies: &Policies) -> Result<Self> {
        let source = Source { file, text };
        let raw: RawProfile = source.read()?;
        if raw.application.get_ref().is_empty() {
            return Err(source.error(raw.application.span(), "application: there is none"));
        }
        let mut applications: Vec<Application> = Vec::new();
        for raw in raw.application.into_inner() {
            let name = raw.name.clone();
            let application = Reader::new(&source, "application", &name)?.read(raw, policies)?;
            if applications.iter().any(|a| a.name == application.name) {
                let message = format!("name: there are two applications `{}`", application.name);
                return Err(source.error(name.span(), message));
            }
            applications.push(application);
        }
        let whole = raw.whole.map(|raw| {
            let name = raw.name.clone();
            Reader::new(&source, "whole", &name)?.read(raw, policies)
        });
        Ok(Self {
            partial: raw.partial,
            provenance: raw.provenance,
            applications,
            whole: whole.transpose()?,
        })
    }
}

/// Reads one application, or the whole.
struct Reader<'a> {
    source: &'a Source<'a>,
    /// ``application `frontend` ``, for errors.
    who: String,
    /// Where its name is.
    at: Range<usize>,
}

impl<'a> Reader<'a> {
    fn new(source: &'a Source<'a>, what: &str, name: &Spanned<String>) -> Result<Self> {
        let (at, name) = (name.span(), name.get_ref());
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err(source.error(at, format!("name: {name:?} is not a name")));
        }
        Ok(Self {
            source,
            who: format!("{what} `{name}`"),
            at,
        })
    }

    fn error(&self, span: Range<usize>, message: impl fmt::Display) -> Error {
        self.source.error(span, format!("{}: {message}", self.who))
    }

    fn read(&self, raw: RawApplication, known: &Policies) -> Result<Application> {
        let mut eevdf = None;
        let mut policies = Vec::new();
        let mut rows = Vec::new();
        for (scheduler, raw) in raw.under {
            let figures = self.figures(scheduler.get_ref(), raw)?;
            rows.push((scheduler.clone(), figures));
            if scheduler.get_ref() == EEVDF {
                eevdf = Some(figures);
                continue;
            }
            known.check(scheduler.get_ref()).map_err(|error: Error| {
                let message = format!("under.{}: {error}", scheduler.get_ref());
                self.error(scheduler.span(), message)
            })?;
            policies.push((scheduler.into_inner(), figures));
        }
        let missing = |message: String| self.error(self.at.clone(), message);
        let eevdf = eevdf.ok_or_else(|| {
            missing(format!(
                "under.{EEVDF} is missing, to which the policies are compared"
            ))
        })?;
        for policy in known.loaded() {
            if !policies.iter().any(|(measured, _)| measured == policy) {
                return Err(missing(format!(
                    "under.{policy} is missing; measure it, or leave {policy} out of --policies"
                )));
            }
        }
        self.check_alike(&rows)?;
        policies.sort_by_key(|(policy, _)| known.place(policy));
        Ok(Application {
            name: raw.name.into_inner(),
            throughput_unit: raw.throughput_unit,
            latency_quantile: self.quantile(raw.latency_quantile, &eevdf)?,
            concurrency: raw.concurrency,
            eevdf,
            policies,
        })
    }

    fn quantile(
        &self,
        quantile: Option<Spanned<Quantile>>,
        eevdf: &Figures,
    ) -> Result<Option<Quantile>> {
        match (&quantile, eevdf.latency_ms) {
            (None, Some(_)) => {
                let message = "latency_quantile is missing: which one is latency_ms?";
                Err(self.error(self.at.clone(), message))
            }
            (Some(given), None) => {
                let message = "latency_quantile: there is no latency_ms that it could be of";
                Err(self.error(given.span(), message))
            }
            _ => Ok(quantile.map(Spanned::into_inner)),
        }
    }

    /// What only some rows have could not be compared.
    fn check_alike(&self, rows: &[(Spanned<String>, Figures)]) -> Result<()> {
        let policies: Vec<_> = rows
            .iter()
            .filter(|(scheduler, _)| scheduler.get_ref() != EEVDF)
            .collect();
        self.check_all_or_none(rows, "latency_ms", |f| f.latency_ms.is_some())?;
        // EEVDF's own ratio is the noise floor: people who write by hand have none.
        let policies = || policies.iter().copied();
        self.check_all_or_none(policies(), "throughput_ratio", |f| {
            f.throughput_ratio.is_some()
        })?;
        self.check_all_or_none(policies(), "latency_ratio", |f| f.latency_ratio.is_some())
    }

    fn check_all_or_none<'b>(
        &self,
        rows: impl IntoIterator<Item = &'b (Spanned<String>, Figures)>,
        field: &str,
        has: fn(&Figures) -> bool,
    ) -> Result<()> {
        let (with, without): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|(_, figures)| has(figures));
        match without.first() {
            Some((scheduler, _)) if !with.is_empty() => {
                let name = scheduler.get_ref();
                let message = format!("under.{name}.{field} is missing: all have it or none");
                Err(self.error(scheduler.span(), message))
            }
            _ => Ok(()),
        }
    }

    fn figures(&self, scheduler: &str, raw: RawFigures) -> Result<Figures> {
        let row = Row {
            reader: self,
            scheduler,
        };
        let throughput = row.positive("throughput", &raw.throughput)?;
        let throughput_ratio = row.optional("throughput_ratio", &raw.throughput_ratio)?;
        let latency_ms = row.optional("latency_ms", &raw.latency_ms)?;
        let latency_ratio = row.optional("latency_ratio", &raw.latency_ratio)?;
        if let (Some(ratio), None) = (&raw.latency_ratio, latency_ms) {
            return Err(row.error("latency_ratio", ratio.span(), "there is no latency_ms"));
        }
        let around = |field, ends, middle| row.around(field, ends, middle);
        Ok(Figures {
            throughput,
            throughput_interval: around(
                "throughput_interval",
                raw.throughput_interval,
                Some(throughput),
            )?,
            throughput_ratio,
            throughput_ratio_interval: around(
                "throughput_ratio_interval",
                raw.throughput_ratio_interval,
                throughput_ratio,
            )?,
            latency_ms,
            latency_interval_ms: around(
                "latency_interval_ms",
                raw.latency_interval_ms,
                latency_ms,
            )?,
            latency_ratio,
            latency_ratio_interval: around(
                "latency_ratio_interval",
                raw.latency_ratio_interval,
                latency_ratio,
            )?,
            n: raw.n,
        })
    }
}

/// Checks the figures of one scheduler.
struct Row<'a> {
    reader: &'a Reader<'a>,
    scheduler: &'a str,
}

impl Row<'_> {
    fn error(&self, field: &str, span: Range<usize>, message: impl fmt::Display) -> Error {
        let message = format!("under.{}.{field}: {message}", self.scheduler);
        self.reader.error(span, message)
    }

    fn positive(&self, field: &str, value: &Spanned<f64>) -> Result<f64> {
        let number = *value.get_ref();
        if number.is_finite() && number > 0.0 {
            return Ok(number);
        }
        let message = format!("{number} is not a positive, finite number");
        Err(self.error(field, value.span(), message))
    }

    fn optional(&self, field: &str, value: &Option<Spanned<f64>>) -> Result<Option<f64>> {
        let value = value.as_ref();
        value.map(|value| self.positive(field, value)).transpose()
    }

    /// Two ends with the figure in the middle.
    fn around(
        &self,
        field: &str,
        ends: Option<Spanned<Vec<f64>>>,
        middle: Option<f64>,
    ) -> Result<Option<Ends>> {
        let Some(ends) = ends else {
            return Ok(None);
        };
        let Some(middle) = middle else {
            let message = "there is no figure that it could be around";
            return Err(self.error(field, ends.span(), message));
        };
        match ends.get_ref()[..] {
            [low, high] if low > 0.0 && low <= middle && middle <= high && high.is_finite() => {
                Ok(Some((low, high)))
            }
            _ => {
                let message =
                    format!("not [LOW, HIGH], two positive, finite numbers around {middle}");
                Err(self.error(field, ends.span(), message))
            }
        }
    }
}
