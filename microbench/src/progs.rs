// SPDX-License-Identifier: GPL-2.0-only
//! How often and how long BPF programs ran, by the kernel's own statistics.
//!
//! The kernel counts what it enters through a trampoline or a program run: struct_ops callbacks,
//! tracepoints, syscall programs. A BPF timer's callback is called directly and is *not* counted;
//! its cost is in the scheduler's own counters.

use std::collections::BTreeMap;
use std::fmt;
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    StructOps,
    /// Anything else: tracepoints, syscall programs.
    Other,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    pub(crate) runs: u64,
    pub(crate) time_ns: u64,
}

#[derive(Clone, Debug, PartialEq)]
struct Program {
    name: String,
    kind: Kind,
    spent: Spent,
}

/// All loaded programs at one time, by their kernel id: an old scheduler's callbacks may have the
/// names of a new one's.
#[derive(Clone, PartialEq)]
pub(crate) struct Reading {
    programs: BTreeMap<u32, Program>,
}

impl Reading {
    /// Reads them now; needs root.
    pub(crate) fn now() -> Self {
        let programs = ProgInfoIter::default().map(|info| {
            let program = Program {
                name: info.name.to_string_lossy().into_owned(),
                kind: match info.ty {
                    ProgramType::StructOps => Kind::StructOps,
                    _ => Kind::Other,
                },
                spent: Spent {
                    runs: info.run_cnt,
                    time_ns: info.run_time_ns,
                },
            };
            (info.id, program)
        });
        Self {
            programs: programs.collect(),
        }
    }

    /// What ran since an earlier reading, by name (the kernel keeps 15 characters of it). A
    /// program that has come since counts from its beginning; of one that has gone nothing is
    /// known.
    pub(crate) fn since(&self, earlier: &Self, kind: Kind) -> BTreeMap<String, Spent> {
        let mut spent: BTreeMap<String, Spent> = BTreeMap::new();
        let wanted = self.programs.iter().filter(|(_, now)| now.kind == kind);
        for (id, now) in wanted {
            let before = earlier.programs.get(id).map(|program| program.spent);
            let before = before.unwrap_or_default();
            let sum = spent.entry(now.name.clone()).or_default();
            sum.runs += now.spent.runs.saturating_sub(before.runs);
            sum.time_ns += now.spent.time_ns.saturating_sub(before.time_ns);
        }
        spent
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_map().entries(&self.programs).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(rows: &[(u32, &str, Kind, u64, u64)]) -> Reading {
        let programs = rows.iter().map(|&(id, name, kind, runs, time_ns)| {
            let program = Program {
                name: name.into(),
                kind,
                spent: Spent { runs, time_ns },
            };
            (id, program)
        });
        Reading {
            programs: programs.collect(),
        }
    }

    #[test]
    fn only_what_ran_in_between_counts() {
        let before = reading(&[
            (1, "meta_enqueue", Kind::StructOps, 10, 4000),
            (2, "meta_tp", Kind::Other, 3, 30),
        ]);
        let after = reading(&[
            (1, "meta_enqueue", Kind::StructOps, 14, 6000),
            (2, "meta_tp", Kind::Other, 5, 80),
        ]);
        let callbacks = after.since(&before, Kind::StructOps);
        assert_eq!(callbacks.len(), 1);
        let enqueue = callbacks["meta_enqueue"];
        assert_eq!(
            enqueue,
            Spent {
                runs: 4,
                time_ns: 2000
            }
        );
        assert_eq!(after.since(&before, Kind::Other)["meta_tp"].runs, 2);
    }

    #[test]
    fn a_successor_of_the_same_name_is_not_taken_for_the_old_one() {
        let before = reading(&[(1, "meta_enqueue", Kind::StructOps, 1000, 9000)]);
        let after = reading(&[(7, "meta_enqueue", Kind::StructOps, 3, 90)]);
        let callbacks = after.since(&before, Kind::StructOps);
        assert_eq!(
            callbacks["meta_enqueue"],
            Spent {
                runs: 3,
                time_ns: 90
            }
        );
    }
}
