// SPDX-License-Identifier: GPL-2.0-only
//! The paper's application: brings its Python packages, makes its store, and says what a machine
//! needs to run `workloads/rag`.
//!
//! ```text
//! requirements.txt ──► python ─┐
//! model.txt ─────────► model ──┼──► store-static-10000, store-transformer-54967
//! Debian's packages ─► text ───┘
//! ```
//!
//! All of it is below `target/lab/rag`, and made again when what it is made from has changed.

mod made;
mod model;
mod python;
mod scale;
mod store;
mod text;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use self::python::Python;
pub use self::scale::Scale;
use crate::paths;
use crate::vm::{Folder, Memory};

/// Memory of the guest: an initramfs is there twice until it is unpacked.
const MEMORY: Memory = Memory::gib(4);

/// What a machine needs.
pub struct Rag {
    /// `NAME=VALUE` for `--set`.
    pub set: Vec<String>,
    /// Programs that a reproducible guest gets.
    pub files: Vec<PathBuf>,
    /// Folders that it gets, whole.
    pub folders: Vec<Folder>,
    /// Of the guest, as QEMU writes it.
    pub memory: Memory,
}

/// Folder of the application.
pub fn workload() -> PathBuf {
    workloads().join("rag")
}

fn workloads() -> PathBuf {
    paths::repo().join("workloads")
}

/// Brings all of it here; does nothing where it is.
pub fn tools(scale: Scale) -> Result<Rag> {
    let python = Python::find()?;
    let packages = python.packages()?;
    let store = store::make(&python, &packages, scale)?;
    let stdlib = python.stdlib_for_guest()?;
    let wrk = paths::which("wrk").context("there is no wrk")?;
    let set = |name: &str, path: &Path| format!("{name}={}", path.display());
    let mut words = vec![
        set("python", &python.program),
        set("packages", &packages),
        set("store", &store),
        set("wrk", &wrk),
        format!("index={}", store::described(&store)?),
    ];
    words.extend(scale.load());
    Ok(Rag {
        set: words,
        files: vec![python.program.clone(), wrk],
        folders: vec![
            // Workloads use each other's files.
            Folder::same(&workloads())?,
            Folder::same(&packages)?,
            Folder::same(&store)?,
            Folder {
                here: stdlib,
                there: python.stdlib,
            },
        ],
        memory: MEMORY,
    })
}

/// Folder of what is kept.
fn kept() -> Result<PathBuf> {
    paths::lab_dir("rag")
}
