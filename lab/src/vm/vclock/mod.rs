// SPDX-License-Identifier: GPL-2.0-only
//! The parallel virtual clock: a plugin for QEMU, built here from lab/vclock.

#[cfg(test)]
mod c_tests;
mod costs;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::SystemTime;
use std::{env, fs};

use anyhow::{anyhow, ensure, Context, Result};
use labkit::clock::Costs as Model;

pub use self::costs::Costs;
use crate::{command, packages, paths};

const SOURCES: &str = "lab/vclock";

/// The first QEMU whose plugins have what the clock is made of.
const QEMU_MIN: u32 = 10;

/// Machines that start at the same time build it once.
static BUILDING: Mutex<()> = Mutex::new(());

/// The value of QEMU's option `-plugin`.
pub fn plugin(costs: Model) -> Result<String> {
    let version = packages::qemu_version()?;
    ensure!(
        version >= QEMU_MIN,
        "--clock parallel needs QEMU {QEMU_MIN} or later, here is {version}; --clock serial works \
         with this one"
    );
    let library = build()?;
    let numbers = match costs {
        Model::Flat => String::new(),
        Model::Calibrated => Costs::read()?.options(),
    };
    let (library, costs) = (library.display(), costs.name());
    Ok(format!("{library},costs={costs}{numbers}"))
}

fn build() -> Result<PathBuf> {
    let _one = BUILDING.lock().map_err(|_| anyhow!("a build panicked"))?;
    let sources = sources()?;
    let library = paths::lab_dir("vclock")?.join("vclock.so");
    // This program holds the compiler's options.
    let own = env::current_exe().context("cannot tell where this program is")?;
    if newest(&sources)?.max(changed(&own)?) < changed(&library).unwrap_or(SystemTime::UNIX_EPOCH) {
        return Ok(library);
    }
    let fresh = library.with_extension(format!("{}.new", std::process::id()));
    let mut cc = Command::new("cc");
    // QEMU's own functions of the same name must not take the place of ours.
    cc.args(["-O2", "-g", "-Wall", "-Wextra", "-fvisibility=hidden"]);
    cc.args(["-shared", "-fPIC", "-o"]).arg(&fresh);
    cc.args(
        sources
            .iter()
            .filter(|file| file.extension() == Some("c".as_ref())),
    );
    command::run(&mut cc).context("building the parallel virtual clock")?;
    fs::rename(&fresh, &library).with_context(|| format!("cannot write {}", library.display()))?;
    Ok(library)
}

fn sources() -> Result<Vec<PathBuf>> {
    let folder = paths::repo().join(SOURCES);
    let unreadable = || format!("cannot read {}", folder.display());
    let mut sources = Vec::new();
    for entry in fs::read_dir(&folder).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        if path.extension().is_some_and(|end| end == "c" || end == "h") {
            sources.push(path);
        }
    }
    sources.sort();
    ensure!(!sources.is_empty(), "there is no C source in {SOURCES}");
    Ok(sources)
}

fn newest(files: &[PathBuf]) -> Result<SystemTime> {
    let times: Result<Vec<_>> = files.iter().map(|file| changed(file)).collect();
    Ok(times?.into_iter().max().unwrap_or(SystemTime::UNIX_EPOCH))
}

fn changed(file: &Path) -> Result<SystemTime> {
    fs::metadata(file)
        .and_then(|data| data.modified())
        .with_context(|| format!("cannot read {}", file.display()))
}
