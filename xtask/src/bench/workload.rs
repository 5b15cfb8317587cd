// SPDX-License-Identifier: GPL-2.0-only
//! The workloads that a pipeline measures, and what a guest needs to run one.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{bail, Context, Result};
use lab::apt::Apt;
use lab::packages::{self, Use};
use lab::programs::unpacked;
use lab::vm::Folder;
use lab::{command, paths};

use super::{Row, METABENCH};

pub(crate) struct Workload {
    pub(super) row: Row,
    /// Each is profiled in a boot of its own.
    pub(super) subjects: &'static [&'static str],
    /// `NAME=VALUE` for `--set`, where a processor is emulated.
    emulated: &'static [&'static str],
    brings: Brings,
    /// Applications that run at once, for `breakdown`.
    pub(super) counts: &'static [u32],
}

/// What a guest needs beside the workloads' own files.
#[derive(Clone, Copy)]
enum Brings {
    Nothing,
    WebServer,
    /// What workloads/rag/setup.py makes.
    Store,
}

/// The paper's application.
pub(crate) const RAG: Workload = Workload {
    row: row("rag", Use::Rag),
    subjects: &["frontend", "backend", "whole"],
    emulated: &[
        "threads=2",
        "connections=8",
        "frontend_seconds=2",
        "backend_seconds=3",
        "whole_seconds=3",
        "warm_up=4",
    ],
    brings: Brings::Store,
    counts: &[],
};

/// perf bench sched messaging under a wake-up probe, and what disturbs it.
pub(super) const MESSAGING: Workload = Workload {
    row: row("messaging", Use::Vm),
    subjects: &["messaging", "batch", "whole"],
    emulated: &["window=1", "messages=50"],
    brings: Brings::Nothing,
    counts: &[],
};

/// nginx under wrk beside a batch job.
pub(super) const WEB: Workload = Workload {
    row: row("web", Use::Overhead),
    subjects: &["web", "batch", "whole"],
    emulated: &["window=1"],
    brings: Brings::WebServer,
    counts: &[],
};

/// Applications that prefer different policies.
pub(super) const MIX: Workload = Workload {
    row: row("mix", Use::Overhead),
    subjects: &["web", "batch", "messaging", "pipe"],
    emulated: &["window=1", "messages=50", "trips=5000"],
    brings: Brings::WebServer,
    counts: &[1, 2, 4],
};

const fn row(name: &'static str, needs: Use) -> Row {
    Row {
        name,
        needs,
        program: METABENCH,
    }
}

/// How large a workload is: as in the paper, or as an emulated machine can bear.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Scale {
    Paper,
    Emulated,
}

/// What a guest needs to run a workload.
#[derive(Default)]
pub(crate) struct Kit {
    /// `NAME=VALUE` for `--set`.
    pub(crate) set: Vec<String>,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) folders: Vec<Folder>,
}

impl Workload {
    pub(super) fn file(&self) -> PathBuf {
        folder().join(self.row.name).join("workload.toml")
    }

    /// Brings what it needs; does nothing where that is.
    pub(crate) fn kit(&self, scale: Scale) -> Result<Kit> {
        let mut kit = Kit::default();
        match self.brings {
            Brings::Nothing => {}
            Brings::WebServer => {
                kit = Kit::web_server()?;
            }
            Brings::Store => {
                kit = Kit::parse(&setup(scale)?)?;
                kit.program("wrk", wrk()?);
            }
        }
        // Workloads use each other's files.
        kit.folders.push(Folder::same(&folder())?);
        if scale == Scale::Emulated {
            kit.set
                .extend(self.emulated.iter().map(ToString::to_string));
        }
        Ok(kit)
    }
}

/// Not one of another version that may be before it on PATH.
const PYTHON: &str = "/usr/bin/python3";

fn wrk() -> Result<PathBuf> {
    paths::which("wrk").context("there is no wrk")
}

fn folder() -> PathBuf {
    paths::repo().join("workloads")
}

/// Makes the store of the paper's application; what its script says of it.
fn setup(scale: Scale) -> Result<String> {
    let mut setup = Command::new(PYTHON);
    setup.arg(folder().join("rag/setup.py"));
    let scale = match scale {
        Scale::Paper => "paper",
        Scale::Emulated => "emulated",
    };
    setup.args(["--scale", scale]);
    let kept = paths::lab_dir("rag")?;
    setup.arg("--out").arg(&kept);
    if !kept.join("text").is_dir() {
        // Documentation comes as packages, by the lab's own lists.
        packages::need_debian("fetch documentation")?;
        let apt = Apt::release()?;
        apt.update()?;
        for option in apt.options() {
            setup.args(["--apt-option", &option]);
        }
    }
    command::read_out(&mut setup)
}

impl Kit {
    /// nginx, and who asks it.
    pub(super) fn web_server() -> Result<Self> {
        let mut kit = Self::default();
        kit.program("nginx", unpacked::nginx()?);
        kit.program("wrk", wrk()?);
        Ok(kit)
    }

    fn program(&mut self, name: &str, path: PathBuf) {
        self.set.push(format!("{name}={}", path.display()));
        self.files.push(path);
    }

    /// Reads lines of a kind and a tab between words: `set NAME=VALUE`, `file PATH`, and
    /// `folder HERE THERE`.
    fn parse(said: &str) -> Result<Self> {
        let mut kit = Self::default();
        for line in said.lines() {
            match line.split('\t').collect::<Vec<_>>()[..] {
                ["set", value] => kit.set.push(value.to_string()),
                ["file", path] => kit.files.push(path.into()),
                ["folder", here, there] => kit.folders.push(Folder {
                    here: here.into(),
                    there: there.into(),
                }),
                _ => bail!("workloads/rag/setup.py says {line:?}"),
            }
        }
        Ok(kit)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_the_script_says_is_read() {
        let kit = Kit::parse("set\tindex=a b\nfile\t/p\nfolder\t/here\t/there\n").unwrap();
        assert_eq!(kit.set, ["index=a b"]);
        assert_eq!(kit.files, [Path::new("/p")]);
        assert_eq!(kit.folders[0].there, Path::new("/there"));
        for bad in ["set", "set\ta\tb", "x\ty", "folder\t/here", ""] {
            assert!(Kit::parse(&format!("{bad}\n")).is_err(), "{bad}");
        }
    }

    #[test]
    fn each_workload_has_its_file() {
        for workload in [&RAG, &MESSAGING, &WEB, &MIX] {
            assert!(workload.file().is_file(), "{}", workload.row.name);
        }
    }

    /// The script's own tests.
    #[test]
    fn the_store_is_made_whole_or_not_at_all() {
        if !Path::new(PYTHON).is_file() {
            eprintln!("left out: there is no {PYTHON}");
            return;
        }
        let mut tests = Command::new(PYTHON);
        tests.args(["-B", "-m", "unittest", "discover", "-s"]);
        tests.arg(folder().join("rag/tests")).arg("-q");
        tests.current_dir(folder().join("rag"));
        let done = command::output(&mut tests).unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{said}");
    }
}
