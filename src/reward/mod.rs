// SPDX-License-Identifier: GPL-2.0-only
//! `--reward`: the application's own word on how well it does, for `--auto`. Numbers that somebody keeps are read
//! by a thread, which adds to the map `reward`; calls of a function are counted in the kernel.

mod calls;
mod meter;
mod reading;
mod source;

use std::sync::mpsc;
use std::sync::mpsc::{RecvTimeoutError, Sender};
use std::thread;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{ensure, Context, Result};
use clap::Args;
use libbpf_rs::{Link, MapCore, MapFlags, MapHandle};
use nix::libc;

pub use self::meter::Meter;
use self::reading::Reading;
pub use self::source::Source;
use crate::bpf::{BpfSkel, OpenBpfSkel};

/// Of the length of a turn, how often a number is read.
const READINGS_A_TURN: u32 = 10;

/// Above all ordinary tasks: whether a number is read in time must not depend on the policy that is judged
/// by it. A reading takes microseconds.
const PRIORITY: libc::c_int = 1;

/// Options of `--reward`.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub(crate) struct RewardArgs {
    /// What the application itself says it has done, as the goal of --auto: `file:PATH` (a number),
    /// `http://HOST[:PORT]/PATH#METRIC` (Prometheus text), `cmd:COMMAND` (prints a number), or
    /// `uprobe:BINARY:SYMBOL` (each call counts)
    #[arg(
        long,
        value_name = "SOURCE",
        requires = "auto",
        conflicts_with = "goal"
    )]
    reward: Option<Source>,

    /// The number is a level, of which the mean counts, and not a counter, of which the growth does
    #[arg(long, requires = "reward")]
    reward_gauge: bool,

    /// Less is better
    #[arg(long, requires = "reward")]
    reward_lower: bool,
}

/// Where the word comes from, and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reward {
    /// Who says it.
    pub source: Source,
    /// The mean of it counts, not its growth.
    pub gauge: bool,
    /// Less is better.
    pub lower: bool,
}

impl RewardArgs {
    pub(crate) fn reward(&self) -> Option<Reward> {
        Some(Reward {
            source: self.reward.clone()?,
            gauge: self.reward_gauge,
            lower: self.reward_lower,
        })
    }
}

/// Who listens, until it is dropped.
pub(crate) enum Listener {
    /// The kernel, to calls of a function.
    Calls { _probe: Link },
    /// A thread. Dropping the sender tells it to quit.
    Thread(Option<(Sender<()>, JoinHandle<()>)>),
}

impl Reward {
    /// The program for calls is loaded only if calls are the reward.
    pub(crate) fn prepare(reward: Option<&Self>, skel: &mut OpenBpfSkel<'_>) {
        let of_calls = reward.is_some_and(|of| matches!(of.source, Source::Calls { .. }));
        skel.progs.meta_reward.set_autoload(of_calls);
    }

    /// Begins to listen. Fails if there is nothing to be heard.
    pub(crate) fn listen(&self, skel: &BpfSkel<'_>, turn: Duration) -> Result<Listener> {
        let source = &self.source;
        if let Source::Calls { binary, symbol } = source {
            ensure!(!self.gauge, "--reward-gauge: calls are counted");
            let probe = calls::attach(skel, binary, symbol);
            let _probe = probe.with_context(|| format!("--reward {source}"))?;
            return Ok(Listener::Calls { _probe });
        }
        let map = MapHandle::try_from(&skel.maps.reward)?;
        let reading = Reading::new(source.clone(), self.gauge);
        let reading = reading.with_context(|| format!("--reward {source}"))?;
        Listener::start(reading, map, turn / READINGS_A_TURN)
    }
}

impl Listener {
    fn start(mut reading: Reading, map: MapHandle, every: Duration) -> Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let body = move || {
            if let Err(error) = enter_real_time() {
                log::warn!("--reward is read as an ordinary task: {error}");
            }
            let mut total = 0u64;
            let mut complained = false;
            let mut before = Instant::now();
            while receiver.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                let now = Instant::now();
                let more = reading.more(now - before);
                before = now;
                let added = more.and_then(|more| {
                    total = total.wrapping_add(more);
                    Ok(map.update(&[0; 4], &total.to_ne_bytes(), MapFlags::ANY)?)
                });
                if let Err(error) = added {
                    if !std::mem::replace(&mut complained, true) {
                        log::warn!("--reward {}: {error:#}", reading.source());
                    }
                }
            }
        };
        let thread = thread::Builder::new().name("reward".into()).spawn(body);
        let thread = thread.context("starting the thread of --reward")?;
        Ok(Self::Thread(Some((sender, thread))))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Thread(thread) = self {
            if let Some((sender, thread)) = thread.take() {
                drop(sender);
                // A panic has been printed.
                let _ = thread.join();
            }
        }
    }
}

/// This thread, and not the processes that it starts.
fn enter_real_time() -> Result<(), nix::errno::Errno> {
    let param = libc::sched_param {
        sched_priority: PRIORITY,
    };
    let class = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
    // SAFETY: the parameter lives across the call; 0 is this thread.
    let done = unsafe { libc::sched_setscheduler(0, class, &param) };
    nix::errno::Errno::result(done).map(drop)
}
