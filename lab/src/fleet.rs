// SPDX-License-Identifier: GPL-2.0-only
//! Boots machines, several at a time where they do not disturb each other: on a virtual
//! clock a machine counts its own instructions, whatever else the host does, and each takes one
//! core.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;
use std::{fs, thread};

use anyhow::{anyhow, bail, Context, Result};

use crate::vm::{self, Done, Job, Vm};

/// One boot.
pub struct Machine {
    /// Names its raw data.
    pub label: String,
    pub vm: Vm,
    /// What runs there; raw data on standard output.
    pub job: Job,
}

/// Runs all; files with what each measured, in order. The first failure ends it, after the
/// machines that run by then. Those on the host's clock need its cores for themselves, and
/// come after the others.
pub fn run(machines: Vec<Machine>, raw: &Path) -> Result<Vec<PathBuf>> {
    let count = machines.len();
    let (mut together, alone): (Vec<_>, Vec<_>) = machines
        .into_iter()
        .enumerate()
        .partition(|(_, machine)| machine.vm.clock.is_virtual());
    // What may take longest begins.
    together.sort_by_key(|(_, machine)| machine.vm.timeout);
    let cores = thread::available_parallelism().context("cannot count the CPUs")?;
    let mut done = at_once(cores.get(), together, count, raw)?;
    done.extend(at_once(1, alone, count, raw)?);
    done.sort_by_key(|(number, _)| *number);
    Ok(done.into_iter().map(|(_, file)| file).collect())
}

/// Runs some of `count` machines, each with its number, so many at a time.
fn at_once(
    limit: usize,
    machines: Vec<(usize, Machine)>,
    count: usize,
    raw: &Path,
) -> Result<Vec<(usize, PathBuf)>> {
    let limit = limit.min(machines.len());
    let waiting = Mutex::new(machines);
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..limit {
            scope.spawn(|| {
                while let Some((number, machine)) = next(&waiting) {
                    let result = measure(&machine, number + 1, count, raw);
                    if result.is_err() {
                        forget(&waiting);
                    }
                    if let Ok(mut done) = done.lock() {
                        done.push(result.map(|file| (number, file)));
                    }
                }
            });
        }
    });
    let done = done
        .into_inner()
        .map_err(|_| anyhow!("a machine's thread panicked"))?;
    done.into_iter().collect()
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
    let file = keep(&done, raw, label)?;
    eprintln!("lab: {label} took {} s", start.elapsed().as_secs());
    Ok(file)
}

/// Keeps what a machine measured; of a failed run too, since it helps to find out why.
fn keep(done: &Done, folder: &Path, label: &str) -> Result<PathBuf> {
    let end = if done.status == 0 { "" } else { "-failed" };
    let file = folder.join(format!("{label}{end}.jsonl"));
    fs::write(&file, &done.stdout).with_context(|| format!("cannot write {}", file.display()))?;
    if done.status != 0 {
        bail!(
            "bench {label} ended with status {}; what it had measured is in {}",
            done.status,
            file.display()
        );
    }
    Ok(file)
}
