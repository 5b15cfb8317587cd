// SPDX-License-Identifier: GPL-2.0-only
//! A pipeline: each stage waits for what the stage before hands on, works on it, and hands it on.

use std::sync::mpsc::{sync_channel, Receiver, SyncSender};
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Context, Result};

use super::ordinary;
use crate::{spin, sys};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Chain {
    /// Tasks, one after the other.
    pub stages: usize,
    /// What may wait between two stages.
    pub between: usize,
    /// Work of each stage on each thing, in rounds of [`spin`].
    pub rounds: u32,
    /// How long things come in.
    pub window: Duration,
}

/// From first to last stage, of each thing that came out, and how long that went on in all.
#[derive(Clone, Debug, PartialEq)]
pub struct Passed {
    /// In order.
    pub took: Vec<Duration>,
    /// Until the last one was out.
    pub window: Duration,
}

/// Sends as many things through as go; `done` is called for each that comes out.
pub fn chain(load: Chain, done: fn()) -> Result<Passed> {
    ensure!(load.stages > 0, "a pipeline without stages");
    ordinary(|| {
        let begin = sys::monotonic();
        let end = begin + load.window;
        let (first, mut last) = sync_channel(load.between);
        for _ in 1..load.stages {
            last = stage(&load, last)?;
        }
        let source = thread::Builder::new().name("source".into());
        let source =
            source.spawn(
                move || {
                    while sys::monotonic() < end && first.send(sys::monotonic()).is_ok() {}
                },
            );
        let source = source.context("cannot start a thread")?;
        let mut took = Vec::new();
        for entered in last {
            spin::rounds(load.rounds);
            took.push(sys::monotonic() - entered);
            done();
        }
        // It has ended: nothing comes any more.
        let _ = source.join();
        Ok(Passed {
            took,
            window: sys::monotonic() - begin,
        })
    })
}

fn stage(load: &Chain, from: Receiver<Duration>) -> Result<Receiver<Duration>> {
    let (to, next): (SyncSender<Duration>, _) = sync_channel(load.between);
    let rounds = load.rounds;
    let thread = thread::Builder::new().name("stage".into());
    let started = thread.spawn(move || {
        for entered in from {
            spin::rounds(rounds);
            if to.send(entered).is_err() {
                break;
            }
        }
    });
    started.context("cannot start a thread")?;
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let passed = chain(
            Chain {
                stages: 3,
                between: 2,
                rounds: 10,
                window: Duration::from_millis(50),
            },
            || (),
        )
        .unwrap();
        assert!(!passed.took.is_empty());
        assert!(passed.window >= Duration::from_millis(50));
    }
}
