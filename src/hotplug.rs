// SPDX-License-Identifier: GPL-2.0-only
//! What CPUs share, kept true while they come and go. The program itself follows
//! each event; what a CPU shares that was never online before, only sysfs knows.

use std::fs;

use anyhow::{Context, Result};
use libbpf_rs::ProgramInput;

use crate::bpf::{abi, BpfSkel};
use crate::cpus;
use crate::domains::Domains;
use crate::machine::Machine;

const SEQ: &str = "/sys/kernel/sched_ext/hotplug_seq";

/// Follows the program's count of CPUs that came or went.
pub(crate) struct Hotplug {
    domains: Domains,
    seen: u64,
}

impl Hotplug {
    /// `domains`: those that the program was loaded with.
    pub(crate) fn new(domains: Domains) -> Self {
        Self { domains, seen: 0 }
    }

    /// After an event, tells the program what the CPUs share now. Where sysfs cannot say, which may
    /// be because the next CPU is on its way, it is asked at the next call again.
    pub(crate) fn follow(&mut self, machine: &Machine, skel: &mut BpfSkel<'_>) -> Result<()> {
        let shared = skel.maps.bss_data.as_mut().context("no bss")?;
        let events = shared.hotplug_events;
        if events == self.seen {
            return Ok(());
        }
        let (Ok(domains), Ok(partners)) = (Domains::read(), partners(machine)) else {
            return Ok(());
        };
        self.domains.extend(&domains);
        shared.pair_partner = partners;
        shared.domain_of_cpu = self.domains.of_cpu();
        let done = skel.progs.meta_topology.test_run(ProgramInput::default());
        done.context("running meta_topology")?;
        self.seen = events;
        log::debug!("CPUs came or went: the policies know what they share");
        Ok(())
    }
}

/// The count of CPUs that came or went since boot; None where the kernel does not say.
pub(crate) fn events() -> Option<u64> {
    fs::read_to_string(SEQ).ok()?.trim().parse().ok()
}

/// The variable `pair_partner`, by who is online now.
pub(crate) fn partners(
    machine: &Machine,
) -> Result<[i32; abi::meta_limits_META_MAX_CPUS as usize]> {
    cpus::partners(&machine.cpu_list("online")?, |cpu| {
        machine.cpu_list(&format!("cpu{cpu}/topology/thread_siblings_list"))
    })
}
