// SPDX-License-Identifier: GPL-2.0-only
//! The live interface: the pinned maps of the running program, what people
//! write to them and what they read.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use anyhow::{anyhow, bail, ensure, Context, Result};
use libbpf_rs::{libbpf_sys, ErrorKind, MapCore, MapFlags, MapHandle, Program};

use crate::auto::Learned;
use crate::bpf::{abi, BpfSkel};
use crate::machine::Machine;
use crate::policy::Policy;
use crate::set::{Slot, Store};
use crate::weights::{PolicyList, Weights};
use crate::{call, pins, value, weights, Error};

pub(crate) use crate::pins::PinDir;
pub use crate::pins::PIN_DIR;

/// Key of the maps with one value.
const ONLY_KEY: [u8; 4] = [0; 4];

/// What a restart carries over: everything a person can set.
#[derive(Clone, Debug)]
pub(crate) struct Knobs {
    /// Weights of the available policies.
    pub(crate) weights: Weights,
    /// Length of a whole rotation.
    pub(crate) period_us: u32,
    /// The policy that is held, if any.
    pub(crate) pin: Option<Policy>,
}

impl Knobs {
    /// The policies that are in charge, or will be.
    pub(crate) fn policies(&self) -> Vec<Policy> {
        match self.pin {
            Some(policy) => vec![policy],
            None => self.weights.turning().collect(),
        }
    }
}

/// The maps of a loaded program.
pub struct Live {
    weights: MapHandle,
    period_us: MapHandle,
    pinned: MapHandle,
    status: MapHandle,
    stats: MapHandle,
    turns: MapHandle,
    auto: MapHandle,
    signals: MapHandle,
    waits: MapHandle,
    reward: MapHandle,
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
            auto: MapHandle::try_from(&skel.maps.auto_known)?,
            signals: MapHandle::try_from(&skel.maps.signals)?,
            waits: MapHandle::try_from(&skel.maps.waits)?,
            reward: MapHandle::try_from(&skel.maps.reward)?,
            apply: skel.progs.meta_apply.as_fd().try_clone_to_owned()?,
        })
    }

    /// The maps of a running loader, from their pins.
    ///
    /// Fails with [`Error::NotRunning`], [`Error::Died`] or [`Error::NotReady`] if none runs, and if
    /// its pins are gone or are not root's.
    pub fn open(machine: &Machine) -> Result<Self> {
        let loaded = machine.meta_is_loaded();
        let Some(dir) = pins::open()? else {
            ensure!(
                !loaded,
                "scx_meta runs, but {PIN_DIR} is gone: {}",
                machine.how_to_restart()
            );
            bail!(Error::NotRunning);
        };
        if !loaded {
            match pins::holder(&dir) {
                Some(_) => bail!(Error::NotReady),
                None => bail!(Error::Died),
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
            auto: map("auto")?,
            signals: map("signals")?,
            waits: map("waits")?,
            reward: map("reward")?,
            apply: Program::fd_from_pinned_path(pins::path(pins::APPLY))
                .with_context(missing(pins::APPLY))?,
        })
    }

    /// Puts the starting values in.
    pub(crate) fn fill(&self, policies: &PolicyList, knobs: &Knobs) -> Result<()> {
        for policy in policies.iter() {
            self.set_weight(policy, knobs.weights.get(policy))?;
        }
        self.set_period_us(knobs.period_us)?;
        self.set_pin(knobs.pin)
    }

    /// A policy's weight; a key that somebody deleted counts as 0.
    fn weight(&self, policy: Policy) -> Result<u32> {
        Ok(self.read(Slot::Weight(policy))?.unwrap_or(0))
    }

    /// The weights of the policies that the running loader has.
    pub fn weights(&self) -> Result<Vec<(Policy, u32)>> {
        let available = self.status()?.available;
        Policy::all()
            .filter(|policy| available & policy.bit() != 0)
            .map(|policy| Ok((policy, self.weight(policy)?)))
            .collect()
    }

    /// The weights as the program takes them.
    pub(crate) fn held_weights(&self) -> Result<Vec<(Policy, u32)>> {
        let held = |(policy, weight)| (policy, weights::held_weight(weight));
        Ok(self.weights()?.into_iter().map(held).collect())
    }

    /// Writes one weight.
    pub fn set_weight(&self, policy: Policy, weight: u32) -> Result<()> {
        self.write(Slot::Weight(policy), Some(weight))
    }

    /// Whether a policy is or can be in charge, as the maps stand.
    pub(crate) fn takes_turns(&self, policy: Policy) -> Result<bool> {
        let status = self.status()?;
        if status.active == policy.id() {
            return Ok(true);
        }
        Ok(match self.held_pin()? {
            Some(pin) => pin == policy,
            None => self.weight(policy)? > 0 || self.may_choose(policy)?,
        })
    }

    /// Whether --auto decides, and this is one of those that it chooses among.
    fn may_choose(&self, policy: Policy) -> Result<bool> {
        let known: abi::meta_auto = value::from_bytes(&only_value(&self.auto)?)?;
        let is_arm = known.arms.iter().any(|arm| arm.policy == policy.id());
        Ok(is_arm && self.weights()?.iter().all(|(_, weight)| *weight == 0))
    }

    /// What --auto has found out; None without it.
    pub fn learned(&self) -> Result<Option<Learned>> {
        let known = value::from_bytes(&only_value(&self.auto)?)?;
        Ok(Learned::of(&known))
    }

    /// What the measured turns of an `enum meta_policy` came to.
    pub fn signals(&self, id: u32) -> Result<abi::meta_signals> {
        let value = self.signals.lookup(&id.to_ne_bytes(), MapFlags::ANY)?;
        let value = value.ok_or_else(|| anyhow!("the map signals has no entry {id}"))?;
        value::from_bytes(&value)
    }

    /// Length of a whole rotation, as it is written.
    pub fn period_us(&self) -> Result<u32> {
        Ok(self.read(Slot::PeriodUs)?.unwrap_or(0))
    }

    /// Writes the length of a whole rotation.
    pub fn set_period_us(&self, period_us: u32) -> Result<()> {
        self.write(Slot::PeriodUs, Some(period_us))
    }

    /// The policy that is held, if any.
    pub fn pin(&self) -> Result<Option<Policy>> {
        Ok(Policy::from_id(self.read(Slot::Pin)?.unwrap_or(0)))
    }

    /// The pin that the program obeys: not one of what it has not.
    pub(crate) fn held_pin(&self) -> Result<Option<Policy>> {
        let available = self.status()?.available;
        Ok(self.pin()?.filter(|pin| available & pin.bit() != 0))
    }

    /// Holds a policy, or lets the rotation go on.
    pub fn set_pin(&self, policy: Option<Policy>) -> Result<()> {
        self.write(Slot::Pin, Some(pin_value(policy)))
    }

    fn place(&self, slot: Slot) -> (&MapHandle, [u8; 4]) {
        match slot {
            Slot::Weight(policy) => (&self.weights, policy.id().to_ne_bytes()),
            Slot::PeriodUs => (&self.period_us, ONLY_KEY),
            Slot::Pin => (&self.pinned, ONLY_KEY),
        }
    }

    /// What the program says about itself.
    pub fn status(&self) -> Result<abi::meta_status> {
        value::from_bytes(&only_value(&self.status)?)
    }

    /// The counters of an `enum meta_policy`, joined over all CPUs.
    pub fn counters(&self, id: u32) -> Result<abi::meta_stats> {
        let values = self
            .stats
            .lookup_percpu(&id.to_ne_bytes(), MapFlags::ANY)?
            .ok_or_else(|| anyhow!("the map stats has no entry {id}"))?;
        value::fold(&values)
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
                    .map(|bytes| value::from_bytes(bytes))
                    .collect()
            })
            .collect()
    }

    /// Makes the program look at the maps at once.
    pub fn apply(&self) -> Result<()> {
        call::call(self.apply.as_fd(), "meta_apply")
    }
}

impl Store for Live {
    fn read(&self, slot: Slot) -> Result<Option<u32>> {
        let (map, key) = self.place(slot);
        let value = map.lookup(&key, MapFlags::ANY);
        let value = value.with_context(|| format!("reading {slot}"))?;
        value.map(|bytes| read_u32(&bytes)).transpose()
    }

    fn write(&self, slot: Slot, value: Option<u32>) -> Result<()> {
        let (map, key) = self.place(slot);
        match value {
            Some(value) => map.update(&key, &value.to_ne_bytes(), MapFlags::ANY),
            None => map.delete(&key),
        }
        .map_err(map_error)
        .with_context(|| format!("writing {slot}"))
    }

    /// A key that is there is not written: the kernel says so only after all
    /// other checks. One that was deleted is put in with what it counts as.
    fn probe(&self, slot: Slot) -> Result<()> {
        let (map, key) = self.place(slot);
        match map.update(&key, &0u32.to_ne_bytes(), MapFlags::NO_EXIST) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(map_error(error)),
            _ => Ok(()),
        }
    }
}

/// What the kernel's errors mean for a map.
fn map_error(error: libbpf_rs::Error) -> anyhow::Error {
    let meaning = match error.kind() {
        ErrorKind::TooBig => "the map is full: delete the keys that name no policy",
        ErrorKind::PermissionDenied => "the map is frozen, or this user may not write to it",
        _ => return error.into(),
    };
    anyhow::Error::new(error).context(meaning)
}

/// The bytes of a u32 as bpftool takes them on this machine.
pub(crate) fn bpftool_bytes(value: u32) -> String {
    value.to_ne_bytes().map(|byte| byte.to_string()).join(" ")
}

pub(crate) fn bpftool_line(map: &str, key: u32, value: u32) -> String {
    format!(
        "bpftool map update pinned {PIN_DIR}/{map} key {} value {}",
        bpftool_bytes(key),
        bpftool_bytes(value)
    )
}

impl PinDir {
    /// Pins the maps and the apply program, replacing what is there.
    pub(crate) fn publish(&self, live: &Live) -> Result<()> {
        self.clear()?;
        for (name, map) in pins::MAPS.into_iter().zip([
            &live.weights,
            &live.period_us,
            &live.pinned,
            &live.status,
            &live.stats,
            &live.turns,
            &live.auto,
            &live.signals,
            &live.waits,
            &live.reward,
        ]) {
            pin(map.as_fd(), name)?;
        }
        pin(live.apply.as_fd(), pins::APPLY)
    }
}

pub(crate) fn pin_value(policy: Option<Policy>) -> u32 {
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
