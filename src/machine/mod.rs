// SPDX-License-Identifier: GPL-2.0-only
//! The machine as procfs and sysfs show it: its kernel, its CPUs, its cgroups, and which sched_ext
//! scheduler is loaded.

#[cfg(test)]
pub(crate) mod fake;
mod holder;

use std::path::PathBuf;
use std::process::Command;
use std::{fs, io};

use anyhow::{Context, Result};

use crate::cpus;

/// First part of the name in `root/ops`; scx_utils appends the version.
const OPS_NAME: &str = "meta";

/// The machine whose files lie below a root that tests replace.
#[derive(Clone)]
pub struct Machine {
    root: PathBuf,
}

impl Default for Machine {
    fn default() -> Self {
        Self::at("/")
    }
}

impl Machine {
    /// The machine whose files lie below `root`.
    pub(crate) fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    pub(crate) fn path(&self, absolute: &str) -> PathBuf {
        self.root.join(absolute.trim_start_matches('/'))
    }

    pub(crate) fn read(&self, absolute: &str) -> io::Result<String> {
        fs::read_to_string(self.path(absolute)).map(|text| text.trim().to_owned())
    }

    pub(crate) fn exists(&self, absolute: &str) -> bool {
        self.path(absolute).exists()
    }

    /// CPU ids of a list below /sys/devices/system/cpu; no file is no CPU.
    pub(crate) fn cpu_list(&self, name: &str) -> Result<Vec<u32>> {
        let path = format!("/sys/devices/system/cpu/{name}");
        match self.read(&path) {
            Ok(text) => cpus::parse_list(&text).context(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error).context(path),
        }
    }

    /// `disabled`, `enabled`, `disabling` and so on; an error on a kernel without sched_ext.
    pub(crate) fn sched_ext_state(&self) -> io::Result<String> {
        self.read("/sys/kernel/sched_ext/state")
    }

    /// The ops name of the loaded sched_ext scheduler, if one is loaded.
    pub(crate) fn loaded_scheduler(&self) -> Option<String> {
        let state = self.sched_ext_state().ok()?;
        if state == "disabled" {
            return None;
        }
        let name = self.read("/sys/kernel/sched_ext/root/ops");
        Some(name.unwrap_or_else(|_| format!("a scheduler without a name ({state})")))
    }

    /// Whether the loaded scheduler is scx_meta.
    pub(crate) fn meta_is_loaded(&self) -> bool {
        self.loaded_scheduler().is_some_and(|name| is_meta(&name))
    }

    /// Where the cgroups are, if they are of version 2.
    pub(crate) fn cgroups(&self) -> Option<PathBuf> {
        let mounts = self.read("/proc/self/mounts").ok()?;
        let mount = mounts.lines().find_map(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let place = fields.next()?;
            (fields.next() == Some("cgroup2")).then_some(place)
        });
        Some(self.path(mount?))
    }

    pub(crate) fn release(&self) -> String {
        self.read("/proc/sys/kernel/osrelease")
            .unwrap_or_else(|_| "of unknown release".into())
    }

    /// `6.18.15+deb13-cloud-amd64` → 6, 18, 15.
    pub(crate) fn version(&self) -> Option<[u32; 3]> {
        let release = self.release();
        let mut numbers = release
            .split(|c: char| !c.is_ascii_digit())
            .map(|number| number.parse().ok());
        let (major, minor) = (numbers.next()??, numbers.next()??);
        Some([major, minor, numbers.next().flatten().unwrap_or(0)])
    }

    /// Whether a kernel option is set; None when no configuration is at hand.
    pub(crate) fn config(&self, option: &str) -> Option<bool> {
        let text = self
            .read(&format!("/boot/config-{}", self.release()))
            .ok()
            .or_else(|| self.config_gz())?;
        let set = |line: &str| {
            let rest = line.strip_prefix(option);
            matches!(rest, Some("=y" | "=m"))
        };
        Some(text.lines().any(set))
    }

    fn config_gz(&self) -> Option<String> {
        let path = self.path("/proc/config.gz");
        if !path.exists() {
            return None;
        }
        let run = Command::new("zcat").arg(path).output().ok()?;
        run.status
            .success()
            .then(|| String::from_utf8_lossy(&run.stdout).into_owned())
    }
}

/// Is this the ops name of an scx_meta?
pub(crate) fn is_meta(ops_name: &str) -> bool {
    let rest = ops_name.strip_prefix(OPS_NAME);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}
