// SPDX-License-Identifier: GPL-2.0-only
//! The guest half of lab/tests/parallel_clock.rs: measures a machine's clock by that very clock and
//! prints `name value` lines, in nanoseconds.

use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use anyhow::{anyhow, Context, Result};
use clap::ValueEnum;
use labkit::sys;

/// Rounds of a busy loop: about 60 ms at 2 ns an instruction.
const ROUNDS: u64 = 4_000_000;

/// Wake-ups that are timed, and the time between two: no multiple of a tick.
const WAKE_UPS: u32 = 200;
const WAKE_UP_EVERY: Duration = Duration::from_millis(7);

#[derive(Clone, Copy, ValueEnum)]
pub enum What {
    /// Busy loops on 1, 2, 4 and 8 CPUs at once.
    Loops,
    /// Wake-ups of a task on an idle CPU.
    WakeUps,
}

/// Prints the figures of this machine.
pub fn run(what: What) -> Result<()> {
    match what {
        What::Loops => loops(),
        What::WakeUps => wake_ups(),
    }
}

fn loops() -> Result<()> {
    let cpus = thread::available_parallelism()?.get();
    for count in [1, 2, 4, 8].into_iter().filter(|&count| count <= cpus) {
        println!("loops-{count} {}", busy_loops(count)?.as_nanos());
    }
    Ok(())
}

fn wake_ups() -> Result<()> {
    let cpus = thread::available_parallelism()?.get();
    let mut late = late_wake_ups(cpus - 1)?;
    late.sort();
    println!("late-median {}", late[late.len() / 2].as_nanos());
    println!("late-p98 {}", late[late.len() * 98 / 100].as_nanos());
    println!("late-most {}", late[late.len() - 1].as_nanos());
    Ok(())
}

/// The time from the first loop's start to the last one's end, a loop a CPU.
fn busy_loops(count: usize) -> Result<Duration> {
    let start = Arc::new(Barrier::new(count));
    let loops: Vec<_> = (0..count)
        .map(|cpu| {
            let start = start.clone();
            thread::spawn(move || -> Result<_> {
                pin(cpu)?;
                start.wait();
                let begin = sys::monotonic();
                let mut sum = 0_u64;
                for round in 0..ROUNDS {
                    sum = black_box(sum ^ round);
                }
                Ok((begin, sys::monotonic()))
            })
        })
        .collect();
    let mut times = Vec::new();
    for one in loops {
        times.push(one.join().map_err(|_| anyhow!("a loop panicked"))??);
    }
    let first = times.iter().map(|&(begin, _)| begin).min();
    let last = times.iter().map(|&(_, end)| end).max();
    let took = first.zip(last).map(|(first, last)| last - first);
    took.context("no loop ran")
}

/// How late a task on an idle CPU wakes up, each time.
fn late_wake_ups(cpu: usize) -> Result<Vec<Duration>> {
    let sleeper = thread::spawn(move || -> Result<_> {
        pin(cpu)?;
        sys::set_timer_slack(Duration::from_nanos(1))?;
        let mut due = sys::monotonic();
        let mut late = Vec::new();
        for _ in 0..WAKE_UPS {
            due += WAKE_UP_EVERY;
            sys::sleep_until(due)?;
            late.push(sys::monotonic().saturating_sub(due));
        }
        Ok(late)
    });
    sleeper
        .join()
        .map_err(|_| anyhow!("the sleeper panicked"))?
}

fn pin(cpu: usize) -> Result<()> {
    sys::bind_to(&[cpu]).with_context(|| format!("cannot run on CPU {cpu}"))
}
