// SPDX-License-Identifier: GPL-2.0-only
//! Any bytes as what the pinned maps hold, which other programs may have written: `scx_meta status`
//! and `scx_meta turns` show something, whatever it is.

use std::time::Duration;

use scx_meta::auto::Learned;
use scx_meta::bpf::abi;
use scx_meta::policy::Policy;
use scx_meta::stats::Snapshot;
use scx_meta::{turns, value};

/// Copies of a value, one a CPU.
const CPUS: usize = 2;

/// Hands out bytes, and zeroes when there are no more.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take(&mut self, count: usize) -> Vec<u8> {
        let there = count.min(self.0.len());
        let (taken, rest) = self.0.split_at(there);
        self.0 = rest;
        let mut taken = taken.to_vec();
        taken.resize(count, 0);
        taken
    }

    fn u32(&mut self) -> u32 {
        self.take(4).try_into().map_or(0, u32::from_ne_bytes)
    }

    fn u64(&mut self) -> u64 {
        self.take(8).try_into().map_or(0, u64::from_ne_bytes)
    }

    fn turn(&mut self) -> abi::meta_turn {
        let value = self.take(size_of::<abi::meta_turn>());
        value::from_bytes(&value).expect("it is long enough")
    }

    fn snapshot(&mut self) -> Snapshot {
        let status = self.take(size_of::<abi::meta_status>());
        let counters = (0..abi::meta_policy_META_NR_POLICIES).map(|_| {
            let copies: Vec<_> = (0..CPUS)
                .map(|_| self.take(size_of::<abi::meta_stats>()))
                .collect();
            value::fold(&copies).expect("they are long enough")
        });
        let counters = counters.collect();
        let learned = self.take(size_of::<abi::meta_auto>());
        let learned = value::from_bytes(&learned).expect("it is long enough");
        Snapshot {
            now_ns: self.u64(),
            status: value::from_bytes(&status).expect("it is long enough"),
            weights: Policy::all().map(|policy| (policy, self.u32())).collect(),
            period_us: self.u32(),
            pin: Policy::from_id(self.u32()),
            counters,
            learned: Learned::of(&learned),
        }
    }
}

pub fn check(bytes: &[u8]) {
    // Of another version, perhaps.
    let _ = value::from_bytes::<abi::meta_status>(bytes);
    let _ = value::fold(&[bytes.to_vec()]);

    let mut bytes = Bytes(bytes);
    let (before, after) = (bytes.snapshot(), bytes.snapshot());
    for shown in [
        after.headline() + &after.learned(),
        after.table(None),
        after.table(Some(&before)),
    ] {
        assert!(!shown.is_empty());
    }
    let uptime = Duration::from_nanos(bytes.u64());
    for uptime in [None, Some(uptime)] {
        let json = after.json(uptime).to_string();
        serde_json::from_str::<serde_json::Value>(&json).expect("it is JSON");
    }

    let slots: Vec<Vec<abi::meta_turn>> = (0..4)
        .map(|_| (0..CPUS).map(|_| bytes.turn()).collect())
        .collect();
    let turns = turns::of_copies(&slots);
    assert!(turns.len() <= slots.len());
    assert_eq!(turns::table(&turns).lines().count(), turns.len() + 1);
    assert_eq!(
        turns::json(&turns).as_array().map(Vec::len),
        Some(turns.len())
    );
}
