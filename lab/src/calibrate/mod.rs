// SPDX-License-Identifier: GPL-2.0-only
//! Fits the numbers of the parallel clock's `calibrated` cost model to the machine that it runs on.

mod fit;
mod samples;
mod table;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use labkit::clock::{Clock, Costs as Model};

use self::samples::Samples;
use crate::fleet::{self, Machine};
use crate::kernel::Kernel;
use crate::programs::cargo;
use crate::vm::vclock::Costs;
use crate::vm::{Hardware, Job, Vm};
use crate::{command, paths};

/// The two guests of a round, which boot side by side: a name, and words of the load program.
const GUESTS: [(&str, &[&str]); 2] = [("sched", &["sched"]), ("micro", &["micro", "memory"])];

/// One guest of a round, on a machine that others use too.
const LIMIT: Duration = Duration::from_secs(1800);

/// How much is measured.
pub struct Options<'a> {
    /// Of the guests.
    pub kernel: Kernel,
    /// How often guests are booted and the costs changed after them.
    pub rounds: u32,
    /// Of each load, here.
    pub samples: usize,
    /// Of each load, in a guest.
    pub guest_samples: usize,
    /// What the load program printed here earlier; measured where there is nothing.
    pub native: &'a [PathBuf],
}

/// Measures here, boots guests until their loads take as long, and writes costs and document.
pub fn run(options: &Options) -> Result<()> {
    let dir = paths::lab_dir("calibrate")?;
    let program = cargo::calibrate(&dir)?;
    let native = match options.native {
        [] => measure_here(&program, options.samples, &dir)?,
        files => Samples::read(files)?,
    };

    let mut costs = Costs::read()?;
    let mut best: Option<(fit::Distance, Costs, Samples)> = None;
    for round in 1..=options.rounds {
        costs.write()?;
        let guest = measure_guest(&program, &options.kernel, options.guest_samples, &dir)?;
        let distance = fit::distance(&native, &guest);
        eprintln!(
            "lab: round {round} of {}: {} loads are off by more than {:.0} %; {:.2} in all",
            options.rounds,
            distance.off,
            fit::TOLERANCE * 100.0,
            distance.sum
        );
        let next = fit::next(&costs, &native, &guest);
        if best.as_ref().is_none_or(|(least, ..)| distance < *least) {
            best = Some((distance, costs, guest));
        }
        costs = next;
    }
    let (_, costs, guest) = best.context("no round was run")?;
    costs.write()?;
    let document = table::write(&options.kernel.release, &native, &guest)?;
    eprintln!("lab: the table is in {}", document.display());
    Ok(())
}

fn measure_here(program: &Path, samples: usize, dir: &Path) -> Result<Samples> {
    eprintln!("lab: measuring this machine for a minute: keep it idle");
    let file = dir.join("native.json");
    let said = command::read(Command::new(program).arg(samples.to_string()))?;
    fs::write(&file, said).with_context(|| format!("cannot write {}", file.display()))?;
    Samples::read(&[file])
}

fn measure_guest(program: &Path, kernel: &Kernel, samples: usize, dir: &Path) -> Result<Samples> {
    let machines = GUESTS.map(|(name, words)| {
        let mut argv: Vec<OsString> = vec![program.into(), samples.to_string().into()];
        argv.extend(words.iter().map(Into::into));
        let mut job = Job::new(argv);
        job.files.extend(paths::which("hackbench"));
        job.keep_output = true;
        job.quiet = true;
        Machine {
            label: format!("guest-{name}"),
            vm: Vm {
                kernel: kernel.clone(),
                hardware: Hardware::of_cpus(2),
                clock: Clock::Parallel(Model::Calibrated),
                timeout: LIMIT,
                console: None,
            },
            job,
        }
    });
    Samples::read(&fleet::run(machines.into(), dir)?)
}
