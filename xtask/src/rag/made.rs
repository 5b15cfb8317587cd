// SPDX-License-Identifier: GPL-2.0-only
//! Folders that take long to make, kept until what they are made from changes.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Beside each folder: what it was made from.
const INPUTS: &str = "inputs";

/// The folder `name` below `kept`: as it is if it was made from the same inputs, else made by
/// `make` in a folder that is there and empty. One that could not be made is not there.
pub fn made(
    kept: &Path,
    name: &str,
    inputs: &str,
    make: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let folder = kept.join(name);
    let said = kept.join(format!("{name}.{INPUTS}"));
    let same = fs::read_to_string(&said).is_ok_and(|old| old == inputs);
    if same && folder.is_dir() {
        return Ok(folder);
    }
    let fresh = kept.join(format!("{name}.new"));
    for old in [&folder, &fresh] {
        if old.exists() {
            fs::remove_dir_all(old).with_context(|| format!("cannot remove {}", old.display()))?;
        }
    }
    fs::create_dir_all(&fresh).with_context(|| format!("cannot create {}", fresh.display()))?;
    make(&fresh)?;
    fs::write(&said, inputs).with_context(|| format!("cannot write {}", said.display()))?;
    fs::rename(&fresh, &folder).with_context(|| format!("cannot write {}", folder.display()))?;
    Ok(folder)
}

/// Names and contents of files, as inputs.
pub fn contents(files: &[PathBuf]) -> Result<String> {
    let mut all = String::new();
    for file in files {
        let text =
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        all.push_str(&format!("--- {name}\n{text}\n"));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn a_folder_is_made_again_when_its_inputs_change() {
        let dir = tempfile::tempdir().unwrap();
        let build = |inputs: &str| {
            let mut built = false;
            let folder = made(dir.path(), "x", inputs, |fresh| {
                built = true;
                fs::write(fresh.join(inputs), "")?;
                Ok(())
            })
            .unwrap();
            assert!(folder.join(inputs).is_file());
            built
        };
        assert!(build("one"));
        assert!(!build("one"));
        assert!(build("two"));
        assert!(!dir.path().join("x/one").exists());
    }

    #[test]
    fn what_could_not_be_made_is_not_there_and_is_tried_again() {
        let dir = tempfile::tempdir().unwrap();
        let failed = made(dir.path(), "x", "one", |fresh| {
            fs::write(fresh.join("half"), "")?;
            bail!("no")
        });
        assert!(failed.is_err());
        assert!(!dir.path().join("x").exists());
        let folder = made(dir.path(), "x", "one", |_| Ok(())).unwrap();
        assert_eq!(fs::read_dir(folder).unwrap().count(), 0);
    }
}
