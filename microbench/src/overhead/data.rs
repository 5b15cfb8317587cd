// SPDX-License-Identifier: GPL-2.0-only
//! All raw data of one report, sorted by what they are.

use std::path::PathBuf;

use anyhow::{ensure, Result};
use evidence::raw;
use labkit::machine::Machine;

use super::contender::Contender;
use super::mix::Phase;
use super::record::{Part, Record};
use super::windows::Windows;
use super::workload::Workload;

/// Everything.
#[derive(Debug, Default)]
pub struct Data {
    /// Where it was measured.
    pub machines: Vec<Machine>,
    /// How, part by part, and on which of the machines.
    pub methods: Vec<(Part, String, usize)>,
    /// Callbacks.
    pub mixes: Vec<Mix>,
    /// End to end.
    pub runs: Vec<Run>,
    /// Idle.
    pub looks: Vec<Look>,
}

/// One phase under one scheduler.
#[derive(Debug)]
pub struct Mix {
    pub policy: String,
    pub contender: Contender,
    pub round: usize,
    pub phase: Phase,
    pub seconds: f64,
    pub windows: Windows,
}

/// One run of a workload under one scheduler.
#[derive(Debug)]
pub struct Run {
    pub policy: String,
    pub contender: Contender,
    /// Round and repeat within it.
    pub pair: (usize, usize),
    pub workload: Workload,
    pub per_second: f64,
}

/// One look at an idle machine.
#[derive(Debug)]
pub struct Look {
    pub contender: Contender,
    pub timer_interrupts_per_second: f64,
    pub context_switches_per_second: f64,
}

impl Data {
    /// Reads all files; all three parts must be there.
    pub fn read(files: &[PathBuf]) -> Result<Self> {
        let mut data = Self::default();
        for file in files {
            let raw = raw::read(file)?;
            data.machines.push(raw.machine);
            for record in raw.records {
                data.add(record);
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

    /// How one part was measured.
    pub fn method(&self, part: Part) -> String {
        let texts = self.methods.iter().filter(|method| method.0 == part);
        let mut texts: Vec<_> = texts.map(|method| &*method.1).collect();
        texts.dedup();
        texts.join(" ")
    }

    /// Where one part was measured.
    pub fn machines_of(&self, part: Part) -> Vec<Machine> {
        let on = self.methods.iter().filter(|method| method.0 == part);
        let mut on: Vec<usize> = on.map(|method| method.2).collect();
        on.dedup();
        on.into_iter()
            .filter_map(|machine| self.machines.get(machine).cloned())
            .collect()
    }

    fn add(&mut self, record: Record) {
        match record {
            Record::Method { part, text } => {
                self.methods.push((part, text, self.machines.len() - 1));
            }
            Record::Callbacks {
                policy,
                contender,
                round,
                phase,
                seconds,
                windows,
            } => self.mixes.push(Mix {
                policy,
                contender,
                round,
                phase,
                seconds,
                windows,
            }),
            Record::Throughput {
                policy,
                contender,
                round,
                repeat,
                workload,
                per_second,
            } => self.runs.push(Run {
                policy,
                contender,
                pair: (round, repeat),
                workload,
                per_second,
            }),
            Record::Idle {
                contender,
                seconds,
                timer_interrupts,
                context_switches,
                ..
            } => self.looks.push(Look {
                contender,
                timer_interrupts_per_second: timer_interrupts as f64 / seconds,
                context_switches_per_second: context_switches as f64 / seconds,
            }),
        }
    }
}
