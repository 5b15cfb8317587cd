// SPDX-License-Identifier: GPL-2.0-only
//! The live interface: the pinned maps of the running program, what people
//! write to them and what they read.

use std::ffi::CString;
use std::io;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

use anyhow::anyhow;
use anyhow::bail;
use anyhow::ensure;
use anyhow::Context;
use anyhow::Result;
use libbpf_rs::libbpf_sys;
use libbpf_rs::MapCore;
use libbpf_rs::MapFlags;
use libbpf_rs::MapHandle;
use libbpf_rs::Program;

use crate::bpf::abi;
use crate::bpf::BpfSkel;
use crate::pins;
use crate::policy::join;
use crate::policy::Policy;
use crate::preflight::Machine;
use crate::stats;
use crate::weights::Assignment;
use crate::weights::PolicyList;
use crate::weights::Weights;

pub use crate::pins::PinDir;
pub use crate::pins::PIN_DIR;

/// Key of the maps with one value.
const ONLY_KEY: [u8; 4] = [0; 4];

/// What a restart carries over: everything a person can set.
#[derive(Clone, Debug)]
pub struct Knobs {
    /// Weights of the available policies.
    pub weights: Weights,
    /// Length of a whole rotation.
    pub period_us: u32,
    /// The policy that is held, if any.
    pub pin: Option<Policy>,
}

/// The maps of a loaded program.
pub struct Live {
    weights: MapHandle,
    period_us: MapHandle,
    pinned: MapHandle,
    status: MapHandle,
    stats: MapHandle,
    turns: MapHandle,
    apply: OwnedFd,
}

impl Live {
    /// What people set, as it stands in the maps: also of a program that never ran, whose status
    /// does not name its policies.
    pub(crate) fn knobs_of(&self, policies: &PolicyList) -> Result<Knobs> {
        let weight = |policy| Ok((policy, self.weight(policy)?));
        let weights: Result<Vec<_>> = policies.iter().map(weight).collect();
        Ok(Knobs {
            weights: Weights::new(weights?),
            period_us: self.period_us()?,
            pin: self.pin()?.filter(|policy| policies.contains(*policy)),
        })
    }

    /// The maps of the program this process loaded.
    pub(crate) fn of_skeleton(skel: &BpfSkel<'_>) -> Result<Self> {
        Ok(Self {
            weights: MapHandle::try_from(&skel.maps.weights)?,
            period_us: MapHandle::try_from(&skel.maps.period_us)?,
            pinned: MapHandle::try_from(&skel.maps.pinned)?,
            status: MapHandle::try_from(&skel.maps.status)?,
            stats: MapHandle::try_from(&skel.maps.stats)?,
            turns: MapHandle::try_from(&skel.maps.turns)?,
            apply: skel.progs.meta_apply.as_fd().try_clone_to_owned()?,
        })
    }

    /// The maps of a running loader, from their pins.
    pub fn open(machine: &Machine) -> Result<Self> {
        let loaded = machine.meta_is_loaded();
        let Some(dir) = pins::open()? else {
            ensure!(
                !loaded,
                "scx_meta runs, but {PIN_DIR} is gone: {}",
                machine.how_to_restart()
            );
            bail!("not running: there is no {PIN_DIR}");
        };
        if !loaded {
            match pins::holder(&dir) {
                Some(_) => bail!("the loader is still starting or just stopping; try again"),
                None => bail!("not running: {PIN_DIR} was left by a loader that died"),
            }
        }
        let missing = |name| {
            move || {
                let restart = machine.how_to_restart();
                format!("scx_meta runs, but {PIN_DIR}/{name} cannot be opened: {restart}")
            }
        };
        let map = |name| MapHandle::from_pinned_path(pins::path(name)).with_context(missing(name));
        Ok(Self {
            weights: map("weights")?,
            period_us: map("period_us")?,
            pinned: map("pinned")?,
            status: map("status")?,
            stats: map("stats")?,
            turns: map("turns")?,
            apply: Program::fd_from_pinned_path(pins::path(pins::APPLY))
                .with_context(missing(pins::APPLY))?,
        })
    }

    /// Puts the starting values in.
    pub fn fill(&self, policies: &PolicyList, knobs: &Knobs) -> Result<()> {
        for policy in policies.iter() {
            self.set_weight(policy, knobs.weights.get(policy))?;
        }
        self.set_period_us(knobs.period_us)?;
        self.set_pin(knobs.pin)
    }

    /// A policy's weight; a key that somebody deleted counts as 0.
    fn weight(&self, policy: Policy) -> Result<u32> {
        self.weights
            .lookup(&policy.id().to_ne_bytes(), MapFlags::ANY)?
            .map_or(Ok(0), |bytes| read_u32(&bytes))
    }

    /// The weights of the policies that the running loader has.
    pub fn weights(&self) -> Result<Vec<(Policy, u32)>> {
        let available = self.status()?.available;
        Policy::all()
            .filter(|policy| available & policy.bit() != 0)
            .map(|policy| Ok((policy, self.weight(policy)?)))
            .collect()
    }

    /// Writes one weight.
    pub fn set_weight(&self, policy: Policy, weight: u32) -> Result<()> {
        self.weights
            .update(
                &policy.id().to_ne_bytes(),
                &weight.to_ne_bytes(),
                MapFlags::ANY,
            )
            .with_context(|| format!("writing the weight of {policy}"))
    }

    /// Whether a policy is or can be in charge, as the maps stand.
    pub fn takes_turns(&self, policy: Policy) -> Result<bool> {
        let status = self.status()?;
        if status.active == policy.id() {
            return Ok(true);
        }
        // The program does not obey a pin of what it has not.
        Ok(match self.pin()? {
            Some(pin) if status.available & pin.bit() != 0 => pin == policy,
            _ => self.weight(policy)? > 0,
        })
    }

    /// Length of a whole rotation.
    pub fn period_us(&self) -> Result<u32> {
        read_u32(&only_value(&self.period_us)?)
    }

    /// Writes the length of a whole rotation.
    pub fn set_period_us(&self, period_us: u32) -> Result<()> {
        self.period_us
            .update(&ONLY_KEY, &period_us.to_ne_bytes(), MapFlags::ANY)
            .context("writing the period")
    }

    /// The policy that is held, if any.
    pub fn pin(&self) -> Result<Option<Policy>> {
        Ok(Policy::from_id(read_u32(&only_value(&self.pinned)?)?))
    }

    /// Holds a policy, or lets the rotation go on.
    pub fn set_pin(&self, policy: Option<Policy>) -> Result<()> {
        self.pinned
            .update(&ONLY_KEY, &pin_value(policy).to_ne_bytes(), MapFlags::ANY)
            .context("writing the pin")
    }

    /// What the program says about itself.
    pub fn status(&self) -> Result<abi::meta_status> {
        stats::from_bytes(&only_value(&self.status)?)
    }

    /// The counters of an `enum meta_policy`, joined over all CPUs.
    pub fn counters(&self, id: u32) -> Result<abi::meta_stats> {
        let values = self
            .stats
            .lookup_percpu(&id.to_ne_bytes(), MapFlags::ANY)?
            .ok_or_else(|| anyhow!("the map stats has no entry {id}"))?;
        stats::fold(&values)
    }

    /// Each CPU's copies of the map `turns`, by slot; empty without
    /// --record-turns.
    pub(crate) fn turn_copies(&self) -> Result<Vec<Vec<abi::meta_turn>>> {
        if self.turns.max_entries() == 1 {
            return Ok(Vec::new());
        }
        (0..self.turns.max_entries())
            .map(|slot| {
                let copies = self
                    .turns
                    .lookup_percpu(&slot.to_ne_bytes(), MapFlags::ANY)?
                    .ok_or_else(|| anyhow!("the map turns has no entry {slot}"))?;
                copies
                    .iter()
                    .map(|bytes| stats::from_bytes(bytes))
                    .collect()
            })
            .collect()
    }

    /// Everything a restart carries over.
    pub fn knobs(&self) -> Result<Knobs> {
        Ok(Knobs {
            weights: Weights::new(self.weights()?),
            period_us: self.period_us()?,
            pin: self.pin()?,
        })
    }

    /// Makes the program look at the maps at once.
    pub fn apply(&self) -> Result<()> {
        let mut opts = libbpf_sys::bpf_test_run_opts {
            sz: size_of::<libbpf_sys::bpf_test_run_opts>() as _,
            ..Default::default()
        };
        // SAFETY: the descriptor is open and a zeroed context is a valid one.
        let ret = unsafe { libbpf_sys::bpf_prog_test_run_opts(self.apply.as_raw_fd(), &mut opts) };
        if ret < 0 {
            return Err(io::Error::from_raw_os_error(-ret)).context("running meta_apply");
        }
        let retval = opts.retval as i32;
        ensure!(retval == 0, "meta_apply returned {retval}");
        Ok(())
    }

    /// The weight of a policy that the running loader has.
    fn require(&self, policy: Policy) -> Result<u32> {
        let weights = self.weights()?;
        match weights.iter().find(|(available, _)| *available == policy) {
            Some((_, weight)) => Ok(*weight),
            None => bail!(
                "the running scx_meta does not have `{policy}`, only {} (--policies)",
                join(weights.into_iter().map(|(policy, _)| policy))
            ),
        }
    }
}

/// `scx_meta set`: raises before it lowers, so that the rotation never runs
/// dry between two writes; prints each change and the bpftool line for it.
pub fn set(live: &Live, items: &[Assignment], out: &mut impl Write) -> Result<()> {
    let mut changes = Vec::new();
    for item in items {
        changes.push(match *item {
            Assignment::Weight(policy, new) => (*item, live.require(policy)?, new),
            Assignment::PeriodUs(new) => (*item, live.period_us()?, new),
        });
    }
    changes.sort_by_key(|(_, old, new)| new < old);
    for (item, old, new) in changes {
        match item {
            Assignment::Weight(policy, _) => {
                live.set_weight(policy, new)?;
                writeln!(out, "# {policy}: weight {old} -> {new}")?;
                writeln!(out, "{}", bpftool_line("weights", policy.id(), new))?;
            }
            Assignment::PeriodUs(_) => {
                live.set_period_us(new)?;
                writeln!(out, "# period: {old} us -> {new} us")?;
                writeln!(out, "{}", bpftool_line("period_us", 0, new))?;
            }
        }
    }
    live.apply()?;
    let weights = Weights::new(live.weights()?);
    if weights.in_rotation() == 0 {
        writeln!(out, "# all weights are 0: the current policy is held")?;
    }
    let slice_us = live.status()?.slice_us;
    if let Some(warning) = weights.warn_of_short_turns(live.period_us()?, slice_us) {
        writeln!(out, "# warning: {warning}")?;
    }
    Ok(())
}

/// `scx_meta pin` and `unpin`.
pub fn set_pin(live: &Live, policy: Option<Policy>, out: &mut impl Write) -> Result<()> {
    if let Some(policy) = policy {
        live.require(policy)?;
    }
    live.set_pin(policy)?;
    live.apply()?;
    match policy {
        Some(policy) => writeln!(out, "# {policy} is held until `scx_meta unpin`")?,
        None => writeln!(out, "# no pin: the weights decide")?,
    }
    writeln!(out, "{}", bpftool_line("pinned", 0, pin_value(policy)))?;
    Ok(())
}

/// The bytes of a u32 as bpftool takes them on this machine.
pub fn bpftool_bytes(value: u32) -> String {
    value.to_ne_bytes().map(|byte| byte.to_string()).join(" ")
}

fn bpftool_line(map: &str, key: u32, value: u32) -> String {
    format!(
        "bpftool map update pinned {PIN_DIR}/{map} key {} value {}",
        bpftool_bytes(key),
        bpftool_bytes(value)
    )
}

impl PinDir {
    /// Pins the maps and the apply program, replacing what is there.
    pub fn publish(&self, live: &Live) -> Result<()> {
        self.clear()?;
        for (name, map) in pins::MAPS.into_iter().zip([
            &live.weights,
            &live.period_us,
            &live.pinned,
            &live.status,
            &live.stats,
            &live.turns,
        ]) {
            pin(map.as_fd(), name)?;
        }
        pin(live.apply.as_fd(), pins::APPLY)
    }
}

fn pin_value(policy: Option<Policy>) -> u32 {
    policy.map_or(abi::meta_policy_META_NONE, Policy::id)
}

fn pin(fd: BorrowedFd<'_>, name: &str) -> Result<()> {
    let path = CString::new(pins::path(name).as_os_str().as_bytes())?;
    // SAFETY: the descriptor is open and the path ends in a null byte.
    let ret = unsafe { libbpf_sys::bpf_obj_pin(fd.as_raw_fd(), path.as_ptr()) };
    if ret < 0 {
        return Err(io::Error::from_raw_os_error(-ret))
            .with_context(|| format!("pinning {PIN_DIR}/{name}"));
    }
    Ok(())
}

fn only_value(map: &MapHandle) -> Result<Vec<u8>> {
    map.lookup(&ONLY_KEY, MapFlags::ANY)?
        .ok_or_else(|| anyhow!("the map {} is empty", map.name().to_string_lossy()))
}

fn read_u32(bytes: &[u8]) -> Result<u32> {
    let bytes = bytes.try_into().context("a value that is not a u32")?;
    Ok(u32::from_ne_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bpftool_lines_carry_the_bytes_of_this_machine() {
        let line = bpftool_line("weights", 1, 259);
        let bytes = if cfg!(target_endian = "little") {
            "key 1 0 0 0 value 3 1 0 0"
        } else {
            "key 0 0 0 1 value 0 0 1 3"
        };
        assert_eq!(
            line,
            format!("bpftool map update pinned /sys/fs/bpf/scx_meta/weights {bytes}")
        );
    }

    #[test]
    fn no_pin_is_none() {
        assert_eq!(pin_value(None), abi::meta_policy_META_NONE);
    }
}
