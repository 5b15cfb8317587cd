// SPDX-License-Identifier: GPL-2.0-only
//! The best that a replacement could do: the next program is loaded and verified beforehand, in
//! the same process; what is measured is detaching the one and attaching the other.

use std::mem::MaybeUninit;
use std::time::Duration;

use anyhow::Result;
use labkit::{scx, sys};
use scx_meta::{Loader, Running, Standby};

use super::measure::Args;
use super::meta::ns;
use super::record::{Load, Preloaded, Record};
use super::{loads, meta};
use crate::cli::Out;

const RUN: Duration = Duration::from_secs(600);

/// Replaces fifo by vtime and back.
pub(crate) fn run(args: &Args, load: Load, cpus: usize, out: &mut Out) -> Result<()> {
    let policies = ["fifo", "vtime"];
    let mut old = standby(policies[0])?.attach()?;
    let mut running = loads::start(load, cpus, RUN)?;
    for (from, to) in (0..args.replacements).zip(1..) {
        let (from, to) = (policies[from % 2], policies[to % 2]);
        let next = standby(to)?;
        let before = scx::enable_seq()?;
        let asked = sys::monotonic();
        old.detach();
        let detached = sys::monotonic();
        let new = next.attach()?;
        let attached = sys::monotonic();
        let enable_seq = scx::enable_seq()? - before;
        let (first_at, most_at) = meta::begun(new.live())?;
        running.check()?;
        out.record(&Record::Preloaded(Preloaded {
            from: from.into(),
            to: to.into(),
            load,
            asked_at: ns(asked),
            detached_at: ns(detached),
            attached_at: ns(attached),
            first_at,
            most_at,
            enable_seq,
        }))?;
        end(old)?;
        old = new;
    }
    drop(running);
    end(old)
}

/// A fresh program each time: one that was detached cannot be attached again, since its timers
/// exist. Its place in memory must outlive two rounds: a few bytes of each round are not freed.
fn standby(policy: &str) -> Result<Standby<'static>> {
    let place = Box::leak(Box::new(MaybeUninit::uninit()));
    let loader = Loader::new().policies([policy.parse()?]);
    loader.record_turns(true).load(place)
}

/// Frees it; an ejection is an error.
fn end(running: Running) -> Result<()> {
    running.end().map(drop)
}
