// SPDX-License-Identifier: GPL-2.0-only
//! A machine whose files tests write.

use std::fs;

use super::Machine;

/// The root of a machine whose files a test writes.
pub(crate) struct Root(tempfile::TempDir);

impl Root {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// One whose cgroups are where they use to be.
    pub(crate) fn with_cgroups() -> Self {
        let root = Self::new();
        let mounts = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n";
        root.write("/proc/self/mounts", mounts);
        root
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.machine().path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn machine(&self) -> Machine {
        Machine::at(self.0.path())
    }
}
