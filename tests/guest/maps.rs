// SPDX-License-Identifier: GPL-2.0-only
//! The pinned maps as any program sees them: bpf(2) on their paths. Only the
//! types come from the loader, so that its code is not its own witness.

use libbpf_rs::{MapCore, MapFlags, MapHandle};
use scx_meta::bpf::abi;
use scx_meta::policy::Policy;
use scx_meta::value;

pub const PIN_DIR: &str = "/sys/fs/bpf/scx_meta";

pub const NO_PIN: u32 = abi::meta_policy_META_NONE;

const ONLY_KEY: [u8; 4] = [0; 4];

pub struct Maps {
    weights: MapHandle,
    period_us: MapHandle,
    pinned: MapHandle,
    status: MapHandle,
    stats: MapHandle,
}

/// The policy of that name.
pub fn policy(name: &str) -> Policy {
    name.parse().unwrap()
}

pub fn pin_path(map: &str) -> String {
    format!("{PIN_DIR}/{map}")
}

fn write(map: &MapHandle, key: &[u8], value: u32) {
    map.update(key, &value.to_ne_bytes(), MapFlags::ANY)
        .unwrap();
}

impl Maps {
    pub fn open() -> Self {
        let map = |name| MapHandle::from_pinned_path(pin_path(name)).unwrap();
        Self {
            weights: map("weights"),
            period_us: map("period_us"),
            pinned: map("pinned"),
            status: map("status"),
            stats: map("stats"),
        }
    }

    /// A key that is gone counts as 0.
    pub fn weight(&self, policy: Policy) -> u32 {
        let value = self
            .weights
            .lookup(&policy.id().to_ne_bytes(), MapFlags::ANY)
            .unwrap();
        value.map_or(0, |value| u32::from_ne_bytes(value.try_into().unwrap()))
    }

    pub fn set_weight(&self, policy: Policy, weight: u32) {
        write(&self.weights, &policy.id().to_ne_bytes(), weight);
    }

    pub fn set_period_us(&self, period_us: u32) {
        write(&self.period_us, &ONLY_KEY, period_us);
    }

    /// An id, NO_PIN, or garbage.
    pub fn set_pin(&self, id: u32) {
        write(&self.pinned, &ONLY_KEY, id);
    }

    pub fn status(&self) -> abi::meta_status {
        let value = self.status.lookup(&ONLY_KEY, MapFlags::ANY).unwrap();
        value::from_bytes(&value.unwrap()).unwrap()
    }

    /// A policy's counters since load, one a CPU. Id 0: what the kernel placed.
    pub fn counters_by_cpu(&self, id: u32) -> Vec<abi::meta_stats> {
        let values = self
            .stats
            .lookup_percpu(&id.to_ne_bytes(), MapFlags::ANY)
            .unwrap()
            .unwrap();
        values
            .iter()
            .map(|bytes| value::from_bytes(bytes).unwrap())
            .collect()
    }

    /// A policy's counters since load over all CPUs.
    pub fn counters(&self, policy: Policy) -> abi::meta_stats {
        let values = self
            .stats
            .lookup_percpu(&policy.id().to_ne_bytes(), MapFlags::ANY)
            .unwrap()
            .unwrap();
        value::fold(&values).unwrap()
    }
}
