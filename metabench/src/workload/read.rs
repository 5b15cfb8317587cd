// SPDX-License-Identifier: GPL-2.0-only
//! Reads and checks `workload.toml`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use strategy::source::Source;

use super::fields::{Fields, Place};
use super::placeholder::Parameters;
use super::{file, Application, Service, Workload};
use crate::reading::Readers;

impl Workload {
    /// Reads a file; `set` are parameters that the command line gives other values.
    pub fn read(path: &Path, set: &[(String, String)]) -> Result<Self> {
        let file = path.display().to_string();
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {file}"))?;
        // Commands run elsewhere: their `{workload}` must not depend on where we are.
        let whole_path = fs::canonicalize(path).with_context(|| format!("cannot find {file}"))?;
        let folder = whole_path.parent().unwrap_or(Path::new("/"));
        Self::parse(&text, &file, folder, set)
    }

    /// As `read`; `file` is what errors call it.
    pub fn parse(text: &str, file: &str, folder: &Path, set: &[(String, String)]) -> Result<Self> {
        let source = Source { file, text };
        let raw: file::Workload = source.read()?;
        let parameters = Parameters::built_in(folder)?.declare(&source, raw.parameters, set)?;
        let reader = Fields {
            source,
            parameters,
            readers: Readers::built_in()?.and(&source, raw.readers)?,
            folder,
        };
        let name = reader.name(&Place::top(), &raw.name)?;
        let notes = raw.notes.iter();
        let notes = notes
            .map(|note| reader.expand(&Place::top(), "notes", note))
            .collect::<Result<_>>()?;
        let mut services: Vec<Service> = Vec::new();
        for service in raw.service {
            let taken: Vec<_> = services.iter().map(|s| s.name.clone()).collect();
            services.push(reader.service(service, &taken)?);
        }
        let mut applications: Vec<Application> = Vec::new();
        for raw in raw.application.get_ref() {
            applications.push(reader.application(raw, None, &applications, &services)?);
        }
        if applications.is_empty() {
            return Err(source.error(raw.application.span(), "application: there is none"));
        }
        let whole = raw
            .whole
            .map(|whole| reader.whole(&whole, &applications, &services))
            .transpose()?;
        Ok(Self {
            name,
            notes,
            folder: folder.into(),
            services,
            applications,
            whole,
        })
    }
}
