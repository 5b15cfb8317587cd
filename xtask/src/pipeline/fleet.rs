// SPDX-License-Identifier: GPL-2.0-only
//! Boots machines, several at a time where they do not disturb each other: in the reproducible
//! mode a machine's clock counts its own instructions, whatever else the host does, and each
//! takes one core.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use anyhow::anyhow;
use anyhow::Context;
use anyhow::Result;

use crate::bench;
use crate::vm;
use crate::vm::Job;
use crate::vm::Vm;

/// One boot.
pub struct Machine {
    /// Names its raw data.
    pub label: String,
    /// The hardware.
    pub vm: Vm,
    /// What runs there; raw data on standard output.
    pub job: Job,
}

/// Runs all; files with what each measured, in order. The first failure ends it, after the
/// machines that run by then.
pub fn run(machines: Vec<Machine>, raw: &Path) -> Result<Vec<PathBuf>> {
    let at_once = at_once(&machines)?;
    let count = machines.len();
    let waiting: Mutex<Vec<_>> = Mutex::new(machines.into_iter().enumerate().collect());
    let done: Mutex<Vec<(usize, Result<PathBuf>)>> = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some((number, machine)) = next(&waiting) {
                    let result = measure(&machine, number + 1, count, raw);
                    if result.is_err() {
                        forget(&waiting);
                    }
                    if let Ok(mut done) = done.lock() {
                        done.push((number, result));
                    }
                }
            });
        }
    });
    let mut done = done
        .into_inner()
        .map_err(|_| anyhow!("a machine's thread panicked"))?;
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Machines on the host's clock need its cores for themselves.
fn at_once(machines: &[Machine]) -> Result<usize> {
    if machines.iter().any(|machine| !machine.vm.deterministic) {
        return Ok(1);
    }
    let cores = thread::available_parallelism().context("cannot count the CPUs")?;
    Ok(cores.get().min(machines.len()))
}

/// The last first: of the subjects of a workload that is the whole, which takes longest.
fn next<T>(waiting: &Mutex<Vec<T>>) -> Option<T> {
    waiting.lock().ok()?.pop()
}

fn forget<T>(waiting: &Mutex<Vec<T>>) {
    if let Ok(mut waiting) = waiting.lock() {
        waiting.clear();
    }
}

fn measure(machine: &Machine, number: usize, count: usize, raw: &Path) -> Result<PathBuf> {
    let label = &machine.label;
    let start = Instant::now();
    eprintln!(
        "lab: boot {number} of {count}: {label} (at most {} s)",
        machine.vm.timeout.as_secs()
    );
    let done = vm::run(&machine.vm, &machine.job).with_context(|| label.clone())?;
    let file = bench::keep(&done, raw, label)?;
    eprintln!("lab: {label} took {} s", start.elapsed().as_secs());
    Ok(file)
}
