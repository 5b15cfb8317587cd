// SPDX-License-Identifier: GPL-2.0-only
//! The files of a trial. Raw data are written record by record, so that what was measured
//! survives whatever ends the trial; what is made from them is written whole or not at all.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{ensure, Context, Result};
use evidence::files::{beside, make_folder_of};
use evidence::raw::{self, Raw, Writer};
use labkit::machine::Machine;

use crate::record::{Block, Plan, Record, Stage};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Destination {
    Stdout,
    File(PathBuf),
    /// Only the figures are wanted.
    Nowhere,
}

impl Destination {
    /// Begins with the machine. What a file held before stays beside it, as `FILE.old`: it may be
    /// hours of work.
    pub(crate) fn open(&self, machine: &Machine) -> Result<Writer<Box<dyn Write>>> {
        let out: Box<dyn Write> = match self {
            Self::Stdout => Box::new(io::stdout()),
            Self::File(path) => Box::new(create(path)?),
            Self::Nowhere => Box::new(io::sink()),
        };
        Writer::new(out, machine)
    }
}

fn create(path: &Path) -> Result<File> {
    make_folder_of(path)?;
    // Not a device or a pipe.
    let is_file = fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
    let aside = match is_file {
        true => fs::rename(path, beside(path, "old")),
        false => Ok(()),
    };
    aside
        .and_then(|()| File::create(path))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// The first part of files' names, of a name for people.
pub(crate) fn stem(name: &str) -> String {
    let plain = |c: char| {
        if c.is_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '-'
        }
    };
    let stem: String = name.chars().map(plain).collect();
    stem.trim_start_matches('.').to_owned()
}

/// Reads the raw data of one or several boots of one stage's plan; a file whose trial was killed
/// may end in the middle of a line.
pub(crate) fn read(paths: &[PathBuf], stage: Stage) -> Result<Vec<Raw<Record>>> {
    let read = |path: &PathBuf| {
        let raw: Raw<Record> = raw::read_unfinished(path)?;
        let found = plan(&raw)
            .with_context(|| path.display().to_string())?
            .stage;
        ensure!(
            found == stage,
            "{}: data of `{}`, not of `{}`",
            path.display(),
            found.command(),
            stage.command()
        );
        Ok(raw)
    };
    paths.iter().map(read).collect()
}

/// All blocks, in order.
pub(crate) fn blocks(raw: &Raw<Record>) -> impl Iterator<Item = &Block> {
    raw.records.iter().filter_map(|record| match record {
        Record::Block(block) => Some(block),
        Record::Plan(_) | Record::End { .. } => None,
    })
}

pub(crate) fn plan(raw: &Raw<Record>) -> Result<&Plan> {
    match raw.records.first() {
        Some(Record::Plan(plan)) => Ok(plan),
        _ => anyhow::bail!("no plan, which comes first"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::fake;

    fn machine() -> Machine {
        Machine {
            kernel: "6.18".into(),
            accel: "tcg".into(),
            cpus: 2,
            clock: labkit::clock::Clock::Serial,
        }
    }

    fn a_plan(stage: Stage) -> Record {
        Record::Plan(fake::plan(stage))
    }

    #[test]
    fn records_are_in_the_file_at_once_and_the_old_file_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new folder").join("w.jsonl");
        let destination = Destination::File(path.clone());
        for _ in 0..2 {
            let mut writer = destination.open(&machine()).unwrap();
            writer.record(&a_plan(Stage::Tune)).unwrap();
            let read = read(std::slice::from_ref(&path), Stage::Tune).unwrap();
            assert_eq!(read[0].records, [a_plan(Stage::Tune)]);
        }
        assert!(dir.path().join("new folder/w.jsonl.old").is_file());
    }

    #[test]
    fn a_device_is_not_moved_aside() {
        Destination::File("/dev/null".into())
            .open(&machine())
            .unwrap();
        assert!(!Path::new("/dev/null.old").exists());
    }

    #[test]
    fn raw_data_of_another_command_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("w.jsonl");
        let mut writer = Destination::File(path.clone()).open(&machine()).unwrap();
        let empty = read(std::slice::from_ref(&path), Stage::Try).unwrap_err();
        assert!(format!("{empty:#}").ends_with("w.jsonl: no plan, which comes first"));
        writer.record(&a_plan(Stage::Tune)).unwrap();
        let other = read(&[path], Stage::Try).unwrap_err().to_string();
        assert!(other.ends_with("data of `tune`, not of `try`"), "{other}");
    }

    #[test]
    fn a_workload_of_any_name_has_its_files_in_the_folder() {
        assert_eq!(stem("rag"), "rag");
        assert_eq!(stem("../web & batch"), "-web---batch");
    }
}
