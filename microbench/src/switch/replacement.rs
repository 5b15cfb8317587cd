// SPDX-License-Identifier: GPL-2.0-only
//! One scheduler process replaced by another: signal, wait for its end, start the next.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use labkit::charge::scheduler::{Scheduler, Started, Stopped};
use labkit::charge::watch::{Change, Watch};
use labkit::meta::{OPS, START_LIMIT, STOP_LIMIT};
use labkit::{process, scx};

use super::measure::{ops_of, Args};
use super::meta::ns;
use super::record::{Load, Record, Replacement};
use super::{loads, meta};
use crate::cli::Out;

const RUN: Duration = Duration::from_secs(900);

/// One of the two that replace each other.
struct Side {
    name: String,
    program: PathBuf,
    options: Vec<String>,
    ops: String,
}

/// Replaces scx_meta by scx_meta with another policy, and the other schedulers by each other.
pub(crate) fn run(args: &Args, load: Load, cpus: usize, out: &mut Out) -> Result<()> {
    let meta = ["fifo", "vtime"].map(|policy| Side {
        name: format!("scx_meta {policy}"),
        program: args.scx_meta.clone(),
        options: meta::single(policy),
        ops: OPS.into(),
    });
    alternate(&meta, true, args.replacements, load, cpus, out)?;

    let others: Vec<Side> = args
        .others
        .iter()
        .map(|other| Side {
            name: other.name.clone(),
            program: other.path.clone(),
            options: vec![],
            ops: ops_of(other).into(),
        })
        .collect();
    let count = match load {
        Load::Saturated => args.others_saturated,
        Load::Idle | Load::Moderate => args.replacements,
    };
    // One alone is replaced by itself.
    if !others.is_empty() {
        alternate(&others, false, count, load, cpus, out)?;
    }
    Ok(())
}

fn alternate(
    sides: &[Side],
    is_meta: bool,
    count: usize,
    load: Load,
    cpus: usize,
    out: &mut Out,
) -> Result<()> {
    let mut watch = Watch::start()?;
    let (mut old, _) = start(&sides[0], &mut watch)?;
    let mut running = loads::start(load, cpus, RUN)?;
    for (from, to) in (0..count).zip(1..) {
        let (from, to) = (&sides[from % sides.len()], &sides[to % sides.len()]);
        let before = scx::enable_seq()?;
        let stopped = old.stop(libc::SIGINT, &mut watch, STOP_LIMIT)?;
        let (new, started) = start(to, &mut watch)?;
        let counters = scx::await_counted(before)?;
        let (first_at, most_at) = match is_meta {
            true => meta::begun(&meta::live()?)?,
            false => (None, None),
        };
        running.check()?;
        let mut record = record(&stopped, &started)?;
        record.from = from.name.clone();
        record.to = to.name.clone();
        record.is_meta = is_meta;
        record.load = load;
        (record.first_at, record.most_at) = (first_at, most_at);
        record.bypasses = counters.bypasses;
        record.bypass_ns = counters.bypass_time.map(ns);
        record.enable_seq = counters.enable_seq - before;
        out.record(&Record::Replacement(record))?;
        old = new;
    }
    drop(running);
    old.stop(libc::SIGINT, &mut watch, STOP_LIMIT)?;
    Ok(())
}

fn start(side: &Side, watch: &mut Watch) -> Result<(Scheduler, Started)> {
    let mut command = meta::command(&side.program, &side.options);
    let shown = process::shown(&command);
    Scheduler::start(&mut command, &side.ops, watch, START_LIMIT).context(shown)
}

/// The times; who and under what is for the caller to fill in.
fn record(stopped: &Stopped, started: &Started) -> Result<Replacement> {
    let last = |changes: &[Change]| changes.last().map(|change| ns(change.at));
    let enabling = started
        .changes
        .iter()
        .find(|change| change.charge.state == "enabling");
    Ok(Replacement {
        from: String::new(),
        to: String::new(),
        is_meta: false,
        load: Load::Idle,
        asked_at: ns(stopped.asked),
        disabled_at: last(&stopped.changes).context("the stop was not seen")?,
        exited_at: ns(stopped.exited),
        spawned_at: ns(started.spawned),
        enabling_at: enabling.map(|change| ns(change.at)),
        enabled_at: last(&started.changes).context("the start was not seen")?,
        first_at: None,
        most_at: None,
        bypasses: None,
        bypass_ns: None,
        enable_seq: 0,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;
    use labkit::charge::watch::Charge;

    fn change(at_ms: u64, state: &str) -> Change {
        Change {
            after: Duration::from_millis(at_ms - 1),
            at: Duration::from_millis(at_ms),
            charge: Charge {
                state: state.into(),
                enable_seq: 1,
                ops: None,
            },
        }
    }

    #[test]
    fn a_replacement_keeps_each_stamp() {
        let stopped = Stopped {
            asked: Duration::from_millis(100),
            changes: vec![change(110, "disabling"), change(130, "disabled")],
            exited: Duration::from_millis(150),
            status: ExitStatus::from_raw(0),
        };
        let started = Started {
            spawned: Duration::from_millis(160),
            changes: vec![change(900, "enabling"), change(950, "enabled")],
        };
        let got = record(&stopped, &started).unwrap();
        assert_eq!((got.asked_at, got.disabled_at), (100_000_000, 130_000_000));
        assert_eq!((got.exited_at, got.spawned_at), (150_000_000, 160_000_000));
        assert_eq!(got.enabling_at, Some(900_000_000));
        assert_eq!(got.enabled_at, 950_000_000);
        let unseen = Started {
            changes: vec![],
            ..started
        };
        assert!(record(&stopped, &unseen).is_err());
    }
}
