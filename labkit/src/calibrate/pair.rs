// SPDX-License-Identifier: GPL-2.0-only
//! What two CPUs cost each other: a cache line that both write, and messages through pipes between
//! two tasks on one CPU (a switch), or each on its own (a wake-up of an idle CPU).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::{calls, per, Group, Load};

const TURNS: u64 = 20_000;
const MESSAGES: u64 = 2_000;
const BARRIERS: u64 = 1_000;
const SETTLE: Duration = Duration::from_millis(2);

pub fn loads() -> Vec<Load> {
    let micro =
        |name: &str, unit, run: fn() -> Result<f64>| Load::new(Group::Micro, name, unit, run);
    vec![
        micro("line between CPUs", "ns a hand-over", line_between_cpus),
        micro("interrupt to a busy CPU", "ns", interrupt_to_busy_cpu),
        micro("pipe on one CPU, threads", "ns a message", || {
            pipe(false, [0, 0])
        }),
        micro("pipe on one CPU, processes", "ns a message", || {
            pipe(true, [0, 0])
        }),
        micro("pipe between CPUs", "ns a message", || pipe(false, [0, 1])),
    ]
}

/// Two threads take turns at incrementing one word; each increment moves its line once.
fn line_between_cpus() -> Result<f64> {
    let word = AtomicU64::new(0);
    let turns = |own: u64, cpu: usize| -> Result<()> {
        pin(cpu)?;
        let mut turn = own;
        while turn < TURNS {
            while word.load(Ordering::Acquire) != turn {
                std::hint::spin_loop();
            }
            word.store(turn + 1, Ordering::Release);
            turn += 2;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let other = scope.spawn(|| turns(1, 1));
        let this = scope.spawn(|| {
            let started = Instant::now();
            turns(0, 0)?;
            Ok(per(started.elapsed(), TURNS))
        });
        let took = join(this)?;
        join(other)??;
        took
    })
}

fn join<T>(thread: thread::ScopedJoinHandle<T>) -> Result<T> {
    let panicked = |_| anyhow::anyhow!("a thread of the load panicked");
    thread.join().map_err(panicked)
}

/// A barrier in all threads of the process: the kernel interrupts each CPU that runs one, and waits.
fn interrupt_to_busy_cpu() -> Result<f64> {
    calls::register_barrier().context("cannot register for membarrier")?;
    let (running, stop) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        let other = scope.spawn(|| -> Result<()> {
            pin(1)?;
            running.store(true, Ordering::Relaxed);
            while !stop.load(Ordering::Relaxed) {
                std::hint::black_box(0);
            }
            Ok(())
        });
        let this = scope.spawn(|| -> Result<f64> {
            pin(0)?;
            while !running.load(Ordering::Relaxed) {
                thread::sleep(SETTLE);
            }
            let started = Instant::now();
            for _ in 0..BARRIERS {
                calls::barrier()?;
            }
            Ok(per(started.elapsed(), BARRIERS))
        });
        let took = join(this);
        stop.store(true, Ordering::Relaxed);
        join(other)??;
        took?
    })
}

/// One byte to and fro; half of a round trip is a message.
fn pipe(processes: bool, cpus: [usize; 2]) -> Result<f64> {
    let (there, back) = (calls::Pipe::new()?, calls::Pipe::new()?);
    let echo = || -> Result<()> {
        pin(cpus[1])?;
        for _ in 0..MESSAGES {
            there.read_byte()?;
            back.write_byte()?;
        }
        Ok(())
    };
    let ask = || -> Result<f64> {
        pin(cpus[0])?;
        let started = Instant::now();
        for _ in 0..MESSAGES {
            there.write_byte()?;
            back.read_byte()?;
        }
        Ok(per(started.elapsed(), 2 * MESSAGES))
    };
    if processes {
        // SAFETY: the child makes plain system calls on descriptors, and ends.
        let child = unsafe { calls::fork(|| i32::from(echo().is_err())) }?;
        let took = thread::scope(|scope| join(scope.spawn(ask)))??;
        child.wait().context("the other end of the pipe failed")?;
        return Ok(took);
    }
    thread::scope(|scope| {
        let other = scope.spawn(echo);
        // In a thread of its own, or it is we who stay pinned.
        let took = join(scope.spawn(ask))??;
        join(other)??;
        Ok(took)
    })
}

fn pin(cpu: usize) -> Result<()> {
    calls::pin(cpu).with_context(|| format!("cannot move to CPU {cpu}"))
}
