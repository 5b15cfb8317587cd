// SPDX-License-Identifier: GPL-2.0-only
//! One BPF program from open to detach: open, fill, load, attach, detach.
//!
//! Nothing replaces a loaded program in place: the kernel has room for one. So a replacement can be
//! loaded beforehand, but is attached only when the old one has been detached.

use std::mem::MaybeUninit;

use anyhow::{bail, ensure, Context, Result};
use libbpf_rs::{libbpf_sys, AsRawLibbpf, OpenObject};
use nix::unistd::{sysconf, SysconfVar};
use scx_utils::{compat, scx_ops_attach, scx_ops_load, scx_ops_open};

use super::exit::{Cause, Exit};
use super::fill::Host;
use super::holder::Holder;
use super::plan::Plan;
use super::{exit, fill};
use crate::bpf::{abi, BpfSkel, BpfSkelBuilder, OpenBpfSkel};
use crate::domains::Domains;
use crate::halves::Halves;
use crate::hotplug::Hotplug;
use crate::live::{Knobs, Live};
use crate::machine::Machine;
use crate::reward::{Listener, Reward};
use crate::{hotplug, Error};

/// A program that is loaded and verified, its maps filled, but not in charge: all that can be done
/// before a replacement begins.
pub struct Standby<'obj> {
    listener: Option<Listener>,
    live: Live,
    halves: Halves,
    hotplug: Hotplug,
    skel: BpfSkel<'obj>,
    /// As it was when the program was opened; the kernel refuses it once that has changed.
    hotplug_seq: u64,
}

/// How an attach ended: in charge, or ended by the kernel before anybody was told that it began.
type Attached<'obj> = std::result::Result<Running<'obj>, Exit>;

impl<'obj> Standby<'obj> {
    /// Open, load, and fill the maps with `knobs`. Nothing is pinned.
    pub(crate) fn load(
        plan: &Plan,
        knobs: &Knobs,
        machine: &Machine,
        object: &'obj mut MaybeUninit<OpenObject>,
    ) -> Result<Self> {
        let domains = Domains::detect();
        let (skel, hotplug_seq) = load(plan, machine, &domains, object)?;
        let live = Live::of_skeleton(&skel)?;
        live.fill(&plan.policies, knobs)?;
        let halves = Halves::new(&plan.policies, &domains, plan.tunables.slice, &skel)?;
        let hotplug = Hotplug::new(domains);
        let heard = plan
            .auto
            .as_ref()
            .and_then(|auto| Some((auto.reward.as_ref()?, auto.turn)));
        let listener = heard.map(|(reward, turn)| reward.listen(&skel, turn));
        Ok(Self {
            listener: listener.transpose()?,
            live,
            halves,
            hotplug,
            skel,
            hotplug_seq,
        })
    }

    /// Its maps; they outlive it.
    pub(super) fn maps(&self) -> Result<Live> {
        Live::of_skeleton(&self.skel)
    }

    /// Whether CPUs came or went since it was opened. The kernel would enable it for every task
    /// before it refuses it for that.
    pub(super) fn is_outdated(&self) -> bool {
        hotplug::events().is_some_and(|seq| seq != self.hotplug_seq)
    }

    /// Puts it in charge; returns once every task is under it.
    ///
    /// Fails with [`Error::Refused`] if the kernel does not take it.
    pub fn attach(self) -> Result<Running<'obj>> {
        match self.try_attach()? {
            Ok(running) => Ok(running),
            Err(exit) => bail!(Error::Refused(exit.why())),
        }
    }

    /// The same; a refusal with its reason is no error.
    pub(super) fn try_attach(mut self) -> Result<Attached<'obj>> {
        let link = scx_ops_attach!(self.skel, meta_ops)?;
        let running = Running {
            link: Some(Holder::of(link)),
            _listener: self.listener,
            live: self.live,
            halves: self.halves,
            hotplug: self.hotplug,
            skel: self.skel,
        };
        // A failed enable may return 0 and tell only through ops.exit.
        if running.has_ended() {
            return Ok(Err(running.finish()));
        }
        Ok(Ok(running))
    }
}

/// An attached program. Dropping it detaches first, then frees.
pub struct Running<'obj> {
    link: Option<Holder>,
    _listener: Option<Listener>,
    live: Live,
    halves: Halves,
    hotplug: Hotplug,
    skel: BpfSkel<'obj>,
}

impl Running<'_> {
    /// Its maps.
    pub fn live(&self) -> &Live {
        &self.live
    }

    /// Whether the kernel has ended it.
    pub(super) fn has_ended(&self) -> bool {
        exit::has_ended(&self.skel)
    }

    /// Starts and ends the policies' threads as the live weights and the pin say, and tells the
    /// program what CPUs share that came or went.
    pub(super) fn follow(&mut self, machine: &Machine) -> Result<()> {
        self.halves.follow(&self.live)?;
        let followed = self.hotplug.follow(machine, &mut self.skel);
        followed.context("what the CPUs share is as it was")
    }

    /// Detaches and frees nothing: what a replacement must wait for, and no more.
    pub fn detach(&mut self) {
        drop(self.link.take());
    }

    /// Why the kernel has ended it, if it has.
    pub(super) fn exit(&self) -> Exit {
        Exit::of(&self.skel)
    }

    /// Detaches and frees it; why it had ended, if it had.
    pub(super) fn finish(mut self) -> Exit {
        self.halves.stop();
        self.detach();
        self.exit()
    }

    /// Detaches and frees it; why the kernel had ended it, if it had.
    ///
    /// Fails with [`Error::Ejected`] if that was a fault.
    pub fn end(self) -> Result<Option<String>> {
        let exit = self.finish();
        ensure!(exit.cause() != Cause::Fault, Error::Ejected(exit.why()));
        Ok((exit.cause() != Cause::None).then(|| exit.why()))
    }
}

/// Open, fill, load; and which CPU event was the last one before.
fn load<'obj>(
    plan: &Plan,
    machine: &Machine,
    domains: &Domains,
    object: &'obj mut MaybeUninit<OpenObject>,
) -> Result<(BpfSkel<'obj>, u64)> {
    let builder = BpfSkelBuilder::default();
    let no_options = None::<libbpf_sys::bpf_object_open_opts>;
    let mut skel = scx_ops_open!(builder, object, meta_ops, no_options)?;
    let hotplug_seq = skel.struct_ops.meta_ops().hotplug_seq;
    fill_variables(&mut skel, plan, machine, domains)?;
    fill_ops(&mut skel, plan)?;
    if !plan.run.record_turns {
        skel.maps.turns.set_max_entries(1)?;
    }
    if !plan.uses(abi::meta_policy_META_RUSTLAND) {
        let page = page_size()?;
        skel.maps.rustland_up.set_max_entries(page)?;
        skel.maps.rustland_down.set_max_entries(page)?;
    }
    let listed = domains.count() * abi::meta_limits_META_RUSTY_RECENT;
    skel.maps.rusty_recent.set_max_entries(listed)?;
    Reward::prepare(plan.reward(), &mut skel);
    leave_ops_to_us(&mut skel);
    let skel = scx_ops_load!(skel, meta_ops, uei)?;
    Ok((skel, hotplug_seq))
}

fn fill_variables(
    skel: &mut OpenBpfSkel<'_>,
    plan: &Plan,
    machine: &Machine,
    domains: &Domains,
) -> Result<()> {
    let rodata = skel.maps.rodata_data.as_mut();
    let rodata = rodata.context("the BPF object has no rodata")?;
    fill::rodata(rodata, plan, &Host::of(machine, domains)?)?;
    let shared = skel.maps.bss_data.as_mut();
    let shared = shared.context("the BPF object has no bss")?;
    shared.pair_partner = hotplug::partners(machine)?;
    shared.domain_of_cpu = domains.of_cpu();
    Ok(())
}

/// The smallest that a ring buffer can be.
fn page_size() -> Result<u32> {
    let size = sysconf(SysconfVar::PAGE_SIZE)?.context("no page size")?;
    Ok(u32::try_from(size)?)
}

/// libbpf does not load the program of an op that is null.
fn fill_ops(skel: &mut OpenBpfSkel<'_>, plan: &Plan) -> Result<()> {
    let ops = skel.struct_ops.meta_ops_mut();
    ops.timeout_ms = plan.run.watchdog.ms();
    if !plan.needs_tick() {
        ops.tick = std::ptr::null_mut();
    }
    // From 6.19 on the program gives tasks back by itself, and the op is deprecated.
    if compat::ksym_exists("scx_bpf_reenqueue_local___v2")? {
        ops.cpu_release = std::ptr::null_mut();
    }
    if !plan.needs_cgroup() {
        ops.cgroup_init = std::ptr::null_mut();
        ops.cgroup_exit = std::ptr::null_mut();
        ops.cgroup_move = std::ptr::null_mut();
    }
    if !plan.honours_weights() {
        ops.cgroup_set_weight = std::ptr::null_mut();
    }
    // Since 7.0; before, the program looks by itself.
    if !plan.honours_weights() || !compat::struct_has_field("sched_ext_ops", "cgroup_set_idle")? {
        ops.cgroup_set_idle = std::ptr::null_mut();
    }
    if plan.run.partial {
        let flag = *compat::SCX_OPS_SWITCH_PARTIAL;
        ensure!(flag != 0, "--partial: this kernel does not know it");
        ops.flags |= flag;
    }
    Ok(())
}

/// The generated skeleton has no place for the link of a struct_ops map, and
/// libbpf warns about that at each start; scx_ops_attach keeps the link.
fn leave_ops_to_us(skel: &mut OpenBpfSkel<'_>) {
    let map = skel.maps.meta_ops.as_libbpf_object();
    // SAFETY: the map belongs to the open object that `skel` borrows.
    let ret = unsafe { libbpf_sys::bpf_map__set_autoattach(map.as_ptr(), false) };
    debug_assert_eq!(ret, 0, "a struct_ops map takes autoattach");
}
