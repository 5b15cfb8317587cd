// SPDX-License-Identifier: GPL-2.0-only
//! `[[service]]`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use super::fields::{Fields, Place};
use super::placeholder::Seconds;
use super::{amount, file, Ready, Service};

/// The longest wait, if the file does not say.
const READY_LIMIT: Duration = Duration::from_secs(60);

impl Fields<'_> {
    /// Reads one; `taken` are the names of those before it.
    pub fn service(&self, raw: file::Service, taken: &[String]) -> Result<Service> {
        let name = self.unique("service", &raw.name, taken)?;
        let place = Place::of("service", &name);
        let ready_limit = match &raw.ready_seconds {
            Some(value) => self.amount(&place, "ready_seconds", value, amount::seconds)?,
            None => READY_LIMIT,
        };
        Ok(Service {
            command: self.command(&place, "command", &raw.command, Seconds::Refused)?,
            environment: self.environment(&place, &raw.environment)?,
            folder: match &raw.folder {
                Some(folder) => self.folder.join(self.expand(&place, "folder", folder)?),
                None => PathBuf::from(self.folder),
            },
            ready: self.ready(&place, &raw.ready)?,
            ready_limit,
            name,
        })
    }

    fn ready(&self, place: &Place, raw: &file::Ready) -> Result<Ready> {
        let text = |field, text| self.expand(place, field, text);
        Ok(match raw {
            file::Ready::Http(url) => {
                let expanded = text("ready.http", url)?;
                let host = expanded.strip_prefix("http://");
                if host.is_none_or(|host| host.is_empty() || host.starts_with('/')) {
                    let message = format!("`{expanded}` is not http://HOST:PORT/PATH");
                    return Err(self.error(place, "ready.http", url.span(), message));
                }
                Ready::Http(expanded)
            }
            file::Ready::Tcp(address) => {
                let expanded = text("ready.tcp", address)?;
                let (host, port) = expanded.rsplit_once(':').unwrap_or_default();
                if host.is_empty() || port.parse::<u16>().is_err() {
                    let message = format!("`{expanded}` is not HOST:PORT");
                    return Err(self.error(place, "ready.tcp", address.span(), message));
                }
                Ready::Tcp(expanded)
            }
            file::Ready::Command(words) => {
                Ready::Command(self.command(place, "ready.command", words, Seconds::Refused)?)
            }
            file::Ready::Started => Ready::Started,
        })
    }
}
