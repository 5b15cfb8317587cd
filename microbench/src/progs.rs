// SPDX-License-Identifier: GPL-2.0-only
//! How often and how long BPF programs ran, by the kernel's own statistics.
//!
//! The kernel counts what it enters through a trampoline or a program run: struct_ops callbacks,
//! tracepoints, syscall programs. A BPF timer's callback is called directly and is *not* counted;
//! its cost is in the scheduler's own counters.

use std::collections::BTreeMap;
use std::os::fd::{FromRawFd, OwnedFd};

use anyhow::{ensure, Result};
use libbpf_rs::query::ProgInfoIter;
use libbpf_rs::{libbpf_sys, ProgramType};

/// While this lives, the kernel keeps run statistics: two clock readings at each call, which are
/// part of what it measures.
pub(crate) struct Statistics {
    _enabled: OwnedFd,
}

impl Statistics {
    /// Turns them on; needs root.
    pub(crate) fn enable() -> Result<Self> {
        // SAFETY: takes an integer only.
        let fd = unsafe { libbpf_sys::bpf_enable_stats(libbpf_sys::BPF_STATS_RUN_TIME) };
        ensure!(
            fd >= 0,
            "cannot enable the kernel's BPF run statistics: {}",
            std::io::Error::from_raw_os_error(-fd)
        );
        Ok(Self {
            // SAFETY: the kernel has just made this descriptor, and nobody else owns it.
            _enabled: unsafe { OwnedFd::from_raw_fd(fd) },
        })
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    pub(crate) runs: u64,
    pub(crate) time_ns: u64,
}

/// All loaded callbacks of schedulers at one time, by their kernel id: an old scheduler's callbacks
/// may have the names of a new one's.
pub(crate) struct Reading {
    callbacks: BTreeMap<u32, Spent>,
}

impl Reading {
    /// Reads them now; needs root.
    pub(crate) fn now() -> Self {
        let callbacks = ProgInfoIter::default().filter(|info| info.ty == ProgramType::StructOps);
        let callbacks = callbacks.map(|info| {
            let spent = Spent {
                runs: info.run_cnt,
                time_ns: info.run_time_ns,
            };
            (info.id, spent)
        });
        Self {
            callbacks: callbacks.collect(),
        }
    }

    /// All that ran since an earlier reading. A callback that has come since counts from
    /// its beginning; of one that has gone nothing is known.
    pub(crate) fn since(&self, earlier: &Self) -> Spent {
        let mut sum = Spent::default();
        for (id, now) in &self.callbacks {
            let before = earlier.callbacks.get(id).copied().unwrap_or_default();
            sum.runs += now.runs.saturating_sub(before.runs);
            sum.time_ns += now.time_ns.saturating_sub(before.time_ns);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(rows: &[(u32, u64, u64)]) -> Reading {
        let rows = rows.iter();
        let callbacks = rows.map(|&(id, runs, time_ns)| (id, Spent { runs, time_ns }));
        Reading {
            callbacks: callbacks.collect(),
        }
    }

    #[test]
    fn only_what_ran_in_between_counts() {
        let before = reading(&[(1, 10, 4000), (2, 3, 30)]);
        let after = reading(&[(1, 14, 6000), (2, 5, 80)]);
        let spent = after.since(&before);
        assert_eq!((spent.runs, spent.time_ns), (6, 2050));
    }

    #[test]
    fn a_successor_is_not_taken_for_the_old_one() {
        let before = reading(&[(1, 1000, 9000)]);
        let spent = reading(&[(7, 3, 90)]).since(&before);
        assert_eq!((spent.runs, spent.time_ns), (3, 90));
    }
}
