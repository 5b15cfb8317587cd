// SPDX-License-Identifier: GPL-2.0-only
//! Whole folders for a guest, which sees nothing of this machine's disk.

use std::fs;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::cpio::Cpio;
use super::Folder;

/// How programs and shared libraries begin.
const ELF: [u8; 4] = *b"\x7fELF";

/// Adds a folder with all below it; its files that may need libraries.
pub(super) fn add(cpio: &mut Cpio, folder: &Folder) -> Result<Vec<PathBuf>> {
    let mut linked = Vec::new();
    below(cpio, &folder.here, &folder.there, &mut linked)?;
    Ok(linked)
}

fn below(cpio: &mut Cpio, here: &Path, there: &Path, linked: &mut Vec<PathBuf>) -> Result<()> {
    let unreadable = || format!("cannot read {}", here.display());
    cpio.dir(&there.to_string_lossy())?;
    let mut names = Vec::new();
    for entry in fs::read_dir(here).with_context(unreadable)? {
        names.push(entry.with_context(unreadable)?.file_name());
    }
    // As the folder has them, they differ from machine to machine.
    names.sort();
    for name in names {
        let (here, there) = (here.join(&name), there.join(&name));
        let kind = fs::symlink_metadata(&here)
            .with_context(|| format!("cannot read {}", here.display()))?
            .file_type();
        if kind.is_symlink() {
            let to = fs::read_link(&here)?;
            cpio.link(&there.to_string_lossy(), &to.to_string_lossy())?;
        } else if kind.is_dir() {
            below(cpio, &here, &there, linked)?;
        } else if kind.is_file() {
            cpio.host_file_as(&here, &there)?;
            if is_elf(&here)? {
                linked.push(here);
            }
        }
    }
    Ok(())
}

fn is_elf(path: &Path) -> Result<bool> {
    let mut start = Vec::new();
    File::open(path)
        .and_then(|file| file.take(ELF.len() as u64).read_to_end(&mut start))
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(start == ELF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_in_whole_and_under_its_other_name() {
        let dir = tempfile::tempdir().unwrap();
        let here = dir.path().join("here");
        fs::create_dir_all(here.join("sub/empty")).unwrap();
        fs::write(here.join("sub/text"), "words").unwrap();
        fs::write(here.join("library"), [&ELF[..], b"rest"].concat()).unwrap();
        std::os::unix::fs::symlink("sub/text", here.join("link")).unwrap();
        let folder = Folder {
            here: here.clone(),
            there: "/guest/place".into(),
        };
        let mut cpio = Cpio::default();
        let linked = add(&mut cpio, &folder).unwrap();
        assert_eq!(linked, [here.join("library")]);
        let archive = String::from_utf8_lossy(&cpio.finish().unwrap()).into_owned();
        for name in [
            "guest/place\0",
            "guest/place/library\0",
            "guest/place/link\0",
            "guest/place/sub/empty\0",
            "guest/place/sub/text\0",
        ] {
            assert!(archive.contains(name), "{name:?}");
        }
        assert!(!archive.contains("here"), "{archive}");
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = Folder::same(Path::new("/no/such/folder")).unwrap();
        let error = add(&mut Cpio::default(), &folder).unwrap_err();
        assert!(format!("{error:#}").contains("/no/such/folder"));
    }
}
