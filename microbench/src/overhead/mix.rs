// SPDX-License-Identifier: GPL-2.0-only
//! The mix under which callbacks are measured: the same work for everybody, in phases that make
//! each callback run often.

use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{bail, Context, Result};
use labkit::{process, spin, sys};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    /// 40 tasks: queues are long, every dispatch finds a task.
    Messaging,
    /// Two tasks that wake each other: idle CPUs, direct dispatch, sleep.
    Pipe,
    /// More busy tasks than CPUs: ticks, ends of slices.
    Busy,
}

pub(crate) const PHASES: [Phase; 3] = [Phase::Messaging, Phase::Pipe, Phase::Busy];

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Amounts {
    /// Callbacks: messages from each sender to each receiver (perf bench sched messaging -l)
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) mix_messages: u32,

    /// Callbacks: round trips (perf bench sched pipe -l)
    #[arg(long, value_name = "N", default_value_t = 3000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) mix_pipes: u32,

    /// Callbacks: busy tasks
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) mix_busy: u32,

    /// Callbacks: time of the busy tasks, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) mix_busy_ms: u64,
}

impl Amounts {
    pub(crate) fn describe(&self) -> String {
        format!(
            "messaging -g 1 -l {}, pipe -l {}, {} busy tasks for {} ms",
            self.mix_messages, self.mix_pipes, self.mix_busy, self.mix_busy_ms
        )
    }

    pub(crate) fn run(&self, phase: Phase) -> Result<()> {
        match phase {
            Phase::Messaging => {
                perf(&["messaging", "-g", "1", "-l", &self.mix_messages.to_string()])
            }
            Phase::Pipe => perf(&["pipe", "-l", &self.mix_pipes.to_string()]),
            Phase::Busy => busy(self.mix_busy, Duration::from_millis(self.mix_busy_ms)),
        }
    }
}

fn perf(words: &[&str]) -> Result<()> {
    let mut command = Command::new("perf");
    command.args(["bench", "-f", "simple", "sched"]).args(words);
    process::run(&mut command).map(drop)
}

fn busy(tasks: u32, time: Duration) -> Result<()> {
    let end = sys::monotonic() + time;
    let spin = move || spin::until(end);
    let tasks: Vec<_> = (0..tasks)
        .map(|_| thread::Builder::new().name("busy".into()).spawn(spin))
        .collect::<Result<_, _>>()
        .context("cannot start a busy task")?;
    for task in tasks {
        if task.join().is_err() {
            bail!("a busy task panicked");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_tasks_end_in_time() {
        let start = sys::monotonic();
        busy(3, Duration::from_millis(20)).unwrap();
        assert!(sys::monotonic() - start >= Duration::from_millis(20));
    }
}
