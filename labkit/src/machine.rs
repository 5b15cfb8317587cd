// SPDX-License-Identifier: GPL-2.0-only
//! The machine under a run: kernel, virtualisation, CPUs and how busy they are.

use std::process::Command;
use std::time::SystemTime;
use std::{env, fs, thread};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::clock::Clock;

/// How `cargo xtask vm` names an emulated guest's accelerator.
const EMULATED: &str = "tcg";

/// Where a run takes place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Kernel release.
    pub kernel: String,
    /// `kvm`, `tcg`, or words for a machine that is not virtual.
    pub accel: String,
    /// CPUs that this process may use.
    pub cpus: usize,
    /// What makes time pass (`cargo xtask vm --clock`).
    pub clock: Clock,
}

impl Machine {
    /// Looks at this machine.
    pub fn here() -> Result<Self> {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")
            .context("cannot read the kernel's release")?;
        let cpus = thread::available_parallelism().context("cannot count the CPUs")?;
        Ok(Self {
            kernel: kernel.trim().to_owned(),
            accel: accel(),
            cpus: cpus.get(),
            clock: clock()?,
        })
    }

    /// Whether software plays the processor: then no time is that of a real machine.
    pub fn is_emulated(&self) -> bool {
        self.accel == EMULATED
    }
}

/// Now, UTC, RFC 3339, to the second. A reproducible guest's clock always begins at the same time,
/// so `cargo xtask bench` says in LAB_DATE when it was really started.
pub fn date() -> String {
    let now = || humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    env::var("LAB_DATE").unwrap_or_else(|_| now())
}

/// What makes time pass here: `cargo xtask vm` says so in LAB_CLOCK.
fn clock() -> Result<Clock> {
    match env::var("LAB_CLOCK") {
        Ok(name) => name.parse().context("LAB_CLOCK"),
        Err(_) => Ok(Clock::Host),
    }
}

/// What runs this guest: `cargo xtask vm` says so in LAB_ACCEL; elsewhere systemd can tell.
fn accel() -> String {
    if let Ok(accel) = env::var("LAB_ACCEL") {
        return accel;
    }
    let detected = Command::new("systemd-detect-virt").arg("--vm").output();
    let detected = detected.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    match detected.as_deref().map(str::trim) {
        // systemd's name for QEMU without KVM.
        Ok("qemu") => EMULATED.into(),
        Ok("none") => "none (this machine)".into(),
        Ok(name) if !name.is_empty() => name.into(),
        _ if says_hypervisor() => "unknown hypervisor".into(),
        _ => "none (this machine)".into(),
    }
}

/// The CPU flag that every x86 hypervisor sets.
fn says_hypervisor() -> bool {
    fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| text.contains(" hypervisor"))
}

/// Time that all CPUs together spent since boot, in ticks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CpuTime {
    idle: u64,
    all: u64,
}

impl CpuTime {
    /// Reads the clocks now.
    pub fn read() -> Result<Self> {
        let stat = fs::read_to_string("/proc/stat").context("cannot read /proc/stat")?;
        Self::parse(&stat).context("/proc/stat does not start with the time of all CPUs")
    }

    /// `cpu  user nice system idle iowait irq softirq steal guest guest_nice`; the last two are
    /// part of user and nice.
    fn parse(stat: &str) -> Option<Self> {
        let times = stat.lines().next()?.strip_prefix("cpu ")?;
        let times: Vec<u64> = times
            .split_whitespace()
            .take(8)
            .map(|field| field.parse().ok())
            .collect::<Option<_>>()?;
        Some(Self {
            idle: times.get(3)? + times.get(4)?,
            all: times.iter().sum(),
        })
    }

    /// The fraction of the time since `earlier` in which CPUs were busy.
    pub fn busy_since(self, earlier: Self) -> f64 {
        let all = self.all.saturating_sub(earlier.all).max(1);
        let idle = self.idle.saturating_sub(earlier.idle);
        1.0 - idle as f64 / all as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_and_waiting_for_disks_are_not_busy() {
        let earlier = CpuTime::parse("cpu  100 0 0 50 50 0 0 0 0 0\ncpu0 1").unwrap();
        let later = CpuTime::parse("cpu  170 5 10 60 55 0 0 0 70 0").unwrap();
        assert_eq!(later.busy_since(earlier), 0.85);
        assert_eq!(CpuTime::parse("intr 1 2"), None);
    }

    #[test]
    fn this_machine_can_be_described() {
        let machine = Machine::here().unwrap();
        assert!(machine.cpus > 0 && !machine.accel.is_empty());
        CpuTime::read().unwrap();
    }
}
