// SPDX-License-Identifier: GPL-2.0-only
//! `[[application]]`, and a `[whole]` that is written like one.

use anyhow::Result;

use super::document::Document;
use super::placeholder::Parameters;
use super::{file, reader, Application, Load, Service};
use crate::reading::Readers;

/// The document, and what applications in it can name.
pub struct Known<'a> {
    pub document: &'a Document<'a>,
    pub parameters: &'a Parameters,
    pub readers: Readers,
    pub services: Vec<Service>,
}

impl Known<'_> {
    pub fn application(
        &self,
        place: &str,
        written: file::Application,
        others: &[Application],
    ) -> Result<Application> {
        let Some(name) = &written.name else {
            return Err(self.document.error(place, "missing field `name`"));
        };
        self.is_new(place, name, others)?;
        for (index, service) in written.services.iter().enumerate() {
            if !self.services.iter().any(|known| known.name == *service) {
                let place = format!("{place}.services[{index}]");
                let message = format!("there is no service `{service}`");
                return Err(self.document.error(&place, message));
            }
        }
        Ok(Application {
            loads: vec![self.load(place, name, &written)?],
            name: name.clone(),
            services: written.services,
            concurrency: written.concurrency,
            unit: written.throughput_unit,
            window: written.seconds,
            warm_up: written.warm_up_seconds,
            closed_loop: written.closed_loop,
            turns: Vec::new(),
        })
    }

    pub fn is_new(&self, place: &str, name: &str, others: &[Application]) -> Result<()> {
        if others.iter().any(|other| other.name == name) {
            let message = format!("there are two applications `{name}`");
            return Err(self.document.error(&format!("{place}.name"), message));
        }
        Ok(())
    }

    fn load(&self, place: &str, name: &str, written: &file::Application) -> Result<Load> {
        let timed = super::is_timed(&written.command);
        let wrong = match (timed, written.repeat) {
            (true, false) | (false, true) => None,
            (false, false) => Some(
                "nothing says how long it runs: put {seconds} into it, or set repeat = true to \
                 run it until the block has its length",
            ),
            (true, true) => Some("{seconds} ends it with the block: repeat would run it again"),
        };
        if let Some(wrong) = wrong {
            return Err(self.document.error(&format!("{place}.command"), wrong));
        }
        let reader =
            reader::read(&written.reader, &self.readers, self.parameters).map_err(|error| {
                let place = format!("{place}.reader");
                self.document.error(&place, format!("{error:#}"))
            })?;
        Ok(Load {
            name: name.into(),
            command: written.command.clone(),
            environment: written.environment.clone(),
            repeat: written.repeat,
            reader,
        })
    }
}
