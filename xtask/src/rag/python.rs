// SPDX-License-Identifier: GPL-2.0-only
//! Python, the application's packages, and a standard library for a guest that has none.
//!
//! In a reproducible guest every file is as old as the epoch, so Python would compile all it loads
//! anew at each start: what is kept here is compiled to files that are valid whatever the age.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::made;
use super::made::made;
use crate::command;

/// The distribution's: what a user's PATH names may be a script that picks one.
const PROGRAM: &str = "/usr/bin/python3";

const FACTS: &str = "import json, sys, sysconfig; \
     print(json.dumps({'version': sys.version, 'stdlib': sysconfig.get_path('stdlib')}))";

/// Parts of the standard library that nothing loads: tests, installers, user interfaces, and what
/// was compiled under another name.
const LEFT_OUT: [&str; 14] = [
    "__pycache__",
    "dist-packages",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "pydoc_data",
    "site-packages",
    "sitecustomize.py",
    "test",
    "tests",
    "tkinter",
    "turtledemo",
    "unittest",
    "venv",
];

/// How the name of the folder with Python as a static library begins.
const STATIC_LIBRARY: &str = "config-";

/// Python of this machine.
pub struct Python {
    /// The program.
    pub program: PathBuf,
    /// Folder of the standard library.
    pub stdlib: PathBuf,
    version: String,
}

#[derive(Deserialize)]
struct Facts {
    version: String,
    stdlib: PathBuf,
}

impl Python {
    /// Asks it where it keeps what.
    pub fn find() -> Result<Self> {
        let said = command::read(Command::new(PROGRAM).args(["-S", "-c", FACTS]))?;
        let facts: Facts = serde_json::from_str(&said)
            .with_context(|| format!("{PROGRAM} does not say what it is: {said}"))?;
        Ok(Self {
            program: PROGRAM.into(),
            stdlib: facts.stdlib,
            version: facts.version,
        })
    }

    /// Python without the machine's own packages.
    pub fn command(&self) -> Command {
        let mut python = Command::new(&self.program);
        python.args(["-S", "-B"]);
        // The same order of sets each time, and so the same compiled files.
        python.env("PYTHONHASHSEED", "0");
        python
    }

    /// pip, installing a list of packages into a folder, and nothing that these ask for.
    pub fn pip_install(&self, list: &Path, into: &Path) -> Command {
        let mut pip = Command::new(&self.program);
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-compile",
        ]);
        // What would have to be compiled needs more than a Python.
        pip.args(["--only-binary", ":all:"]);
        pip.arg("--target").arg(into).arg("--requirement").arg(list);
        pip.env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
        pip.env("PIP_ROOT_USER_ACTION", "ignore");
        pip
    }

    /// Folder of the application's packages.
    pub fn packages(&self) -> Result<PathBuf> {
        let list = super::workload().join("requirements.txt");
        let inputs = self.version.clone() + &made::contents(std::slice::from_ref(&list))?;
        made(&super::kept()?, "python", &inputs, |folder| {
            eprintln!("lab: fetching the Python packages of the application (140 MB)");
            command::run(&mut self.pip_install(&list, folder))?;
            trim(folder)?;
            self.compile(folder, folder)
        })
    }

    /// The standard library as a guest wants it.
    pub fn stdlib_for_guest(&self) -> Result<PathBuf> {
        let inputs = format!("{}\n{LEFT_OUT:?} {STATIC_LIBRARY}", self.version);
        made(&super::kept()?, "stdlib", &inputs, |folder| {
            let left_out = LEFT_OUT.map(OsStr::new).into();
            copy(&self.stdlib, folder, &left_out)?;
            self.compile(folder, &self.stdlib)
        })
    }

    /// Compiles all below a folder, which will be found at `there`.
    fn compile(&self, folder: &Path, there: &Path) -> Result<()> {
        let mut compile = self.command();
        compile.args(["-m", "compileall", "-q", "-j", "0"]);
        compile.args(["--invalidation-mode", "unchecked-hash"]);
        compile.arg("-s").arg(folder).arg("-p").arg(there);
        command::run(compile.arg(folder))
    }
}

/// Removes from installed packages what only their developers use.
fn trim(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            if entry.file_name() == "tests" {
                fs::remove_dir_all(&path)
                    .with_context(|| format!("cannot remove {}", path.display()))?;
            } else {
                trim(&path)?;
            }
        } else if path.extension().is_some_and(|end| end == "pyi") {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// Copies a folder, links as what they point to, without what has one of these names.
fn copy(from: &Path, to: &Path, left_out: &BTreeSet<&OsStr>) -> Result<()> {
    fs::create_dir_all(to)?;
    let entries = fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))?;
    for entry in entries {
        let name = entry?.file_name();
        let static_library = name.to_string_lossy().starts_with(STATIC_LIBRARY);
        if static_library || left_out.contains(&*name) {
            continue;
        }
        let (from, to) = (from.join(&name), to.join(&name));
        let Ok(kind) = fs::metadata(&from) else {
            continue; // A link to nowhere.
        };
        if kind.is_dir() {
            copy(&from, &to, left_out)?;
        } else {
            fs::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        dir
    }

    fn there(dir: &Path, files: &[&str]) -> Vec<bool> {
        files.iter().map(|file| dir.join(file).exists()).collect()
    }

    #[test]
    fn packages_lose_their_tests_and_stubs_only() {
        let files = [
            "a/tests/t.py",
            "a/b/tests/t.py",
            "a/x.pyi",
            "a/testing/t.py",
            "a/x.py",
        ];
        let dir = tree(&files);
        trim(dir.path()).unwrap();
        assert_eq!(there(dir.path(), &files), [false, false, false, true, true]);
    }

    #[test]
    fn a_copy_has_what_links_point_to_and_not_what_is_left_out() {
        let files = [
            "os.py",
            "json/a.py",
            "test/t.py",
            "json/__pycache__/a.pyc",
            "config-3/libpython.a",
        ];
        let dir = tree(&files);
        std::os::unix::fs::symlink("os.py", dir.path().join("link.py")).unwrap();
        std::os::unix::fs::symlink("nowhere", dir.path().join("gone.py")).unwrap();
        let to = tempfile::tempdir().unwrap();
        copy(dir.path(), to.path(), &LEFT_OUT.map(OsStr::new).into()).unwrap();
        assert_eq!(there(to.path(), &files), [true, true, false, false, false]);
        assert!(fs::symlink_metadata(to.path().join("link.py"))
            .unwrap()
            .is_file());
        assert!(fs::symlink_metadata(to.path().join("gone.py")).is_err());
    }
}
