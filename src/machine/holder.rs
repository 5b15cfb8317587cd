// SPDX-License-Identifier: GPL-2.0-only
//! Who holds the scheduler that is loaded, and how to stop or restart it.

use std::fs;
use std::path::PathBuf;

use super::Machine;

impl Machine {
    /// How to start what is loaded again.
    pub(crate) fn how_to_restart(&self) -> String {
        let Some(pid) = self.scheduler_pid() else {
            return "stop it and start it again".into();
        };
        match self.unit_of(pid) {
            Some(unit) => format!("systemctl restart {unit}"),
            None => format!("kill {pid}, and start it again"),
        }
    }

    /// How to stop what is loaded, from the process that holds it.
    pub(crate) fn how_to_stop(&self, meta: bool) -> String {
        let by_hand = "systemctl stop scx.service, or scxctl stop (scx_loader), or stop the \
                       process that was started by hand";
        let Some(pid) = self.scheduler_pid() else {
            return format!("stop it first: {by_hand}");
        };
        let name = self.read(&format!("/proc/{pid}/comm")).unwrap_or_default();
        let cgroup = self
            .read(&format!("/proc/{pid}/cgroup"))
            .unwrap_or_default();
        let process = format!("process {pid}, {name}");
        if cgroup.contains("scx_loader") {
            return format!("stop it first: scxctl stop (scx_loader started {process})");
        }
        if let Some(unit) = self.unit_of(pid) {
            if meta || unit.starts_with("scx") {
                return format!("stop it first: systemctl stop {unit} ({process})");
            }
        }
        format!("stop it first: kill {pid} ({name})")
    }

    /// A process that holds a struct_ops link: most likely the scheduler's.
    pub(crate) fn scheduler_pid(&self) -> Option<u32> {
        let mut holders: Vec<u32> = fs::read_dir(self.path("/proc"))
            .ok()?
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|pid| self.holds_struct_ops(*pid))
            .collect();
        holders.sort_by_key(|pid| {
            let comm = self.read(&format!("/proc/{pid}/comm")).unwrap_or_default();
            !comm.starts_with("scx")
        });
        holders.first().copied()
    }

    fn unit_of(&self, pid: u32) -> Option<String> {
        let cgroup = self.read(&format!("/proc/{pid}/cgroup")).ok()?;
        let unit = cgroup.rsplit('/').find(|part| part.ends_with(".service"));
        unit.map(str::to_owned)
    }

    /// A thread may have descriptors of its own, as ours that holds the link has.
    fn holds_struct_ops(&self, pid: u32) -> bool {
        let files = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten();
        let is_link = |info: PathBuf| {
            fs::read_to_string(info).is_ok_and(|text| text.contains("link_type:\tstruct_ops"))
        };
        files(self.path(&format!("/proc/{pid}/task")))
            .flat_map(|thread| files(thread.path().join("fdinfo")))
            .any(|info| is_link(info.path()))
    }
}
