// SPDX-License-Identifier: GPL-2.0-only
//! How far the same measurement repeats under each of the guest's clocks, on a quiet
//! and on a busy host, and what a second of a guest costs. The lab's own claims.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{bail, ensure, Context, Result};
use clap::ValueEnum;
use labkit::clock::{Clock, Costs};
use labkit::task::Task;

use crate::kernel::Kernel;
use crate::paths;
use crate::vm::{self, Job, Vm};

/// Those whose measurements are compared. Calibrated costs are the parallel clock's too, and take
/// thirty times as long.
const COMPARED: [Clock; 3] = [Clock::Host, Clock::Serial, Clock::Parallel(Costs::Flat)];

const MEASURE: &str = include_str!("clocks.sh");

/// So many CPUs has the guest whose measurements are compared.
const CPUS: u32 = 4;

/// Of each clock and host load.
const BOOTS: usize = 2;

/// In each boot.
const RUNS: usize = 5;

/// From the start of one boot's measurements to that of the next: no divisor of a tick.
const SHIFT_MS: usize = 137;

const SIZES: [u32; 4] = [1, 2, 4, 8];

/// Guest seconds whose cost in host seconds is measured, of each clock.
const COSTS: [(Clock, f64); 4] = [
    (Clock::Host, 5.0),
    (Clock::Serial, 5.0),
    (Clock::Parallel(Costs::Flat), 5.0),
    (Clock::Parallel(Costs::Calibrated), 0.3),
];

const LIMIT: Duration = Duration::from_secs(900);

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Table {
    /// How far the same measurement repeats
    Spread,
    /// Host seconds for a second of the guest
    Cost,
}

/// Measures all; each row is printed, and kept in a file of this folder, as soon as it is there.
pub fn run(kernel: &Kernel, only: Option<Table>, folder: &Path) -> Result<()> {
    let mut table = Document::new(folder)?;
    if only != Some(Table::Cost) {
        spreads(kernel, &mut table)?;
    }
    let mut failed = 0;
    if only != Some(Table::Spread) {
        failed = costs(kernel, &mut table)?;
    }
    eprintln!(
        "lab: bench clocks: the tables are in {}",
        table.file.display()
    );
    ensure!(
        failed == 0,
        "bench clocks: {failed} rows say why there are no figures"
    );
    Ok(())
}

fn spreads(kernel: &Kernel, table: &mut Document) -> Result<()> {
    table.row(&format!(
        "{CPUS} CPUs, {BOOTS} boots of {RUNS} runs: median ± half of the distance from least to most\n\n\
         | clock | host | pipe (s) | messaging (s) | hackbench (s) | wake-up p50 (µs) | p99 (µs) |\n\
         |---|---|---|---|---|---|---|"
    ))?;
    for clock in COMPARED {
        for (host, busy) in [("quiet", false), ("busy", true)] {
            let samples = samples(kernel, clock, busy)?;
            let cells = cells(&samples)?.join(" | ");
            table.row(&format!("| {clock} | {host} | {cells} |"))?;
        }
    }
    Ok(())
}

fn costs(kernel: &Kernel, table: &mut Document) -> Result<usize> {
    table.row(
        "\nHost seconds for a second of the guest\n\n\
         | clock | CPUs | idle | all busy |\n|---|---|---|---|",
    )?;
    let mut failed = 0;
    for (clock, seconds) in COSTS {
        for cpus in SIZES {
            let cost = cost(kernel, clock, cpus, seconds);
            failed += usize::from(cost.is_err());
            table.row(&format!("| {clock} | {cpus} | {} |", cost_cells(&cost)))?;
        }
    }
    Ok(failed)
}

/// The others are measured, too, where the largest machines do not boot within the limit.
fn cost_cells(cost: &Result<[f64; 2]>) -> String {
    match cost {
        Ok([idle, busy]) => format!("{idle:.2} | {busy:.2}"),
        Err(error) => format!("{error:#} | –"),
    }
}

/// A file that grows by rows.
struct Document {
    file: PathBuf,
}

impl Document {
    fn new(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let file = folder.join("clocks.md");
        fs::write(&file, "").with_context(|| format!("cannot write {}", file.display()))?;
        Ok(Self { file })
    }

    fn row(&mut self, text: &str) -> Result<()> {
        println!("{text}");
        let mut file = fs::File::options().append(true).open(&self.file)?;
        writeln!(file, "{text}").with_context(|| format!("cannot write {}", self.file.display()))
    }
}

/// By what was measured: for each boot and run its value.
type Samples = BTreeMap<String, Vec<f64>>;

fn samples(kernel: &Kernel, clock: Clock, busy: bool) -> Result<Samples> {
    let mut samples = Samples::new();
    for boot in 0..BOOTS {
        let words = ["bash", "-c", MEASURE, "clocks"].map(String::from);
        let mut job = Job::new(
            words
                .into_iter()
                .chain([boot * SHIFT_MS, RUNS].map(|n| n.to_string())),
        );
        job.files = tools()?;
        job.keep_output = true;
        job.quiet = true;
        let cores = thread::available_parallelism().context("cannot count the CPUs")?;
        let _load = busy.then(|| Task::hogs(cores.get())).transpose()?;
        let done = vm::run(&machine(kernel, clock, CPUS), &job)?;
        if done.status != 0 {
            bail!("bench clocks: status {} on the clock {clock}", done.status);
        }
        add(&mut samples, &String::from_utf8_lossy(&done.stdout))?;
    }
    Ok(samples)
}

/// A run of wake-ups becomes two samples: its median and its 99th percentile.
fn add(samples: &mut Samples, said: &str) -> Result<()> {
    let mut wakeups: Vec<Vec<f64>> = Vec::new();
    for line in said.lines() {
        if line == "begin" {
            wakeups.push(Vec::new());
            continue;
        }
        let (name, value) = line
            .split_once(' ')
            .with_context(|| format!("bench clocks: not a sample: {line}"))?;
        let value: f64 = value
            .parse()
            .with_context(|| format!("bench clocks: not a number: {line}"))?;
        match (name, wakeups.last_mut()) {
            ("wakeup", Some(run)) => run.push(value),
            _ => samples.entry(name.to_string()).or_default().push(value),
        }
    }
    for mut run in wakeups {
        run.sort_by(f64::total_cmp);
        for (name, part) in [("p50", 0.5), ("p99", 0.99)] {
            let at = run.get((run.len() as f64 * part) as usize);
            let at = at.context("bench clocks: a run without wake-ups")?;
            samples.entry(name.to_string()).or_default().push(*at);
        }
    }
    Ok(())
}

/// The median, and how far the values lie apart.
fn cells(samples: &Samples) -> Result<Vec<String>> {
    ["pipe", "messaging", "hackbench", "p50", "p99"]
        .into_iter()
        .map(|name| {
            let mut values = samples
                .get(name)
                .with_context(|| format!("bench clocks: no sample of {name}"))?
                .clone();
            values.sort_by(f64::total_cmp);
            let (least, most) = (values[0], values[values.len() - 1]);
            let median = values[values.len() / 2];
            let spread = 100.0 * (most - least) / median;
            Ok(format!("{median:.3} ± {:.1} %", spread / 2.0))
        })
        .collect()
}

/// Host seconds for a second of the guest, idle and busy: what such a run takes more than one that
/// does nothing.
fn cost(kernel: &Kernel, clock: Clock, cpus: u32, seconds: f64) -> Result<[f64; 2]> {
    let took = |script: &str| -> Result<f64> {
        let start = Instant::now();
        let done = vm::run(
            &machine(kernel, clock, cpus),
            &Job::new(["sh", "-c", script]),
        )?;
        ensure!(
            done.status == 0,
            "bench clocks: `{script}`: status {}",
            done.status
        );
        Ok(start.elapsed().as_secs_f64())
    };
    let nothing = took(":")?;
    let idle = took(&format!("sleep {seconds}"))?;
    let busy = took(&format!(
        "for _ in $(seq {cpus}); do timeout {seconds} sh -c 'while :; do :; done' & done; wait"
    ))?;
    Ok([idle, busy].map(|took| (took - nothing) / seconds))
}

fn machine(kernel: &Kernel, clock: Clock, cpus: u32) -> Vm {
    Vm {
        kernel: kernel.clone(),
        hardware: vm::Hardware {
            memory: vm::Memory::gib(2),
            ..vm::Hardware::of_cpus(cpus)
        },
        clock,
        timeout: LIMIT,
        console: None,
    }
}

fn tools() -> Result<Vec<PathBuf>> {
    let find = |name| paths::which(name).with_context(|| format!("there is no {name}"));
    ["hackbench", "cyclictest", "perf"]
        .into_iter()
        .map(find)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_samples_and_runs_of_wakeups_percentiles() {
        let mut said = String::from("pipe 0.5\npipe 0.7\npipe 0.6\nbegin\n");
        for latency in 1..=100 {
            said.push_str(&format!("wakeup {latency}\n"));
        }
        let mut samples = Samples::new();
        add(&mut samples, &said).unwrap();
        assert_eq!(samples["pipe"], [0.5, 0.7, 0.6]);
        assert_eq!((samples["p50"][0], samples["p99"][0]), (51.0, 100.0));
        let error = cells(&samples).unwrap_err().to_string();
        assert!(error.contains("no sample of messaging"), "{error}");
    }

    #[test]
    fn what_is_no_sample_is_quoted() {
        for said in ["pipe", "pipe fast", "begin\n"] {
            assert!(add(&mut Samples::new(), said).is_err(), "{said}");
        }
    }
}
