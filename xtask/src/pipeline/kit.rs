// SPDX-License-Identifier: GPL-2.0-only
//! What a workload needs in the guest, and how much of it is measured there.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::bench::web;
use crate::rag::{Rag, Scale};
use crate::vm::{Folder, Memory};
use crate::{paths, rag};

/// Everything about one workload that the stages need.
pub struct Kit {
    /// Names its results.
    pub name: &'static str,
    /// Its `workload.toml`.
    pub workload: PathBuf,
    /// Subjects, one boot each while they are profiled.
    pub subjects: Vec<String>,
    /// `NAME=VALUE` for `--set`.
    pub set: Vec<String>,
    /// Programs that the reproducible guest gets.
    pub files: Vec<PathBuf>,
    /// Folders that it gets, whole.
    pub folders: Vec<Folder>,
    /// Of the guest.
    pub memory: Memory,
    /// How many applications at once, for `breakdown`.
    pub counts: Vec<u32>,
}

/// Applications that `breakdown` runs at once.
const COUNTS: [u32; 3] = [1, 2, 4];

/// What `profile --subject` calls all of it together.
const WHOLE: &str = "whole";

/// The applications that they are taken from, in the workload's order.
const MIX: [&str; 4] = ["web", "batch", "messaging", "pipe"];

impl Kit {
    /// The paper's application.
    pub fn rag(scale: Scale) -> Result<Self> {
        let Rag {
            set,
            files,
            folders,
            memory,
        } = rag::tools(scale)?;
        Ok(Self {
            name: "rag",
            workload: rag::workload().join("workload.toml"),
            subjects: ["frontend", "backend", WHOLE].map(str::to_string).into(),
            set,
            files,
            folders,
            memory,
            counts: Vec::new(),
        })
    }

    /// perf bench sched messaging under a wake-up probe, and what disturbs it.
    pub fn messaging(scale: Scale) -> Result<Self> {
        let emulated = ["window=1", "messages=50"];
        Self::shipped(
            "messaging",
            &["messaging", "batch", WHOLE],
            scale,
            &emulated,
        )
    }

    /// nginx under wrk beside a batch job.
    pub fn web(scale: Scale) -> Result<Self> {
        Self::shipped("web", &["web", "batch", WHOLE], scale, &["window=1"])?.with_web_server()
    }

    /// Applications that prefer different policies, for `breakdown`.
    pub fn mix(scale: Scale) -> Result<Self> {
        let emulated = ["window=1", "messages=50", "trips=5000"];
        let kit = Self::shipped("mix", &MIX, scale, &emulated)?.with_web_server()?;
        Ok(Self {
            counts: COUNTS.into(),
            ..kit
        })
    }

    fn shipped(
        name: &'static str,
        subjects: &[&str],
        scale: Scale,
        emulated: &[&str],
    ) -> Result<Self> {
        // They use each other's files.
        let folder = paths::repo().join("workloads");
        let set = if scale == Scale::Emulated {
            emulated
        } else {
            &[]
        };
        let owned = |words: &[&str]| words.iter().copied().map(str::to_string).collect();
        Ok(Self {
            name,
            workload: folder.join(name).join("workload.toml"),
            subjects: owned(subjects),
            set: owned(set),
            files: Vec::new(),
            folders: vec![Folder::same(&folder)?],
            memory: Memory::default(),
            counts: Vec::new(),
        })
    }

    fn with_web_server(mut self) -> Result<Self> {
        let nginx = web::nginx()?;
        let wrk = paths::which("wrk").context("there is no wrk")?;
        self.set.push(format!("nginx={}", nginx.display()));
        self.set.push(format!("wrk={}", wrk.display()));
        self.files.extend([nginx, wrk]);
        Ok(self)
    }
}
