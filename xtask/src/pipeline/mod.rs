// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask bench rag|messaging|web|breakdown`: the paper's experiment from end to end. Each
//! stage boots machines of its own, so that what one chose is measured afresh by the next:
//!
//! ```text
//! profile ──► profile.toml ──► tune ──► the winner and the best policy ──► compare ──► report
//! a boot a subject             2 boots                      batches of 2 boots, until the
//!                                                           interval is narrow or time is up
//! ```

mod kit;
mod stage;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{bail, Context, Result};
use serde::Deserialize;

use self::kit::Kit;
use self::stage::{words, Lab};
use crate::fleet::Machine;
use crate::packages::Use;
use crate::rag::Scale;
use crate::vm::Accel;
use crate::{bench, cli, command, fleet, kernel, packages, vm};

/// Machines of one stage that measure the same.
const BOOTS: u32 = 2;

/// Which workload.
#[derive(Clone, Copy)]
pub enum Which {
    /// The paper's.
    Rag,
    /// perf bench sched messaging.
    Messaging,
    /// nginx.
    Web,
    /// Many at once.
    Breakdown,
}

/// Measures and reports.
pub fn run(which: Which, args: &cli::Pipeline, yes: bool) -> Result<()> {
    let start = Instant::now();
    packages::ensure(which.needs(), yes)?;
    let kernel = kernel::find(&args.kernel.name)?;
    let accel = vm::usable_accel(&kernel)?;
    let kit = which.kit(scale(args.full, accel)?)?;
    let kconfig = bench::kconfig(&kernel)?;
    let programs = bench::programs(bench::METABENCH)?;
    let lab = Lab {
        kit: &kit,
        twins: &bench::twins()?,
        programs: &programs,
        kconfig: kconfig.as_deref(),
        cpus: args.cpus,
        clock: bench::clock(&kernel, args.kernel.clock)?,
        kernel: &kernel,
    };
    let pipeline = Pipeline::new(&lab, args)?;
    eprintln!(
        "lab: bench {}: everything is there after {} s",
        kit.name,
        start.elapsed().as_secs()
    );
    match which {
        Which::Breakdown => pipeline.breakdown()?,
        _ => pipeline.all_stages()?,
    }
    eprintln!(
        "lab: bench {} took {} s; report in {}",
        kit.name,
        start.elapsed().as_secs(),
        pipeline.dir.join("report.html").display()
    );
    Ok(())
}

/// The paper's only where a processor plays the processor.
fn scale(full: bool, accel: Accel) -> Result<Scale> {
    match (full, accel) {
        (true, Accel::Tcg) => bail!(
            "--full: this machine has no KVM that works, and emulated the paper's scale would take \
             days"
        ),
        (true, Accel::Kvm) => Ok(Scale::Paper),
        (false, _) => Ok(Scale::Emulated),
    }
}

impl Which {
    fn needs(self) -> Use {
        match self {
            Self::Rag => Use::Rag,
            Self::Messaging => Use::Vm,
            Self::Web | Self::Breakdown => Use::Overhead,
        }
    }

    fn kit(self, scale: Scale) -> Result<Kit> {
        match self {
            Self::Rag => Kit::rag(scale),
            Self::Messaging => Kit::messaging(scale),
            Self::Web => Kit::web(scale),
            Self::Breakdown => Kit::mix(scale),
        }
    }
}

/// A pipeline under way.
struct Pipeline<'a> {
    lab: &'a Lab<'a>,
    args: &'a cli::Pipeline,
    /// Of the results.
    dir: PathBuf,
    /// Of what was seen in each boot.
    raw: PathBuf,
}

impl<'a> Pipeline<'a> {
    /// What an earlier run left is removed: after a failure nothing old may look new.
    fn new(lab: &'a Lab, args: &'a cli::Pipeline) -> Result<Self> {
        let dir = bench::dir().join(lab.kit.name);
        if dir.exists() {
            fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
        }
        let raw = dir.join("raw");
        fs::create_dir_all(&raw).with_context(|| format!("cannot create {}", raw.display()))?;
        Ok(Self {
            lab,
            args,
            dir,
            raw,
        })
    }

    fn all_stages(&self) -> Result<()> {
        self.profile()?;
        self.tune()?;
        self.compare()?;
        self.report(&["profile", "tune", "compare"])
    }

    fn profile(&self) -> Result<()> {
        let machine = |(seed, subject): (u64, &String)| {
            let mut words = words([("--rounds", self.args.rounds.to_string())]);
            words.extend(["--subject".into(), subject.into()]);
            let label = format!("profile-{subject}");
            self.lab.machine("profile", &label, seed, &words)
        };
        let machines = (1..).zip(&self.lab.kit.subjects).map(machine).collect();
        let raw = fleet::run(machines, &self.raw)?;
        self.derive("profile", &raw, &[])
    }

    fn tune(&self) -> Result<()> {
        let options = words([("--profile", stage::file(&self.profile_file()))]);
        let raw = self.boots("tune", 100, self.args.rounds.div_ceil(BOOTS), &options)?;
        self.derive("tune", &raw, &[])
    }

    /// Afresh, with none of tune's data; when it ends depends on the width of an interval, never
    /// on the sign of what it shows.
    fn compare(&self) -> Result<()> {
        let tune = words([("--tune", stage::file(&stage::outcome(&self.dir, "tune")))]);
        let mut options = tune.clone();
        options.extend(words([("--twins", stage::file(self.lab.twins))]));
        let deadline = Instant::now() + Duration::from_secs(60 * self.args.budget_minutes);
        let mut raw = Vec::new();
        for batch in 0.. {
            let begun = Instant::now();
            let seed = 1000 + 100 * batch;
            raw.extend(self.boots("compare", seed, self.args.rounds, &options)?);
            self.derive("compare", &raw, &tune)?;
            let width = self.width()?;
            eprintln!("lab: compare: the interval is {:.1} % wide", 100.0 * width);
            if width <= self.args.width || Instant::now() + begun.elapsed() > deadline {
                break;
            }
        }
        Ok(())
    }

    /// The mixes of 1, 2, 4 … applications, each in a boot of its own.
    fn breakdown(&self) -> Result<()> {
        self.profile()?;
        let profile = words([("--profile", stage::file(&self.profile_file()))]);
        let machine = |count: &u32| {
            let mut options = profile.clone();
            options.extend(words([
                ("--applications", count.to_string()),
                ("--rounds", self.args.rounds.to_string()),
            ]));
            let label = format!("breakdown-{count}");
            self.lab
                .machine("breakdown", &label, 200 + u64::from(*count), &options)
        };
        let counts = &self.lab.kit.counts;
        let raw = fleet::run(counts.iter().map(machine).collect(), &self.raw)?;
        let mut stages = vec!["profile".to_string()];
        for (count, raw) in counts.iter().zip(&raw) {
            let applications = words([("--applications", count.to_string())]);
            self.derive("breakdown", std::slice::from_ref(raw), &applications)?;
            stages.push(format!("breakdown-{count}"));
        }
        let stages: Vec<&str> = stages.iter().map(String::as_str).collect();
        self.report(&stages)
    }

    /// The same machine several times, with another seed each.
    fn boots(
        &self,
        stage: &str,
        seed: u64,
        rounds: u32,
        options: &[OsString],
    ) -> Result<Vec<PathBuf>> {
        let mut words = words([("--rounds", rounds.to_string())]);
        words.extend_from_slice(options);
        let machine = |boot: u32| -> Machine {
            let seed = seed + u64::from(boot);
            let label = format!("{stage}-{seed}");
            self.lab.machine(stage, &label, seed, &words)
        };
        fleet::run((0..BOOTS).map(machine).collect(), &self.raw)
    }

    /// Figures from raw data.
    fn derive(&self, stage: &str, raw: &[PathBuf], options: &[OsString]) -> Result<()> {
        let mut derive = Command::new(&self.lab.programs.bench);
        derive.arg(stage).arg("--from").args(raw);
        derive.arg("--out").arg(&self.dir).args(options);
        command::run(&mut derive)
    }

    fn report(&self, stages: &[&str]) -> Result<()> {
        let outcomes = stages.iter().map(|stage| stage::outcome(&self.dir, stage));
        let mut report = Command::new(&self.lab.programs.bench);
        report.arg("report").args(outcomes);
        report.arg("--out").arg(&self.dir);
        command::run(&mut report)
    }

    fn profile_file(&self) -> PathBuf {
        self.dir.join("profile.toml")
    }

    /// Of the interval of the first comparison: the winner against EEVDF.
    fn width(&self) -> Result<f64> {
        let file = stage::outcome(&self.dir, "compare");
        width(&file).with_context(|| format!("{}", file.display()))
    }
}

/// What is read of `compare.json` here.
#[derive(Deserialize)]
struct Compared {
    comparisons: Vec<Comparison>,
}

#[derive(Deserialize)]
struct Comparison {
    throughput_ratio: Ratio,
}

#[derive(Deserialize)]
struct Ratio {
    low: f64,
    high: f64,
}

fn width(file: &Path) -> Result<f64> {
    let compared: Compared = serde_json::from_slice(&fs::read(file)?)?;
    let first = compared.comparisons.first().context("no comparison")?;
    Ok(first.throughput_ratio.high - first.throughput_ratio.low)
}
