// SPDX-License-Identifier: GPL-2.0-only
//! From the options and the machine to the variables of the program that are fixed when it is loaded.

use anyhow::Result;

use super::plan::Plan;
use crate::auto::Auto;
use crate::bpf::{abi, types};
use crate::cpus;
use crate::domains::Domains;
use crate::machine::Machine;
use crate::tunables::{Handover, Steal};

/// What the program is told of the machine.
pub(super) struct Host<'a> {
    online: Vec<u32>,
    possible: Vec<u32>,
    nohz_full: Vec<u32>,
    /// The kernel notes when a task was queued (CONFIG_SCHEDSTATS).
    stamps_waits: bool,
    domains: &'a Domains,
}

impl<'a> Host<'a> {
    pub(super) fn of(machine: &Machine, domains: &'a Domains) -> Result<Self> {
        Ok(Self {
            online: machine.cpu_list("online")?,
            possible: machine.cpu_list("possible")?,
            nohz_full: machine.cpu_list("nohz_full")?,
            stamps_waits: machine.exists("/proc/schedstat"),
            domains,
        })
    }
}

pub(super) fn rodata(rodata: &mut types::rodata, plan: &Plan, host: &Host<'_>) -> Result<()> {
    rodata.nr_cpu_ids = cpus::nr_cpu_ids(&host.possible)?;
    rodata.nohz_full = cpus::bitmap(&host.nohz_full);
    rodata.nr_domains = host.domains.count();
    rodata.node_of_domain = host.domains.nodes();

    rodata.available = plan.policies.bits();
    rodata.counting = !plan.run.no_stats;
    // Who counts waits at a wake-up has the kernel's own stamps, where it makes some.
    let stamping = plan.signals() && !host.stamps_waits;
    rodata.measure_waits = stamping || plan.run.report_every().is_some();
    rodata.signals_stamping = stamping;
    rodata.signals_histogram = plan.run.signals;
    rodata.record_turns = plan.run.record_turns;
    rodata.signalling = plan.signals();
    if let Some(auto) = &plan.auto {
        fill_auto(rodata, auto);
    }

    let tunables = &plan.tunables;
    rodata.slice_ns = tunables.slice.ns();
    rodata.handover = match tunables.handover {
        Handover::Drain => abi::meta_handover_META_HANDOVER_DRAIN,
        Handover::Adopt => abi::meta_handover_META_HANDOVER_ADOPT,
    };
    rodata.central_cpu = central_cpu(plan, &host.online) as i32;
    rodata.rusty_across = tunables.rusty_steal == Steal::Machine;
    rodata.eevdf_base_slice_ns = match tunables.eevdf_base_slice {
        Some(slice) => slice.ns(),
        None => cpus::base_slice(host.online.len()).as_nanos() as u64,
    };
    rodata.bpfland_slice_ns = tunables.bpfland_slice.ns();
    rodata.bpfland_lag_ns = tunables.bpfland_lag.ns();
    rodata.bpfland_sticky = tunables.bpfland_sticky;
    rodata.cosmos_slice_ns = tunables.cosmos_slice.ns();
    rodata.cosmos_busy_percent = tunables.cosmos_busy_percent;

    #[cfg(feature = "guest-tests")]
    crate::faults::fill(rodata)?;
    Ok(())
}

fn fill_auto(rodata: &mut types::rodata, auto: &Auto) {
    for (arm, policy) in rodata.auto_policies.iter_mut().zip(auto.arms.iter()) {
        *arm = policy.id();
    }
    rodata.auto_signals = auto.signals();
    rodata.auto_share = auto.explore.permille();
    rodata.signals_turn_ns = auto.turn.as_nanos() as u64;
}

/// At a start the wanted CPU is online; a restart may find that it went away.
fn central_cpu(plan: &Plan, online: &[u32]) -> u32 {
    let wanted = plan.tunables.central_cpu;
    match online.first() {
        Some(first) if plan.uses_central_cpu() && !online.contains(&wanted) => {
            log::info!("CPU {wanted} is offline: central decides on CPU {first}");
            *first
        }
        _ => wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loader::Loader;
    use crate::tunables::Tunables;

    /// On a machine of four CPUs, of which number 1 is offline and number 3 has no tick.
    fn filled(loader: &Loader) -> types::rodata {
        // SAFETY: it is made of integers and of booleans, which may be zero.
        let mut filled = unsafe { std::mem::zeroed() };
        let host = Host {
            online: vec![0, 2, 3],
            possible: vec![0, 1, 2, 3],
            nohz_full: vec![3],
            stamps_waits: false,
            domains: &Domains::of(&[(0, &[0, 2]), (1, &[3])]),
        };
        rodata(&mut filled, &loader.plan().unwrap(), &host).unwrap();
        filled
    }

    #[test]
    fn each_tunable_reaches_its_variable_in_the_programs_unit() {
        let filled = filled(&Loader::new().tunables(Tunables {
            slice: "101".parse().unwrap(),
            handover: Handover::Drain,
            central_cpu: 2,
            rusty_steal: Steal::Machine,
            eevdf_base_slice: Some("102".parse().unwrap()),
            bpfland_slice: "103".parse().unwrap(),
            bpfland_lag: "104".parse().unwrap(),
            bpfland_sticky: true,
            cosmos_slice: "105".parse().unwrap(),
            cosmos_busy_percent: 75,
        }));
        assert_eq!(filled.slice_ns, 101_000);
        assert_eq!(filled.handover, abi::meta_handover_META_HANDOVER_DRAIN);
        assert_eq!(filled.central_cpu, 2);
        assert!(filled.rusty_across);
        assert_eq!(filled.eevdf_base_slice_ns, 102_000);
        assert_eq!(filled.bpfland_slice_ns, 103_000);
        assert_eq!(filled.bpfland_lag_ns, 104_000);
        assert!(filled.bpfland_sticky);
        assert_eq!(filled.cosmos_slice_ns, 105_000);
        assert_eq!(filled.cosmos_busy_percent, 75);
    }

    #[test]
    fn who_chooses_has_its_terms_and_stamps_of_its_own_where_the_kernel_has_none() {
        let auto = Auto {
            arms: "fifo,eevdf".parse().unwrap(),
            goal: crate::auto::Goal::Latency,
            explore: "7.5".parse().unwrap(),
            turn: std::time::Duration::from_millis(50),
            reward: None,
        };
        let filled = filled(&Loader::new().auto(auto));
        let ids = [
            abi::meta_policy_META_FIFO,
            abi::meta_policy_META_EEVDF,
            0,
            0,
        ];
        assert_eq!(filled.auto_policies, ids);
        assert_eq!(filled.auto_signals, [128, 64, 256, 0]);
        assert_eq!(
            (filled.auto_share, filled.signals_turn_ns),
            (75, 50_000_000)
        );
        assert!(filled.signalling && filled.signals_stamping && filled.measure_waits);
        assert!(!filled.signals_histogram);
    }

    #[test]
    fn defaults_follow_the_machine_and_what_runs() {
        let filled = filled(&Loader::new());
        assert_eq!(filled.slice_ns, 20_000_000);
        assert_eq!(filled.handover, abi::meta_handover_META_HANDOVER_ADOPT);
        assert!(!filled.rusty_across && !filled.bpfland_sticky);
        assert_eq!(filled.eevdf_base_slice_ns, 1_400_000, "three CPUs");
        assert_eq!(filled.bpfland_slice_ns, 1_000_000);
        assert_eq!(filled.bpfland_lag_ns, 40_000_000);
        assert_eq!(filled.cosmos_slice_ns, 1_000_000);
        assert!(filled.counting && !filled.measure_waits && !filled.record_turns);

        assert_eq!(filled.nr_cpu_ids, 4);
        assert_eq!(filled.nohz_full[0], 1 << 3);
        assert_eq!(filled.nr_domains, 2);
        assert_eq!(filled.node_of_domain[..2], [0, 1]);
    }

    #[test]
    fn only_what_was_asked_for_is_loaded_and_recorded() {
        let central: crate::policy::Policy = "central".parse().unwrap();
        let loader = Loader::new().policies([central]).record_turns(true);
        let on_cpu_1 = Tunables {
            central_cpu: 1,
            ..Tunables::default()
        };
        let filled = filled(&loader.tunables(on_cpu_1));
        assert_eq!(filled.available, central.bit());
        assert!(filled.record_turns);
        assert_eq!(filled.central_cpu, 0, "CPU 1 is offline");
    }
}
