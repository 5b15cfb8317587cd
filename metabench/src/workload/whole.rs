// SPDX-License-Identifier: GPL-2.0-only
//! `[whole]`: an application of its own, or several applications at the same time.

use std::time::Duration;

use anyhow::Result;

use super::fields::{Fields, Place};
use super::{amount, file, Application, Service};

/// Its name, if the file does not say.
const NAME: &str = "whole";

/// Throughput of several parts that count different things.
const MIXED_UNIT: &str = "geometric mean of operations/s";

impl Application {
    /// The loads of all parts at the same time; `parts` is not empty.
    pub fn together(name: String, parts: &[&Self]) -> Self {
        let mut services: Vec<String> = Vec::new();
        for service in parts.iter().flat_map(|part| &part.services) {
            if !services.contains(service) {
                services.push(service.clone());
            }
        }
        let first = parts.first().map_or("", |part| &part.unit);
        let same = parts.iter().all(|part| part.unit == first);
        let longest = |of: fn(&Self) -> Duration| {
            let all = parts.iter().map(|part| of(part));
            all.max().unwrap_or_default()
        };
        Self {
            name,
            services,
            concurrency: parts
                .iter()
                .fold(0, |sum, part| sum.saturating_add(part.concurrency)),
            unit: if same { first } else { MIXED_UNIT }.into(),
            window: longest(|part| part.window),
            warm_up: longest(|part| part.warm_up),
            closed_loop: parts.iter().all(|part| part.closed_loop),
            loads: parts.iter().flat_map(|part| part.loads.clone()).collect(),
        }
    }
}

impl Fields<'_> {
    /// Reads it.
    pub fn whole(
        &self,
        raw: &file::Whole,
        applications: &[Application],
        services: &[Service],
    ) -> Result<Application> {
        if raw.together.is_none() {
            let own: file::OnlyWhole<file::Application> = self.source.read()?;
            return self.application(&own.whole, Some(NAME), applications, services);
        }
        let raw: file::OnlyWhole<file::Together> = self.source.read()?;
        let at = raw.whole.span();
        let raw = raw.whole.into_inner();
        let taken: Vec<_> = applications.iter().map(|a| a.name.clone()).collect();
        let name = match &raw.name {
            Some(name) => self.unique("application", name, &taken)?,
            None => self.unique_text("application", NAME, at, &taken)?,
        };
        let place = Place::of("application", &name);
        let parts = self.parts(&place, &raw.together, applications)?;
        let mut whole = Application::together(name, &parts);
        if let Some(unit) = raw.throughput_unit {
            whole.unit = unit;
        }
        if let Some(value) = &raw.seconds {
            whole.window = self.amount(&place, "seconds", value, amount::seconds)?;
        }
        if let Some(value) = &raw.warm_up_seconds {
            whole.warm_up = self.warm_up(&place, value)?;
        }
        Ok(whole)
    }

    /// At least two, each once.
    fn parts<'a>(
        &self,
        place: &Place,
        names: &file::Words,
        applications: &'a [Application],
    ) -> Result<Vec<&'a Application>> {
        let mut parts: Vec<&Application> = Vec::new();
        for name in names.get_ref() {
            let error = |what: &str| {
                let message = format!("{what} `{}`", name.get_ref());
                self.error(place, "together", name.span(), message)
            };
            let part = applications.iter().find(|a| a.name == *name.get_ref());
            let part = part.ok_or_else(|| error("there is no application"))?;
            if parts.iter().any(|other| other.name == part.name) {
                return Err(error("twice:"));
            }
            parts.push(part);
        }
        if parts.len() < 2 {
            let message = "fewer than two applications";
            return Err(self.error(place, "together", names.span(), message));
        }
        Ok(parts)
    }
}
