// SPDX-License-Identifier: GPL-2.0-only
//! Calls of a function, counted whoever schedules: the program that counts them is loaded by itself.

use std::mem::MaybeUninit;
use std::path::Path;

use anyhow::{Context, Result};
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{Link, MapCore, MapFlags, MapHandle, UprobeOpts};

use crate::bpf::{BpfSkel, BpfSkelBuilder};

/// Any process.
const ANY: i32 = -1;

/// A count that goes on until it is dropped.
pub(super) struct Calls {
    _probe: Link,
    count: MapHandle,
}

impl Calls {
    pub(super) fn of(binary: &Path, symbol: &str) -> Result<Self> {
        let mut object = MaybeUninit::uninit();
        let mut skel = BpfSkelBuilder::default().open(&mut object)?;
        skel.maps.meta_ops.set_autocreate(false)?;
        for mut program in skel.open_object_mut().progs_mut() {
            program.set_autoload(false);
        }
        skel.progs.meta_reward.set_autoload(true);
        let skel = skel.load().context("the program that counts calls")?;
        let count = MapHandle::try_from(&skel.maps.reward)?;
        Ok(Self {
            _probe: attach(&skel, binary, symbol)?,
            count,
        })
    }

    pub(super) fn so_far(&self) -> Result<u64> {
        let value = self.count.lookup(&[0; 4], MapFlags::ANY)?;
        let value = value.context("the map of calls is empty")?;
        Ok(u64::from_ne_bytes(value.as_slice().try_into()?))
    }
}

/// Has the program called whenever anybody calls the function.
pub(super) fn attach(skel: &BpfSkel<'_>, binary: &Path, symbol: &str) -> Result<Link> {
    let options = UprobeOpts {
        func_name: Some(symbol.to_owned()),
        ..UprobeOpts::default()
    };
    let program = &skel.progs.meta_reward;
    Ok(program.attach_uprobe_with_opts(ANY, binary, 0, options)?)
}
