// SPDX-License-Identifier: GPL-2.0-only
//! Files that are written whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;

/// A file of a report: its name and its text.
pub type File = (String, String);

pub fn json(name: &str, report: &impl Serialize) -> Result<File> {
    let text = serde_json::to_string_pretty(report);
    let text = text.with_context(|| format!("cannot write {name} as JSON"))?;
    Ok((name.to_owned(), text + "\n"))
}

/// Writes them in this order, each whole.
pub fn write_all(folder: &Path, files: &[File]) -> Result<()> {
    files
        .iter()
        .try_for_each(|(name, text)| write_whole(&folder.join(name), text))
}

/// Writes a file whole or not at all, in a folder that is made if it is missing.
pub fn write_whole(path: &Path, text: &str) -> Result<()> {
    make_folder_of(path)?;
    let fresh = beside(path, "new");
    fs::write(&fresh, text)
        .and_then(|()| fs::rename(&fresh, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// The folder of this file, made if it is missing.
pub fn make_folder_of(path: &Path) -> Result<()> {
    match path.parent() {
        Some(folder) if folder != Path::new("") => fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display())),
        _ => Ok(()),
    }
}

/// `FILE.ENDING`.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{ending}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new folder").join("p.toml");
        write_whole(&path, "one").unwrap();
        write_whole(&path, "two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
