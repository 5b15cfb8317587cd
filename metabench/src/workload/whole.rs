// SPDX-License-Identifier: GPL-2.0-only
//! `[whole]`: an application of its own, or several applications at the same time or by turns.

use std::time::Duration;

use anyhow::Result;

use super::application::Known;
use super::{file, Application};

/// Where it stands, and its name if the file does not say.
const NAME: &str = "whole";

/// Throughput of several parts that count different things.
const MIXED_UNIT: &str = "geometric mean of operations/s";

impl Application {
    /// The loads of all parts at the same time; `parts` is not empty.
    pub fn together(name: String, parts: &[&Self]) -> Self {
        let services = parts.iter().flat_map(|part| part.services.clone());
        let first = parts.first().map_or("", |part| &part.unit);
        let same = parts.iter().all(|part| part.unit == first);
        let longest = |of: fn(&Self) -> Duration| {
            let all = parts.iter().map(|part| of(part));
            all.max().unwrap_or_default()
        };
        Self {
            name,
            services: evidence::once(services),
            concurrency: parts
                .iter()
                .fold(0, |sum, part| sum.saturating_add(part.concurrency)),
            unit: if same { first } else { MIXED_UNIT }.into(),
            window: longest(|part| part.window),
            warm_up: longest(|part| part.warm_up),
            closed_loop: parts.iter().all(|part| part.closed_loop),
            loads: parts.iter().flat_map(|part| part.loads.clone()).collect(),
            turns: Vec::new(),
        }
    }

    /// The load of one part after the other. One that comes back is another part: `web`, `web 2`.
    fn by_turns(name: String, parts: &[&Self]) -> Self {
        let mut whole = Self::together(name, parts);
        for index in 0..parts.len() {
            let name = &parts[index].name;
            let before = parts[..index].iter().filter(|part| part.name == *name);
            let time = before.count() + 1;
            if time > 1 {
                whole.loads[index].name = format!("{name} {time}");
            }
        }
        whole.turns = parts.iter().map(|part| part.window).collect();
        whole.window = whole.turns.iter().sum();
        whole.concurrency = parts.iter().map(|part| part.concurrency).max().unwrap_or(1);
        whole
    }
}

impl Known<'_> {
    pub fn whole(&self, kind: &file::Whole, applications: &[Application]) -> Result<Application> {
        if kind.by_turns.is_some() {
            return self.by_turns(applications);
        }
        if kind.together.is_none() {
            let mut own: file::OnlyWhole<file::Application> = self.document.read()?;
            own.whole.name.get_or_insert_with(|| NAME.into());
            return self.application(NAME, own.whole, applications);
        }
        let written: file::OnlyWhole<file::Together> = self.document.read()?;
        let written = written.whole;
        let name = written.name.unwrap_or_else(|| NAME.into());
        self.is_new(NAME, &name, applications)?;
        let parts = self.parts("whole.together", &written.together, applications)?;
        self.each_once("whole.together", &parts)?;
        let mut whole = Application::together(name, &parts);
        whole.unit = written.throughput_unit.unwrap_or(whole.unit);
        whole.window = written.seconds.unwrap_or(whole.window);
        whole.warm_up = written.warm_up_seconds.unwrap_or(whole.warm_up);
        Ok(whole)
    }

    fn each_once(&self, place: &str, parts: &[&Application]) -> Result<()> {
        for (index, part) in parts.iter().enumerate() {
            if parts[..index].iter().any(|other| other.name == part.name) {
                let (place, message) = (
                    format!("{place}[{index}]"),
                    format!("twice: `{}`", part.name),
                );
                return Err(self.document.error(&place, message));
            }
        }
        Ok(())
    }

    fn by_turns(&self, applications: &[Application]) -> Result<Application> {
        let written: file::OnlyWhole<file::ByTurns> = self.document.read()?;
        let written = written.whole;
        let name = written.name.unwrap_or_else(|| NAME.into());
        self.is_new(NAME, &name, applications)?;
        let parts = self.parts("whole.by_turns", &written.by_turns, applications)?;
        let mut whole = Application::by_turns(name, &parts);
        whole.unit = written.throughput_unit.unwrap_or(whole.unit);
        whole.warm_up = written.warm_up_seconds.unwrap_or(whole.warm_up);
        Ok(whole)
    }

    /// At least two.
    fn parts<'a>(
        &self,
        place: &str,
        names: &[String],
        applications: &'a [Application],
    ) -> Result<Vec<&'a Application>> {
        let mut parts: Vec<&Application> = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let error = |what: &str| {
                let message = format!("{what} `{name}`");
                self.document.error(&format!("{place}[{index}]"), message)
            };
            let part = applications.iter().find(|part| part.name == *name);
            let part = part.ok_or_else(|| error("there is no application"))?;
            parts.push(part);
        }
        if parts.len() < 2 {
            return Err(self.document.error(place, "fewer than two applications"));
        }
        Ok(parts)
    }
}
