// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask bench rag|messaging|web|breakdown`: the paper's experiment from end to end. Each
//! stage boots machines of its own, so that what one chose is measured afresh by the next:
//!
//! ```text
//! profile ──► profile.toml ──► tune ──► the winner and the best policy ──► compare ──► report
//! a boot a subject             2 boots                      batches of 2 boots, until the
//!                                                           interval is narrow or time is up
//! ```

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{bail, Context, Result};
use lab::programs::cargo::Profile;
use lab::vm::{Accel, Hardware};
use lab::{kernel, packages, vm};
use serde::Deserialize;

use super::workload::{Kit, Scale, Workload};
use super::{dir, mechanism, option, pictures, Bench, Boot, Row};
use crate::cli;

/// Machines of one stage that measure the same.
const BOOTS: u32 = 2;

/// Raw data must not take longer than a person would wait for all of it.
const LIMIT: Duration = Duration::from_secs(60 * 60);

pub(super) fn run(workload: &Workload, args: &cli::Pipeline, yes: bool) -> Result<()> {
    let (profile, wanted) = (Profile::Release, &args.kernel);
    let scale = match args.full {
        true => full(&workload.row, &wanted.name, yes)?,
        false => Scale::Emulated,
    };
    let bench = Bench::new(&workload.row, profile, &wanted.name, wanted.clock, yes)?;
    let kit = workload.kit(scale)?;
    let pipeline = Pipeline::new(&bench, workload, &kit, args)?;
    bench.say_ready();
    match workload.counts {
        [] => pipeline.all_stages()?,
        counts => pipeline.breakdown(counts)?,
    }
    let report = pipeline.dir.join("report.html");
    bench.say_done(&format!("report in {}", report.display()));
    Ok(())
}

/// The paper's scale, only where a processor plays the processor.
fn full(row: &Row, kernel: &str, yes: bool) -> Result<Scale> {
    packages::ensure(row.needs, yes)?;
    match vm::usable_accel(&kernel::find(kernel)?)? {
        Accel::Kvm => Ok(Scale::Paper),
        Accel::Tcg => bail!(
            "--full: this machine has no KVM that works, and emulated the paper's scale would take \
             days"
        ),
    }
}

struct Pipeline<'a> {
    bench: &'a Bench,
    workload: &'a Workload,
    kit: &'a Kit,
    args: &'a cli::Pipeline,
    /// scx_meta with two rows of one policy.
    twins: PathBuf,
    dir: PathBuf,
    /// Of what was seen in each boot.
    raw: PathBuf,
}

impl<'a> Pipeline<'a> {
    /// What an earlier run left is removed: after a failure nothing old may look new.
    fn new(
        bench: &'a Bench,
        workload: &'a Workload,
        kit: &'a Kit,
        args: &'a cli::Pipeline,
    ) -> Result<Self> {
        let twins = mechanism::identical()?;
        let dir = dir().join(bench.name);
        if dir.exists() {
            fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
        }
        let raw = dir.join("raw");
        fs::create_dir_all(&raw).with_context(|| format!("cannot create {}", raw.display()))?;
        Ok(Self {
            bench,
            workload,
            kit,
            args,
            twins,
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
        let rounds = option("--rounds", self.args.rounds.to_string());
        let boot = |(seed, subject): (u64, &&str)| {
            let words = [rounds.clone(), option("--subject", subject)].concat();
            self.boot("profile", &format!("profile-{subject}"), seed, &words)
        };
        let boots = (1..).zip(self.workload.subjects).map(boot).collect();
        let raw = self.bench.measure(boots, &self.raw)?;
        self.derive("profile", &raw, &[])
    }

    fn tune(&self) -> Result<()> {
        let options = option("--profile", self.profile_file());
        let raw = self.boots("tune", 100, self.args.rounds.div_ceil(BOOTS), &options)?;
        self.derive("tune", &raw, &[])
    }

    /// Afresh, with none of tune's data; when it ends depends on the width of an interval, never
    /// on the sign of what it shows.
    fn compare(&self) -> Result<()> {
        let tune = option("--tune", self.outcome("tune"));
        let options = [tune.clone(), option("--twins", &self.twins)].concat();
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
    fn breakdown(&self, counts: &[u32]) -> Result<()> {
        self.profile()?;
        let applications = |count: &u32| option("--applications", count.to_string());
        let boot = |count: &u32| {
            let options = [
                option("--profile", self.profile_file()),
                applications(count),
                option("--rounds", self.args.rounds.to_string()),
            ];
            let (label, seed) = (format!("breakdown-{count}"), 200 + u64::from(*count));
            self.boot("breakdown", &label, seed, &options.concat())
        };
        let boots = counts.iter().map(boot).collect();
        let raw = self.bench.measure(boots, &self.raw)?;
        let mut stages = vec!["profile".to_string()];
        for (count, raw) in counts.iter().zip(&raw) {
            self.derive("breakdown", std::slice::from_ref(raw), &applications(count))?;
            stages.push(format!("breakdown-{count}"));
        }
        let stages: Vec<&str> = stages.iter().map(String::as_str).collect();
        self.report(&stages)
    }

    /// One machine that runs `scx_metabench STAGE WORKLOAD … --raw -`.
    fn boot(&self, stage: &str, label: &str, seed: u64, words: &[OsString]) -> Boot {
        let mut argv: Vec<OsString> = vec![stage.into(), self.workload.file().into()];
        argv.extend(option("--raw", "-"));
        argv.extend(option("--seed", seed.to_string()));
        argv.extend(option("--scx-meta", &self.bench.programs.scx_meta));
        argv.extend(self.kit.set.iter().flat_map(|set| option("--set", set)));
        argv.extend_from_slice(words);
        Boot {
            label: label.to_string(),
            hardware: Hardware::of_cpus(self.args.cpus),
            argv,
            files: self.kit.files.clone(),
            folders: self.kit.folders.clone(),
            timeout: LIMIT,
        }
    }

    /// The same machine several times, with another seed each.
    fn boots(
        &self,
        stage: &str,
        seed: u64,
        rounds: u32,
        options: &[OsString],
    ) -> Result<Vec<PathBuf>> {
        let words = [&option("--rounds", rounds.to_string()), options].concat();
        let boot = |number: u32| {
            let seed = seed + u64::from(number);
            self.boot(stage, &format!("{stage}-{seed}"), seed, &words)
        };
        let boots = (0..BOOTS).map(boot).collect();
        self.bench.measure(boots, &self.raw)
    }

    fn derive(&self, stage: &str, raw: &[PathBuf], options: &[OsString]) -> Result<()> {
        let mut words: Vec<OsString> = vec![stage.into(), "--from".into()];
        words.extend(raw.iter().map(Into::into));
        words.extend_from_slice(options);
        self.bench.report(words, &self.dir)?;
        Ok(())
    }

    fn report(&self, stages: &[&str]) -> Result<()> {
        let mut words: Vec<OsString> = vec!["report".into()];
        words.extend(stages.iter().map(|stage| self.outcome(stage).into()));
        let printed = self.bench.report(words, &self.dir)?;
        self.bench
            .publish(&printed, &pictures(&self.dir, |_| true)?)
    }

    /// The file with a stage's figures.
    fn outcome(&self, stage: &str) -> PathBuf {
        self.dir.join(format!("{stage}.json"))
    }

    fn profile_file(&self) -> PathBuf {
        self.dir.join("profile.toml")
    }

    /// Of the interval of the first comparison: the winner against EEVDF.
    fn width(&self) -> Result<f64> {
        let file = self.outcome("compare");
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
