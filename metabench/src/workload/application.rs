// SPDX-License-Identifier: GPL-2.0-only
//! `[[application]]`, and a `[whole]` that is written like one.

use std::time::Duration;

use anyhow::{Context, Result};
use toml::Spanned;

use super::fields::{Fields, Place};
use super::placeholder::Seconds;
use super::{amount, file, reader, Application, Load, Service};

/// A load that takes its length from the engine has this in its command.
const SECONDS: &str = "{seconds}";

impl Fields<'_> {
    /// Reads one. `name`: what it is called if the file does not say.
    pub fn application(
        &self,
        raw: &Spanned<file::Application>,
        name: Option<&str>,
        others: &[Application],
        services: &[Service],
    ) -> Result<Application> {
        let at = raw.span();
        let raw = raw.get_ref();
        let taken: Vec<_> = others.iter().map(|other| other.name.clone()).collect();
        let name = match (&raw.name, name) {
            (Some(name), _) => self.unique("application", name, &taken)?,
            (None, Some(name)) => self.unique_text("application", name, at, &taken)?,
            (None, None) => return Err(self.source.error(at, "missing field `name`")),
        };
        let place = Place::of("application", &name);
        for service in &raw.services {
            if !services
                .iter()
                .any(|known| known.name == *service.get_ref())
            {
                let message = format!("there is no service `{}`", service.get_ref());
                return Err(self.error(&place, "services", service.span(), message));
            }
        }
        let concurrency =
            self.amount(&place, "concurrency", &raw.concurrency, |value, known| {
                let count = amount::count(value, known)?;
                u32::try_from(count).with_context(|| format!("{count} is too many"))
            })?;
        let load = self.load(&place, &name, raw)?;
        Ok(Application {
            services: raw.services.iter().map(|s| s.get_ref().clone()).collect(),
            concurrency,
            unit: raw.throughput_unit.clone(),
            window: self.amount(&place, "seconds", &raw.seconds, amount::seconds)?,
            warm_up: match &raw.warm_up_seconds {
                Some(value) => self.warm_up(&place, value)?,
                None => Duration::ZERO,
            },
            closed_loop: raw.closed_loop,
            loads: vec![load],
            name,
        })
    }

    fn load(&self, place: &Place, name: &str, raw: &file::Application) -> Result<Load> {
        let command = self.command(place, "command", &raw.command, Seconds::Kept)?;
        let timed = command.iter().any(|word| word.contains(SECONDS));
        let wrong = match (timed, raw.repeat) {
            (true, false) | (false, true) => None,
            (false, false) => Some(
                "nothing says how long it runs: put {seconds} into it, or set repeat = true to \
                 run it until the block has its length",
            ),
            (true, true) => Some("{seconds} ends it with the block: repeat would run it again"),
        };
        if let Some(wrong) = wrong {
            return Err(self.error(place, "command", raw.command.span(), wrong));
        }
        Ok(Load {
            name: name.into(),
            command,
            environment: self.environment(place, &raw.environment)?,
            repeat: raw.repeat,
            reader: self.amount(place, "reader", &raw.reader, |value, parameters| {
                reader::read(value, &self.readers, parameters)
            })?,
        })
    }
}
