// SPDX-License-Identifier: GPL-2.0-only
//! `bench clocks`: how far the same measurement repeats under each of the guest's clocks, on a quiet
//! and on a busy host, and what a second of a guest costs. The lab's own claims.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use anyhow::bail;
use anyhow::Context;
use anyhow::Result;
use labkit::clock::Clock;
use labkit::clock::Costs;

use super::dir;
use crate::cli;
use crate::kernel;
use crate::kernel::Kernel;
use crate::packages;
use crate::packages::Use;
use crate::paths;
use crate::vm;
use crate::vm::Job;
use crate::vm::Vm;

const CLOCKS: [Clock; 4] = [
    Clock::Host,
    Clock::Serial,
    Clock::Parallel(Costs::Flat),
    Clock::Parallel(Costs::Calibrated),
];

const MEASURE: &str = include_str!("clocks.sh");

/// So many CPUs has the guest whose measurements are compared.
const CPUS: u32 = 4;

/// Of each clock and host load.
const BOOTS: usize = 2;

/// From the start of one boot's measurements to that of the next: no divisor of a tick.
const SHIFT_MS: usize = 137;

const SIZES: [u32; 4] = [1, 2, 4, 8];

/// Guest seconds whose cost in host seconds is measured.
const COST_SECONDS: u32 = 10;

const LIMIT: Duration = Duration::from_secs(900);

/// Measures all, prints the two tables and leaves them in target/bench/clocks.md.
pub fn run(args: &cli::ClocksBench, yes: bool) -> Result<()> {
    packages::ensure(Use::Vm, yes)?;
    let kernel = kernel::find(&args.kernel)?;
    let mut table = String::from(
        "| clock | host | loads (s): pipe | messaging | hackbench | wake-up (µs): p50 | p99 |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for clock in CLOCKS {
        for busy in [false, true] {
            let samples = samples(&kernel, clock, busy)?;
            let host = if busy { "busy" } else { "quiet" };
            let cells = cells(&samples)?;
            table.push_str(&format!("| {clock} | {host} | {} |\n", cells.join(" | ")));
        }
    }
    table.push_str("\n| clock | CPUs | idle | all busy |\n|---|---|---|---|\n");
    for clock in CLOCKS {
        for cpus in SIZES {
            let [idle, busy] = ["sleep", "busy"].map(|what| cost(&kernel, clock, cpus, what));
            table.push_str(&format!(
                "| {clock} | {cpus} | {:.2} | {:.2} |\n",
                idle?, busy?
            ));
        }
    }
    print!("{table}");
    fs::create_dir_all(dir()).with_context(|| format!("cannot create {}", dir().display()))?;
    let file = dir().join("clocks.md");
    fs::write(&file, &table).with_context(|| format!("cannot write {}", file.display()))?;
    eprintln!("lab: bench clocks: the tables are in {}", file.display());
    Ok(())
}

/// By what was measured: for each boot and run its value.
type Samples = BTreeMap<String, Vec<f64>>;

fn samples(kernel: &Kernel, clock: Clock, busy: bool) -> Result<Samples> {
    let mut samples = Samples::new();
    for boot in 0..BOOTS {
        let words = ["bash", "-c", MEASURE, "clocks"].map(String::from);
        let mut job = Job::new(words.into_iter().chain([(boot * SHIFT_MS).to_string()]));
        job.files = tools()?;
        job.keep_output = true;
        job.quiet = true;
        let _load = busy.then(HostLoad::start).transpose()?;
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

/// Host seconds for a second of the guest: what a longer run takes more than a short one.
fn cost(kernel: &Kernel, clock: Clock, cpus: u32, what: &str) -> Result<f64> {
    let took = |seconds: u32| -> Result<f64> {
        let script = match what {
            "sleep" => format!("sleep {seconds}"),
            _ => format!(
                "for _ in $(seq {cpus}); do timeout {seconds} sh -c 'while :; do :; done' & \
                 done; wait"
            ),
        };
        let job = Job::new(["sh", "-c", &script]);
        let start = Instant::now();
        vm::run(&machine(kernel, clock, cpus), &job)?;
        Ok(start.elapsed().as_secs_f64())
    };
    Ok((took(1 + COST_SECONDS)? - took(1)?) / f64::from(COST_SECONDS))
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

/// Threads that keep every core of this machine busy.
struct HostLoad {
    stop: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl HostLoad {
    fn start() -> Result<Self> {
        let cores = thread::available_parallelism().context("cannot count the CPUs")?;
        let stop = Arc::new(AtomicBool::new(false));
        let spin = |_| {
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            })
        };
        let threads = (0..cores.get()).map(spin).collect();
        Ok(Self { stop, threads })
    }
}

impl Drop for HostLoad {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A thread that only spins cannot panic.
            let _ = thread.join();
        }
    }
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
