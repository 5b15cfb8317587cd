// SPDX-License-Identifier: GPL-2.0-only
//! All raw data of one report, sorted by what they are.

use std::path::PathBuf;

use anyhow::{ensure, Result};
use evidence::raw;
use labkit::machine::Machine;

use super::record::{Look, Mix, Part, Record, Run};

#[derive(Debug, Default)]
pub(super) struct Data {
    pub(super) machines: Vec<Machine>,
    /// How, part by part, and on which of the machines.
    methods: Vec<(Part, String, usize)>,
    pub(super) mixes: Vec<Mix>,
    pub(super) runs: Vec<Run>,
    pub(super) looks: Vec<Look>,
}

impl Data {
    /// Reads all files; all three parts must be there.
    pub(super) fn read(files: &[PathBuf]) -> Result<Self> {
        let mut data = Self::default();
        for file in files {
            let raw = raw::read(file)?;
            data.machines.push(raw.machine);
            for record in raw.records {
                match record {
                    Record::Method { part, text } => {
                        let machine = data.machines.len() - 1;
                        data.methods.push((part, text, machine));
                    }
                    Record::Callbacks(mix) => data.mixes.push(mix),
                    Record::Throughput(run) => data.runs.push(run),
                    Record::Idle(look) => data.looks.push(look),
                }
            }
        }
        for (what, is_empty) in [
            ("callbacks", data.mixes.is_empty()),
            ("end-to-end", data.runs.is_empty()),
            ("idle", data.looks.is_empty()),
        ] {
            ensure!(
                !is_empty,
                "the raw data hold nothing of the part {what}: {files:?}"
            );
        }
        Ok(data)
    }

    pub(super) fn method(&self, part: Part) -> String {
        let texts = self.methods.iter().filter(|method| method.0 == part);
        let mut texts: Vec<_> = texts.map(|method| &*method.1).collect();
        texts.dedup();
        texts.join(" ")
    }

    pub(super) fn machines_of(&self, part: Part) -> Vec<Machine> {
        let on = self.methods.iter().filter(|method| method.0 == part);
        let mut on: Vec<usize> = on.map(|method| method.2).collect();
        on.dedup();
        on.into_iter()
            .filter_map(|machine| self.machines.get(machine).cloned())
            .collect()
    }
}
