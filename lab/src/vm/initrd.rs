// SPDX-License-Identifier: GPL-2.0-only
//! The initial RAM disk, which is the guest's whole root: no device is in use while the command
//! runs, and nothing has to serve files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::cpio::Cpio;
use super::{folders, linked, Folder, Job};
use crate::paths;
use crate::programs::unpacked;

/// Programs at hand; busybox stands in for the rest.
const TOOLS: [&str; 8] = [
    "sh",
    "bash",
    "bpftool",
    "chrt",
    "perf",
    "stress-ng",
    "taskset",
    "timeout",
];

/// Builds the image for one job.
pub(super) fn build(job: &Job, dir: &Path) -> Result<Vec<u8>> {
    let mut cpio = Cpio::default();
    start(&mut cpio)?;
    whole_root(&mut cpio, job, dir)?;
    cpio.finish()
}

/// Builds the image of a guest that waits for commands, with the agent that runs them; and the
/// files of this machine that it has where this machine has them.
pub(super) fn waiting(agent: &Path) -> Result<(Vec<u8>, BTreeSet<PathBuf>)> {
    let mut cpio = Cpio::default();
    start(&mut cpio)?;
    names(&mut cpio)?;
    cpio.host_file_as(agent, Path::new("/lab-agent"))?;
    let mut done = BTreeSet::new();
    add_libraries(&mut cpio, agent, &[], &mut done)?;
    for tool in TOOLS.iter().filter_map(|name| paths::which(name)) {
        add_program(&mut cpio, &tool, &mut done)?;
    }
    Ok((cpio.finish()?, done))
}

/// What every image begins with.
fn start(cpio: &mut Cpio) -> Result<()> {
    for folder in ["dev", "proc", "sys", "run", "tmp"] {
        cpio.dir(folder)?;
    }
    merged_usr(cpio)?;
    cpio.device("dev/console", 5, 1)?;
    cpio.device("dev/null", 1, 3)?;
    cpio.file("init", include_bytes!("init.sh"))?;
    cpio.file("guest.sh", include_bytes!("guest.sh"))?;
    cpio.host_file_as(&unpacked::busybox()?, Path::new("bin/busybox"))
}

/// Names of users and groups.
fn names(cpio: &mut Cpio) -> Result<()> {
    for name in ["passwd", "group", "nsswitch.conf"] {
        let file = Path::new("/etc").join(name);
        if file.is_file() {
            cpio.host_file(&file)?;
        }
    }
    Ok(())
}

/// Links /bin, /lib and so on as this machine does, before anything is put
/// below them: the kernel follows them as it unpacks.
fn merged_usr(cpio: &mut Cpio) -> Result<()> {
    for name in ["bin", "sbin", "lib", "lib64"] {
        if let Ok(to) = fs::read_link(Path::new("/").join(name)) {
            cpio.dir(&to.to_string_lossy())?;
            cpio.link(name, &to.to_string_lossy())?;
        }
    }
    Ok(())
}

fn whole_root(cpio: &mut Cpio, job: &Job, dir: &Path) -> Result<()> {
    cpio.file("job.sh", &fs::read(dir.join("job.sh"))?)?;
    cpio.dir(&std::env::current_dir()?.to_string_lossy())?;
    names(cpio)?;
    let mut wanted: Vec<PathBuf> = job.files.clone();
    wanted.extend(TOOLS.iter().filter_map(|name| paths::which(name)));
    wanted.extend(linked::named_files(job));
    let mut done = BTreeSet::new();
    for file in wanted {
        add_program(cpio, &file, &mut done)?;
    }
    for folder in &job.folders {
        for file in folders::add(cpio, folder)? {
            add_libraries(cpio, &file, &job.folders, &mut done)?;
        }
    }
    Ok(())
}

/// Adds a file, what a link points to, and the libraries it is linked with.
fn add_program(cpio: &mut Cpio, file: &Path, done: &mut BTreeSet<PathBuf>) -> Result<()> {
    let file = std::path::absolute(file)?;
    if !done.insert(file.clone()) {
        return Ok(());
    }
    cpio.host_file(&file)?;
    add_libraries(cpio, &file, &[], done)
}

/// Adds the libraries that a file is linked with, unless a folder has them.
fn add_libraries(
    cpio: &mut Cpio,
    file: &Path,
    folders: &[Folder],
    done: &mut BTreeSet<PathBuf>,
) -> Result<()> {
    for library in linked::libraries(file) {
        let there_already = || {
            folders
                .iter()
                .any(|folder| library.starts_with(&folder.here))
        };
        if !there_already() && done.insert(library.clone()) {
            cpio.host_file(&library)?;
        }
    }
    Ok(())
}
