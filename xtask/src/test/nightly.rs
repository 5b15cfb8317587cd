// SPDX-License-Identifier: GPL-2.0-only
//! The nightly tier: all tests with long durations on every kernel, a release build, and sched-ext's
//! own checks. The tests of a kernel run in slices, and a slice that is done is kept: a run that was
//! ended goes on where it was.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{bail, Context, Result};
use lab::programs::cargo;
use lab::{command, kernel, paths};
use labkit::sys;
use serde::{Deserialize, Serialize};

use super::part::Part;
use super::report::Row;
use super::{report, schtest};
use crate::cli::{self, Tier};

/// The kernels that the documents name; the first runs the tests that need none, too.
const KERNELS: [&str; 3] = [kernel::DEFAULT, "6.16", "7.3"];

/// The slices of a kernel's tests. Each boots the machines that its tests want.
const SLICES: u32 = 6;

/// What a part that is done came to.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Of the sources it ran on.
    sources: String,
    rows: Vec<Row>,
}

/// Runs the parts that are not done.
pub(crate) fn run(args: &cli::Test) -> Result<Vec<Row>> {
    let folder = paths::lab_dir("nightly")?;
    if args.fresh {
        fs::remove_dir_all(&folder).context("cannot remove what an earlier run kept")?;
        fs::create_dir_all(&folder).context("cannot make the nightly's folder")?;
    }
    let kept = Folder {
        path: folder,
        sources: sources()?,
    };
    let mut rows = Vec::new();
    for part in parts(args) {
        rows.extend(kept.once(&name(&part), || with_binary(part.clone())?.run(args.keep))?);
    }
    let mut rows = report::joined(rows);
    match &args.schtest {
        Some(program) => {
            rows.extend(kept.once(schtest::LABEL, || schtest::run(program, args.keep))?);
        }
        None => eprintln!("lab: without --schtest PATH sched-ext's own checks are left out"),
    }
    Ok(rows)
}

struct Folder {
    path: PathBuf,
    sources: String,
}

impl Folder {
    /// Runs a part, unless it is done.
    fn once(&self, label: &str, run: impl Fn() -> Result<Vec<Row>>) -> Result<Vec<Row>> {
        let file = self.path.join(format!("{label}.json"));
        if let Some(rows) = kept(&file, &self.sources) {
            eprintln!("lab: {label} is done (--fresh runs it again)");
            return Ok(rows);
        }
        let rows = run()?;
        if sys::interrupted() {
            bail!("interrupted: the same command goes on with {label}");
        }
        let text = serde_json::to_vec_pretty(&Kept {
            sources: self.sources.clone(),
            rows: rows.clone(),
        })?;
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(rows)
    }
}

/// The label of the part that loads a release build.
const RELEASE: &str = "release";

fn parts(args: &cli::Test) -> Vec<Part> {
    let kernels: Vec<&str> = match args.kernel.as_slice() {
        [] => KERNELS.to_vec(),
        given => given.iter().map(String::as_str).collect(),
    };
    let mut parts = Vec::new();
    for (number, kernel) in kernels.iter().enumerate() {
        let mut part = Part::new(Tier::Nightly, kernel);
        part.machine.clone_from(&args.machine);
        part.guests_only = number > 0;
        let slice = |number| Part {
            slice: Some((number, SLICES)),
            ..part.clone()
        };
        parts.extend((1..=SLICES).map(slice));
    }
    if args.machine.is_none() {
        let mut release = Part::new(Tier::Quick, kernels.first().unwrap_or(&kernel::DEFAULT));
        release.label = RELEASE.to_string();
        release.guests_only = true;
        parts.push(release);
    }
    parts
}

/// What a part is kept as.
fn name(part: &Part) -> String {
    match part.slice {
        Some((number, all)) => format!("{}, slice {number} of {all}", part.label),
        None => part.label.clone(),
    }
}

fn with_binary(mut part: Part) -> Result<Part> {
    if part.label == RELEASE {
        part.binary = Some(cargo::scx_meta()?);
    }
    Ok(part)
}

/// What the sources are, by git: a result of others is none.
fn sources() -> Result<String> {
    let git = |words: &[&str]| -> Result<String> {
        command::read(Command::new("git").args(words).current_dir(paths::repo()))
    };
    let mut text = git(&["rev-parse", "HEAD"])?;
    text.push_str(&git(&["diff", "HEAD"])?);
    Ok(format!("{:016x}", command::hash(&text)))
}

fn kept(file: &Path, sources: &str) -> Option<Vec<Row>> {
    let kept: Kept = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    (kept.sources == sources).then_some(kept.rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_other_sources_do_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("part.json");
        assert!(kept(&file, "a").is_none());
        let text = serde_json::to_vec(&Kept {
            sources: "a".to_string(),
            rows: vec![Row::default()],
        });
        fs::write(&file, text.unwrap()).unwrap();
        assert_eq!(kept(&file, "a").unwrap().len(), 1);
        assert!(kept(&file, "b").is_none());
    }
}
