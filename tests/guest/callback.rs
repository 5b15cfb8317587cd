// SPDX-License-Identifier: GPL-2.0-only
//! What a callback of the program costs on average, by the kernel's own run statistics.

use std::fs;

use libbpf_rs::query::ProgInfoIter;

const SWITCH: &str = "/proc/sys/kernel/bpf_stats_enabled";

/// While this lives the kernel counts runs and their time.
pub struct Counting(());

impl Counting {
    pub fn begin() -> Self {
        fs::write(SWITCH, "1").unwrap();
        Self(())
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        let _ = fs::write(SWITCH, "0");
    }
}

/// Runs of a program since it was loaded, and the time they took.
fn runs(name: &str) -> (u64, u64) {
    let mut named = ProgInfoIter::default().filter(|info| info.name.to_string_lossy() == name);
    let info = named.next().unwrap_or_else(|| panic!("no program {name}"));
    (info.run_cnt, info.run_time_ns)
}

/// The mean of the runs during `work`; the kernel cuts names after 15 characters.
pub fn mean_ns(name: &str, work: impl FnOnce()) -> u64 {
    let _counting = Counting::begin();
    let (runs_before, ns_before) = runs(name);
    work();
    let (runs, ns) = runs(name);
    (ns - ns_before) / (runs - runs_before).max(1)
}
