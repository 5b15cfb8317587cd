// SPDX-License-Identifier: GPL-2.0-only
//! What is on disk about one warm guest: `target/lab/vms/NAME`.

use std::collections::BTreeMap;
use std::fs;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use anyhow::{ensure, Context, Result};
use labkit::clock::Clock;
use labkit::sys;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::wire::PROTOCOL;
use crate::paths;
use crate::vm::Hardware;

/// What a warm guest is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// A series or a path, as `--kernel` has it.
    pub kernel: String,
    pub clock: Clock,
    pub hardware: Hardware,
}

/// A guest that is up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Up {
    /// The process that holds it.
    pub pid: u32,
    #[serde(default)]
    pub qemu: u32,
    /// Folder of its sockets: a path there is short enough for one.
    pub sockets: PathBuf,
    pub protocol: u32,
    pub accel: String,
}

/// Where each file of the guest came from: a change of it is a change of this text.
pub(super) type Manifest = BTreeMap<PathBuf, String>;

/// The folder of one guest.
#[derive(Clone, Debug)]
pub struct Place {
    pub name: String,
    dir: PathBuf,
}

impl Place {
    /// That of a name, there or not.
    pub fn of(name: &str) -> Result<Self> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        ensure!(
            !name.is_empty() && !name.starts_with('.') && name.chars().all(fits),
            "`{name}`: a guest's name has letters, digits, - _ and . only"
        );
        Ok(Self {
            name: name.to_string(),
            dir: paths::lab_dir("vms")?.join(name),
        })
    }

    /// All that have a folder, sorted.
    pub fn all() -> Result<Vec<Self>> {
        let root = paths::lab_dir("vms")?;
        let mut places = Vec::new();
        for entry in
            fs::read_dir(&root).with_context(|| format!("cannot read {}", root.display()))?
        {
            let dir = entry?.path();
            if let (true, Some(name)) = (dir.is_dir(), dir.file_name()) {
                let name = name.to_string_lossy().into_owned();
                places.push(Self { name, dir });
            }
        }
        places.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(places)
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The kernel's console.
    pub fn console(&self) -> PathBuf {
        self.dir.join("console")
    }

    /// What the holder of the guest says.
    pub fn log(&self) -> PathBuf {
        self.dir.join("keeper.log")
    }

    /// Starts with an empty folder.
    pub fn clear(&self) -> Result<()> {
        self.remove()?;
        fs::create_dir_all(&self.dir)
            .with_context(|| format!("cannot create {}", self.dir.display()))
    }

    pub fn remove(&self) -> Result<()> {
        if !self.dir.exists() {
            return Ok(());
        }
        fs::remove_dir_all(&self.dir)
            .with_context(|| format!("cannot remove {}", self.dir.display()))
    }

    /// Waits until nobody else starts or ends this guest; released when the file goes.
    pub fn lock(&self) -> Result<File> {
        let path = self.dir.with_extension("lock");
        let file = File::create(&path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        sys::lock(file.as_fd()).with_context(|| format!("cannot lock {}", path.display()))?;
        Ok(file)
    }

    pub fn spec(&self) -> Result<Spec> {
        self.read("spec")
    }

    pub fn set_spec(&self, spec: &Spec) -> Result<()> {
        self.write("spec", spec)
    }

    pub fn manifest(&self) -> Result<Manifest> {
        self.read("files")
    }

    pub fn set_manifest(&self, manifest: &Manifest) -> Result<()> {
        self.write("files", manifest)
    }

    /// From now on it is up.
    pub fn set_up(&self, up: &Up) -> Result<()> {
        self.write("up", up)
    }

    /// How to reach it; None where it is down.
    pub fn up(&self) -> Option<Up> {
        let up: Up = self.read("up").ok()?;
        let held = fs::read(format!("/proc/{}/cmdline", up.pid)).ok()?;
        let words: Vec<&[u8]> = held.split(|byte| *byte == 0).collect();
        let ours = words.contains(&super::KEEP.as_bytes()) && words.contains(&self.name.as_bytes());
        ours.then_some(up)
    }

    /// Seconds of this machine's CPUs that the guest has had since it was started.
    pub fn cpu_seconds(&self) -> Option<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.up()?.qemu)).ok()?;
        cpu_ticks(&stat).map(|ticks| ticks as f64 / TICKS_PER_SECOND)
    }

    /// Talks to the guest that is up; the holder serves one at a time.
    pub fn connect(&self) -> Result<(UnixStream, Up)> {
        let up = self
            .up()
            .with_context(|| format!("no guest {} is up: cargo xtask vm up", self.name))?;
        ensure!(
            up.protocol == PROTOCOL,
            "the guest {} was started by another xtask: cargo xtask vm down {0}",
            self.name
        );
        let socket = control(&up.sockets);
        let stream = UnixStream::connect(&socket)
            .with_context(|| format!("the guest {} is not reached", self.name))?;
        Ok((stream, up))
    }

    fn read<T: DeserializeOwned>(&self, what: &str) -> Result<T> {
        let path = self.dir.join(what).with_extension("json");
        let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is damaged", path.display()))
    }

    fn write<T: Serialize>(&self, what: &str, value: &T) -> Result<()> {
        let path = self.dir.join(what).with_extension("json");
        let fresh = path.with_extension("new");
        fs::write(&fresh, serde_json::to_vec_pretty(value)?)
            .and_then(|()| fs::rename(&fresh, &path))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// In /proc, on every machine.
const TICKS_PER_SECOND: f64 = 100.0;

/// The times of user and kernel, which follow the name and eleven words more.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let times = rest.split(' ').skip(11).take(2);
    times.map(|word| word.parse::<u64>().ok()).sum()
}

/// The socket that commands come by.
pub(super) fn control(sockets: &Path) -> PathBuf {
    sockets.join("control")
}

/// What changes whenever a file's content does, as make has it.
pub(super) fn identity(path: &Path) -> Result<String> {
    let data = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(format!(
        "{}:{}:{}.{:09}",
        data.ino(),
        data.len(),
        data.mtime(),
        data.mtime_nsec()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_the_folder() {
        for name in ["", "../x", "a/b", ".hidden", "a b"] {
            assert!(Place::of(name).is_err(), "{name:?}");
        }
        assert!(Place::of("two-7.3").is_ok());
    }

    #[test]
    fn user_and_kernel_time_are_added() {
        let stat = "7 (qemu (x) y) S 1 7 7 0 -1 4194560 9 0 0 0 150 50 0 0 20 0";
        assert_eq!(cpu_ticks(stat), Some(200));
        assert_eq!(cpu_ticks("7 (x) S 1"), Some(0));
        assert!(cpu_ticks("").is_none());
    }

    #[test]
    fn a_changed_file_has_another_identity() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "a").unwrap();
        let before = identity(&file).unwrap();
        assert_eq!(before, identity(&file).unwrap());
        fs::write(&file, "ab").unwrap();
        assert_ne!(before, identity(&file).unwrap());
    }
}
