// SPDX-License-Identifier: GPL-2.0-only
//! Reads and checks `workload.toml`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use strategy::source::Source;

use super::application::Known;
use super::document::Document;
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
        let declared: file::Declared = source.read()?;
        let parameters =
            Parameters::built_in(folder)?.declare(&source, declared.parameters, set)?;
        let document = Document::new(source, &parameters)?;
        let written: file::Workload = document.read()?;
        let known = Known {
            document: &document,
            parameters: &parameters,
            readers: Readers::built_in()?.and(&source, declared.readers)?,
            services: services(written.service, &document, folder)?,
        };
        let mut applications: Vec<Application> = Vec::new();
        for (index, written) in written.application.into_iter().enumerate() {
            let place = format!("application[{index}]");
            applications.push(known.application(&place, written, &applications)?);
        }
        if applications.is_empty() {
            return Err(document.error("application", "there is none"));
        }
        let whole = declared.whole.map(|kind| known.whole(&kind, &applications));
        Ok(Self {
            name: written.name,
            notes: written.notes,
            folder: folder.into(),
            whole: whole.transpose()?,
            services: known.services,
            applications,
            scenario: written.arena,
        })
    }
}

/// Each with a name of its own, and the folder that it runs in.
fn services(written: Vec<Service>, document: &Document, folder: &Path) -> Result<Vec<Service>> {
    let mut services: Vec<Service> = Vec::new();
    for (index, mut service) in written.into_iter().enumerate() {
        if services.iter().any(|other| other.name == service.name) {
            let place = format!("service[{index}].name");
            let message = format!("there are two services `{}`", service.name);
            return Err(document.error(&place, message));
        }
        service.folder = folder.join(&service.folder);
        services.push(service);
    }
    Ok(services)
}
