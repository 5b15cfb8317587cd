// SPDX-License-Identifier: GPL-2.0-only
//! Writes a profile as the file that `read` reads.

use anyhow::{Context, Result};
use serde::{Serialize, Serializer};

use super::{Application, Figures, Profile, Provenance, Quantile, EEVDF};

#[derive(Serialize)]
struct File<'a> {
    partial: bool,
    provenance: Option<&'a Provenance>,
    application: Vec<Entry<'a>>,
    whole: Option<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    throughput_unit: &'a str,
    latency_quantile: Option<Quantile>,
    concurrency: u32,
    under: Under<'a>,
}

/// EEVDF first, to which the others are compared.
struct Under<'a>(&'a Application);

impl Serialize for Under<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Application {
            eevdf, policies, ..
        } = self.0;
        let policies = policies
            .iter()
            .map(|(policy, figures)| (policy.as_str(), figures));
        let rows: Vec<(&str, &Figures)> = [(EEVDF, eevdf)].into_iter().chain(policies).collect();
        serializer.collect_map(rows)
    }
}

impl<'a> Entry<'a> {
    fn of(application: &'a Application) -> Self {
        Self {
            name: &application.name,
            throughput_unit: &application.throughput_unit,
            latency_quantile: application.latency_quantile,
            concurrency: application.concurrency.get(),
            under: Under(application),
        }
    }
}

impl Profile {
    /// The text of the file. Figures are not checked: `parse` it before you trust it.
    pub fn to_toml(&self) -> Result<String> {
        let file = File {
            partial: self.partial,
            provenance: self.provenance.as_ref(),
            application: self.applications.iter().map(Entry::of).collect(),
            whole: self.whole.as_ref().map(Entry::of),
        };
        toml::to_string(&file).context("cannot write a profile as TOML")
    }
}
