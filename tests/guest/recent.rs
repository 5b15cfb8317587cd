// SPDX-License-Identifier: GPL-2.0-only
//! The lists from which rusty's balancer reads who ran: the map is not pinned, so it is found by its
//! name.

use libbpf_rs::query::MapInfoIter;
use libbpf_rs::{MapCore, MapFlags, MapHandle};
use scx_meta::bpf::abi;
use scx_meta::value;

const LENGTH: usize = abi::meta_limits_META_RUSTY_RECENT as usize;

pub struct Recent(MapHandle);

/// The tasks that were listed in one round, a list a domain; 0: a place that nobody has.
#[derive(PartialEq)]
pub struct Lists {
    pub round: u64,
    pub pids: Vec<Vec<u32>>,
}

impl Recent {
    pub fn open() -> Self {
        let mut named = MapInfoIter::default().filter(|info| info.name == "rusty_recent");
        let info = named.next().expect("a map rusty_recent");
        Self(MapHandle::from_map_id(info.id).unwrap())
    }

    /// Of the latest round.
    pub fn read(&self) -> Lists {
        let batch = self
            .0
            .lookup_batch(LENGTH as u32, MapFlags::ANY, MapFlags::ANY);
        let tasks: Vec<abi::meta_rusty_task> = batch
            .unwrap()
            .map(|(_, value)| value::from_bytes(&value).unwrap())
            .collect();
        let round = tasks.iter().map(|task| task.round).max().unwrap();
        let pid = |task: &abi::meta_rusty_task| match task.round == round {
            true => task.pid,
            false => 0,
        };
        Lists {
            round,
            pids: tasks
                .chunks(LENGTH)
                .map(|list| list.iter().map(pid).collect())
                .collect(),
        }
    }
}

impl Lists {
    /// How many tasks each list has.
    pub fn lengths(&self) -> Vec<usize> {
        let length = |list: &Vec<u32>| list.iter().filter(|pid| **pid != 0).count();
        self.pids.iter().map(length).collect()
    }

    /// Places that another task has now.
    pub fn changed(&self, later: &Self) -> usize {
        let places = self.pids.iter().flatten().zip(later.pids.iter().flatten());
        places
            .filter(|(before, after)| **before != 0 && before != after)
            .count()
    }
}
