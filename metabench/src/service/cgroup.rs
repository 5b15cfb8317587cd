// SPDX-License-Identifier: GPL-2.0-only
//! Cgroups of version 2, used for one thing: to know all processes of a service, and to kill them
//! at once. No controller is enabled in them, so that they change nothing about scheduling.

use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use anyhow::{bail, Context, Result};

/// Killed processes are gone after this, unless the kernel itself holds them.
const GONE_LIMIT: Duration = Duration::from_secs(30);

/// How often that is looked at.
const GONE_POLL: Duration = Duration::from_millis(10);

/// A folder of processes. It stays when this is dropped.
#[derive(Clone, Debug, PartialEq)]
pub struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// The one this process is in.
    pub fn own() -> Result<Self> {
        let read = |path: &str| fs::read_to_string(path).with_context(|| format!("reading {path}"));
        let mounts = read("/proc/self/mountinfo")?;
        let membership = read("/proc/self/cgroup")?;
        let path = own_path(&mounts, &membership)?;
        Ok(Self { path })
    }

    /// One that exists.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes one below; the first of NAME, NAME-2, NAME-3 … that is free.
    pub fn create(&self, name: &str) -> Result<Self> {
        let mut path = self.path.join(name);
        for number in 2.. {
            match fs::create_dir(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    path = self.path.join(format!("{name}-{number}"));
                }
                made => {
                    made.with_context(|| format!("making the cgroup {}", path.display()))?;
                    break;
                }
            }
        }
        Ok(Self { path })
    }

    /// The file that a process writes to in order to be in here.
    pub fn procs(&self) -> Result<OwnedFd> {
        let path = self.path.join("cgroup.procs");
        let file = File::options().write(true).open(&path);
        let file = file.with_context(|| format!("opening {}", path.display()))?;
        Ok(file.into())
    }

    /// Ids of the processes in here and below; those that only wait to be reaped do not count.
    pub fn processes(&self) -> Result<Vec<u32>> {
        let mut found = Vec::new();
        for folder in self.tree()? {
            let path = folder.join("cgroup.procs");
            let text = match fs::read_to_string(&path) {
                // ENODEV: removed since it was opened.
                Err(error) if is_gone(&error) => continue,
                read => read.with_context(|| format!("reading {}", path.display()))?,
            };
            found.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()));
        }
        Ok(found)
    }

    /// Kills what is in here and below, and removes all of it. Nothing to do if it is gone.
    pub fn kill(&self) -> Result<()> {
        let deadline = Instant::now() + GONE_LIMIT;
        loop {
            match fs::write(self.path.join("cgroup.kill"), "1") {
                Err(error) if is_gone(&error) && !self.path.exists() => return Ok(()),
                killed => killed.with_context(|| format!("killing {}", self.path.display()))?,
            }
            match self.remove() {
                // EBUSY: somebody is not dead yet.
                Err(error) if error.kind() == ErrorKind::ResourceBusy => {}
                removed => return removed.with_context(|| self.path.display().to_string()),
            }
            if Instant::now() > deadline {
                let left = self.processes()?;
                bail!(
                    "{} cannot be removed: killed {GONE_LIMIT:?} ago, processes {left:?} live",
                    self.path.display()
                );
            }
            thread::sleep(GONE_POLL);
        }
    }

    fn remove(&self) -> io::Result<()> {
        // The deepest first.
        for folder in self.tree()?.iter().rev() {
            match fs::remove_dir(folder) {
                Err(error) if is_gone(&error) => {}
                removed => removed?,
            }
        }
        Ok(())
    }

    /// This folder and those below, parents before children.
    fn tree(&self) -> io::Result<Vec<PathBuf>> {
        let mut tree = vec![self.path.clone()];
        let mut next = 0;
        while let Some(folder) = tree.get(next) {
            let entries = match fs::read_dir(folder) {
                Err(error) if is_gone(&error) => Vec::new(),
                entries => entries?.flatten().collect(),
            };
            let folders = entries
                .iter()
                .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            tree.extend(folders.map(|entry| entry.path()));
            next += 1;
        }
        Ok(tree)
    }
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(libc::ENODEV)
}

/// Where the calling process's own cgroup is mounted, by the texts of `/proc/self/mountinfo` and
/// `/proc/self/cgroup`.
fn own_path(mounts: &str, membership: &str) -> Result<PathBuf> {
    // Of version 2, and there is only one.
    let own = membership.lines().find_map(|line| line.strip_prefix("0::"));
    let own = own.context("this process is in no cgroup of version 2")?;
    let (root, mount) = mounts
        .lines()
        .find_map(cgroup_mount)
        .context("no file system of type cgroup2 is mounted")?;
    // Seen from inside a container, what lies outside begins with /..
    let below = Path::new(own).strip_prefix(root).ok();
    match below {
        Some(below) if !own.starts_with("/..") => Ok(mount.join(below)),
        _ => bail!(
            "our cgroup {own} is not below what is mounted on {}",
            mount.display()
        ),
    }
}

/// What is mounted, and where, if the line is about cgroup2: `31 23 0:27 ROOT MOUNT … - cgroup2 …`.
fn cgroup_mount(line: &str) -> Option<(&str, PathBuf)> {
    let (place, kind) = line.split_once(" - ")?;
    if kind.split(' ').next() != Some("cgroup2") {
        return None;
    }
    let mut fields = place.split(' ').skip(3);
    Some((fields.next()?, PathBuf::from(fields.next()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIFIED: &str = "22 1 0:20 / /sys rw - sysfs sysfs rw\n\
        31 22 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

    #[test]
    fn our_own_is_below_the_mount() {
        let path = own_path(UNIFIED, "0::/user.slice/session-2.scope\n").unwrap();
        assert_eq!(path, Path::new("/sys/fs/cgroup/user.slice/session-2.scope"));
        let path = own_path(UNIFIED, "3:cpuset:/x\n0::/\n").unwrap();
        assert_eq!(path, Path::new("/sys/fs/cgroup/"));
    }

    #[test]
    fn a_mounted_part_is_taken_off_the_name() {
        let part = UNIFIED.replace("0:27 / ", "0:27 /docker/1 ");
        let path = own_path(&part, "0::/docker/1/a\n").unwrap();
        assert_eq!(path, Path::new("/sys/fs/cgroup/a"));
        let error = own_path(&part, "0::/elsewhere\n").unwrap_err().to_string();
        assert!(error.contains("/elsewhere is not below"), "{error}");
        assert!(own_path(UNIFIED, "0::/../a\n").is_err());
    }

    #[test]
    fn version_1_alone_is_refused() {
        let old = "31 22 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n";
        let error = own_path(old, "0::/\n").unwrap_err().to_string();
        assert!(error.contains("no file system of type cgroup2"), "{error}");
        let error = own_path(UNIFIED, "1:cpu:/\n").unwrap_err().to_string();
        assert!(error.contains("in no cgroup of version 2"), "{error}");
    }
}
