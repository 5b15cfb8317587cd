// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask bench`: a bench is a row, and the boots that its module makes of the options. Here
//! is what brings and builds what a row names, boots the machines, and has figures made of what they
//! printed.

mod arena;
mod done;
mod mechanism;
mod origin;
mod page;
mod pipeline;
mod policies;
pub(crate) mod verifier;
mod workload;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lab::fleet::{self, Machine};
use lab::kernel::{self, Kernel};
use lab::packages::{self, Use};
use lab::programs::cargo::{self, Profile, Programs};
use lab::programs::schedulers::{self, Peer};
use lab::vm::{Accel, Folder, Hardware, Job, Vm};
use lab::{clocks, command, paths, vm};
use labkit::clock::Clock;
use labkit::machine;

pub(crate) use self::workload::{Scale, RAG};
use crate::cli;

/// What is known of a bench before its options.
struct Row {
    /// Names its report and its raw data.
    name: &'static str,
    needs: Use,
    /// The program that measures in the guest, and makes figures here.
    program: &'static str,
}

/// The project's own claims.
const MICROBENCH: &str = "scx_microbench";

/// The user's tool.
const METABENCH: &str = "scx_metabench";

/// Puts the kernel's configuration where libbpf looks for it, then becomes the measurement.
const PROLOGUE: &str = include_str!("guest.sh");

/// What one machine measures.
struct Boot {
    /// Names the raw data.
    label: String,
    hardware: Hardware,
    /// Arguments of the row's program, which prints raw data.
    argv: Vec<OsString>,
    /// What it needs beside the files that words of `argv` name.
    files: Vec<PathBuf>,
    folders: Vec<Folder>,
    /// Longest it may take.
    timeout: Duration,
}

/// A bench whose programs are built and whose kernel is here.
struct Bench {
    name: &'static str,
    programs: Programs,
    kernel: Kernel,
    kconfig: Option<PathBuf>,
    clock: Clock,
    start: Instant,
}

pub(crate) fn run(bench: &cli::Bench, yes: bool) -> Result<()> {
    match bench {
        cli::Bench::Mechanism(args) => mechanism::run(args, yes),
        cli::Bench::Policies(args) => policies::run(args, yes),
        cli::Bench::Arena(args) => arena::run(args, yes),
        cli::Bench::Rag(args) => pipeline::run(&RAG, args, yes),
        cli::Bench::Messaging(args) => pipeline::run(&workload::MESSAGING, args, yes),
        cli::Bench::Web(args) => pipeline::run(&workload::WEB, args, yes),
        cli::Bench::Breakdown(args) => pipeline::run(&workload::MIX, args, yes),
        cli::Bench::Clocks(args) => {
            packages::ensure(Use::Vm, yes)?;
            clocks::run(&kernel::find(&args.kernel)?, args.only, &dir())
        }
    }
}

/// Brings what the benches need beside the packages.
pub(crate) fn setup() -> Result<()> {
    cargo::bench(MICROBENCH, Profile::Release)?;
    cargo::bench(METABENCH, Profile::Release)?;
    mechanism::setup()?;
    schedulers::peers()?;
    Ok(())
}

pub(crate) fn dir() -> PathBuf {
    paths::repo().join("target/bench")
}

fn raw_dir() -> PathBuf {
    dir().join("raw")
}

impl Bench {
    /// Brings the packages and the kernel, and builds the programs.
    fn new(row: &Row, profile: Profile, kernel: &str, clock: Clock, yes: bool) -> Result<Self> {
        let start = Instant::now();
        packages::ensure(row.needs, yes)?;
        let kernel = kernel::find(kernel)?;
        Ok(Self {
            name: row.name,
            kconfig: kernel::config(&kernel)?,
            programs: cargo::bench(row.program, profile)?,
            // Real time where the guest runs on the processor, else what was asked for.
            clock: match vm::usable_accel(&kernel)? {
                Accel::Kvm => Clock::Host,
                Accel::Tcg => clock,
            },
            kernel,
            start,
        })
    }

    /// As `new`, by the options of a bench of many schedulers.
    fn of_table(row: &Row, args: &cli::TableBench, yes: bool) -> Result<Self> {
        let profile = match args.debug {
            true => Profile::Debug,
            false => Profile::Release,
        };
        Self::new(row, profile, &args.kernel, args.clock, yes)
    }

    fn say_ready(&self) {
        let (name, took) = (self.name, self.start.elapsed().as_secs());
        eprintln!("lab: bench {name}: everything is there after {took} s");
    }

    fn say_done(&self, made: &str) {
        let (name, took) = (self.name, self.start.elapsed().as_secs());
        eprintln!("lab: bench {name} took {took} s; {made}");
    }

    /// Boots all machines; files with what each measured, in order.
    fn measure(&self, boots: Vec<Boot>, raw: &Path) -> Result<Vec<PathBuf>> {
        let machines = boots.into_iter().map(|boot| self.machine(boot));
        fleet::run(machines.collect(), raw)
    }

    fn machine(&self, boot: Boot) -> Machine {
        let mut words: Vec<OsString> = ["sh", "-c", PROLOGUE, "sh"].map(Into::into).into();
        words.push(self.programs.bench.clone().into());
        words.extend(boot.argv);
        let mut job = Job::new(words);
        job.files = boot.files;
        job.folders = boot.folders;
        job.keep_output = true;
        job.quiet = true;
        let date = machine::date().into();
        job.env.insert("LAB_DATE".to_string(), date);
        if let Some(file) = &self.kconfig {
            job.env.insert("BENCH_KCONFIG".to_string(), file.into());
        }
        Machine {
            label: boot.label,
            vm: Vm {
                kernel: self.kernel.clone(),
                hardware: boot.hardware,
                clock: self.clock,
                timeout: boot.timeout,
                console: None,
            },
            job,
        }
    }

    /// Has the program make a report, which its words describe, in a folder; returns what it
    /// printed.
    fn report<S: Into<OsString>>(&self, words: Vec<S>, out: &Path) -> Result<String> {
        let mut report = Command::new(&self.programs.bench);
        report.args(words.into_iter().map(Into::into));
        command::read_and_show(report.arg("--out").arg(out))
    }

    /// A page in docs/results, if all of the bench was asked for.
    fn publish(&self, printed: &str, figures: &[PathBuf]) -> Result<()> {
        if origin::is_whole() {
            let folder = paths::repo().join(page::FOLDER);
            let page = page::write(&folder, self.name, printed, figures)?;
            eprintln!("lab: wrote {}", page.display());
        }
        Ok(())
    }
}

/// Those that were named, and all that the lab can build if they were asked for.
fn peers(args: &cli::Peers) -> Result<Vec<Peer>> {
    let named = args.also.iter().map(|also| schedulers::peer(also));
    let mut peers: Vec<Peer> = named.collect::<Result<_>>()?;
    if args.all {
        for peer in schedulers::peers()? {
            if !peers.contains(&peer) {
                peers.push(peer);
            }
        }
    }
    Ok(peers)
}

/// The pictures in a folder whose names this one takes, in their order.
fn pictures(folder: &Path, is_taken: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("{}", folder.display()))?;
    let paths: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    let wanted = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".svg") && is_taken(&name)
    };
    let mut pictures: Vec<PathBuf> = paths.into_iter().filter(wanted).collect();
    pictures.sort();
    Ok(pictures)
}

/// `--name value`, as two words.
fn option(name: &str, value: impl Into<OsString>) -> [OsString; 2] {
    [name.into(), value.into()]
}

/// `figures NAME --raw FILE…`
fn figures(name: &str, raw: &[PathBuf]) -> Vec<OsString> {
    let words = ["figures", name, "--raw"].map(OsString::from).into_iter();
    words.chain(raw.iter().map(Into::into)).collect()
}

/// Removes what this bench left before: after a failure nothing old may look like a result of today.
fn forget(name: &str) -> Result<()> {
    for folder in [dir(), raw_dir()] {
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if belongs(&entry.file_name().to_string_lossy(), name) {
                let path = entry.path();
                fs::remove_file(&path)
                    .with_context(|| format!("cannot remove {}", path.display()))?;
            }
        }
    }
    Ok(())
}

/// NAME.json, NAME.svg, NAME-anything.
fn belongs(file: &str, name: &str) -> bool {
    file.strip_prefix(name)
        .is_some_and(|rest| rest.starts_with(['.', '-', '_']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bench_forgets_its_own_results_only() {
        for own in ["scale.json", "scale-cpus.svg", "scale-2cpus.jsonl"] {
            assert!(belongs(own, "scale"), "{own}");
        }
        for other in ["switch.json", "scaled.json", "rescale.json", "raw"] {
            assert!(!belongs(other, "scale"), "{other}");
        }
    }
}
