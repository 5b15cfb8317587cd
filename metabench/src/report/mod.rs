// SPDX-License-Identifier: GPL-2.0-only
//! `scx_metabench report`: what trials came to, as one page that needs no other file, as figures
//! and as tables for the terminal.
//!
//! ```text
//! outcome ─► tables      described once, shown by both (table)
//!            terminal    for a terminal: also what the other commands print
//! outcomes ─► book       a part for each workload, a chapter for each stage
//!               rows, slices, asked, together    its figures (series: strategies as lines)
//!               conclusion                       what may be said (answer: as in figures)
//!             page       head, verdict, figures beside tables, method
//! ```

mod answer;
mod asked;
mod book;
mod conclusion;
mod drawing;
mod head;
mod method;
mod page;
mod rows;
#[cfg(test)]
mod sample;
mod series;
mod slices;
mod table;
mod tables;
pub(crate) mod terminal;
#[cfg(test)]
mod tests;
mod together;
mod words;

use std::path::{Path, PathBuf};

use anyhow::{ensure, Result};
use evidence::files;

use crate::outcome::Outcome;

const PAGE: &str = "report.html";

/// Options of `report`.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Args {
    /// What try, profile, tune, compare and breakdown wrote
    #[arg(value_name = "FILE.json", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// Folder for report.html and the figures as SVG
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) out: PathBuf,
}

/// Reads outcomes, prints their tables and writes the page.
pub(crate) fn run(args: &Args) -> Result<()> {
    let outcomes = args.files.iter().map(|file| Outcome::read(file));
    let outcomes: Vec<_> = outcomes.collect::<Result<_>>()?;
    for outcome in &outcomes {
        println!("{}", terminal::text(outcome));
    }
    for path in write(&outcomes, &args.out.join(PAGE))? {
        println!("{}", path.display());
    }
    Ok(())
}

/// Writes the page, and its figures beside it; returns what was written.
pub(crate) fn write(outcomes: &[Outcome], path: &Path) -> Result<Vec<PathBuf>> {
    ensure!(!outcomes.is_empty(), "a report needs figures to show");
    let parts = book::parts(outcomes)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut written = Vec::new();
    for drawing in parts
        .iter()
        .flat_map(|part| &part.chapters)
        .flat_map(|c| &c.drawings)
    {
        let file = folder.join(&drawing.file);
        files::write_whole(&file, &drawing.alone)?;
        written.push(file);
    }
    files::write_whole(path, &page::page(&parts))?;
    written.push(path.to_owned());
    Ok(written)
}
