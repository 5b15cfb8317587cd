// SPDX-License-Identifier: GPL-2.0-only
//! What a start does not wait for, and people should know.

use std::ops::Range;

use super::Check;
use crate::machine::Machine;
use crate::memory::Room;
use crate::void::Void;
use crate::{memory, realtime, void};

/// From here on the kernel gives tasks of sched_ext a part of each CPU that
/// real-time tasks have.
const RESERVES_TIME: [u32; 3] = [7, 0, 0];

/// From 7.1 up to the stable release that has the fix; 7.3 began with it.
const MOVE_OF_DEAD_EJECTS: Range<[u32; 3]> = [7, 1, 0]..[7, 2, 7];

impl Machine {
    pub(super) fn remark_void(&self) -> Check {
        const NAME: &str = "cgroups";
        match Void::find(self).describe() {
            None => Check::ok(NAME, "none has a setting that is void under scx_meta"),
            Some(found) => Check::note(NAME, format!("{}: {found}", void::void_of_all()), ""),
        }
    }

    pub(super) fn remark_real_time(&self) -> Check {
        const NAME: &str = "real-time tasks";
        if self
            .version()
            .is_some_and(|version| version >= RESERVES_TIME)
        {
            return Check::ok(NAME, "the kernel reserves time for others beside them");
        }
        match realtime::describe(self) {
            None => Check::ok(NAME, "none"),
            Some(found) => Check::note(
                NAME,
                format!(
                    "{found}: if one does not sleep for as long as --watchdog, tasks bound to its \
                     CPU do not run and the kernel ejects scx_meta"
                ),
                "Linux 7.0 and later reserve time for them",
            ),
        }
    }

    /// cca061dccf56, "sched_ext: Fix spurious aborts in scx_bpf_dsq_move() on
    /// ownership change races".
    pub(super) fn remark_dying_tasks(&self) -> Check {
        const NAME: &str = "known faults";
        match self.version() {
            Some(version) if MOVE_OF_DEAD_EJECTS.contains(&version) => Check::note(
                NAME,
                format!(
                    "kernel {} ejects scx_meta when a task ends in the instant in which it is \
                     moved to another queue",
                    self.release()
                ),
                "7.2.7 and later do not; --handover drain, and no weight for rustland and central, avoid it",
            ),
            _ => Check::ok(NAME, "none of this kernel"),
        }
    }

    pub(super) fn remark_memory(&self) -> Check {
        const NAME: &str = "memory";
        let loaded = self.meta_is_loaded();
        let holder = self.scheduler_pid().filter(|_| loaded);
        let process = holder.map_or("self".to_owned(), |pid| pid.to_string());
        let cgroups = self.read(&format!("/proc/{process}/cgroup"));
        let cgroups = cgroups.unwrap_or_default();
        let cgroup = cgroups.lines().find_map(|line| line.strip_prefix("0::"));
        match cgroup.and_then(|cgroup| memory::room(self, cgroup, holder.is_some())) {
            None => Check::unknown(NAME, "the loader's cgroup cannot be looked at"),
            Some(Room::Enough(found)) => Check::ok(NAME, found),
            Some(Room::Tight(found)) => Check::note(
                NAME,
                format!("the loader's cgroup pays for every task of the machine: {found}"),
                "forks fail everywhere when it is full; start scx_meta where there is no limit",
            ),
        }
    }
}
