// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask bench`: brings what a bench needs, boots its machines,
//! keeps the raw data that `scx_microbench measure` prints in
//! each, and has `scx_microbench figures` make the report of it here.

mod boot;
pub mod clocks;
mod kconfig;
mod overhead;
pub mod policies;
mod scale;
mod schedulers;
mod stock;
mod switch;
mod variants;
pub mod web;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{bail, Context, Result};
use labkit::clock::Clock;

use self::boot::Boot;
use crate::build::Profile;
use crate::kernel::Kernel;
use crate::packages::Use;
use crate::vm::{Accel, Done};
use crate::{build, cli, command, fleet, kernel, packages, paths, vm};

/// The scheduler and a bench, out of the way of builds that happen meanwhile.
pub struct Programs {
    /// The scheduler.
    pub scx_meta: PathBuf,
    /// The bench.
    pub bench: PathBuf,
}

/// The project's own claims.
pub const MICROBENCH: &str = "scx_microbench";

/// The user's tool.
pub const METABENCH: &str = "scx_metabench";

/// Runs the bench that was asked for.
pub fn run(bench: &cli::Mechanism, yes: bool) -> Result<()> {
    let start = Instant::now();
    let (name, wanted, needs) = match bench {
        cli::Mechanism::Switch(args) => ("switch", &args.kernel, Use::Vm),
        cli::Mechanism::Overhead(args) => ("overhead", &args.kernel, Use::Overhead),
        cli::Mechanism::Scale(args) => ("scale", &args.kernel, Use::Vm),
    };
    packages::ensure(needs, yes)?;
    let kernel = kernel::find(&wanted.name)?;
    let kconfig = kconfig::find(&kernel)?;
    let programs = programs(MICROBENCH)?;
    let boots = match bench {
        cli::Mechanism::Switch(args) => switch::boots(&programs, &switch::tools()?, args.cpus),
        cli::Mechanism::Overhead(args) => overhead::boots(&overhead::tools()?, args.cpus),
        cli::Mechanism::Scale(args) => scale::boots(&programs, &scale::tools()?, args.cpus),
    };
    let clock = clock(&kernel, wanted.clock)?;
    eprintln!(
        "lab: bench {name}: everything is there after {} s",
        start.elapsed().as_secs()
    );
    forget(name)?;
    let machine =
        |boot: &Boot| boot.machine(name, &kernel, clock, &programs.bench, kconfig.as_deref());
    let raw = fleet::run(boots.iter().map(machine).collect(), &raw_dir())?;
    report(name, &programs, &raw)?;
    eprintln!(
        "lab: bench {name} took {} s; report in {}, raw data in {}",
        start.elapsed().as_secs(),
        dir().display(),
        raw_dir().display()
    );
    Ok(())
}

/// Real time where the guest runs on the processor, else what was asked for.
pub fn clock(kernel: &Kernel, emulated: Clock) -> Result<Clock> {
    Ok(match vm::usable_accel(kernel)? {
        Accel::Kvm => Clock::Host,
        Accel::Tcg => emulated,
    })
}

/// Brings what the benches need beside the packages.
pub fn setup() -> Result<()> {
    programs(MICROBENCH)?;
    programs(METABENCH)?;
    switch::tools()?;
    overhead::tools()?;
    scale::tools()?;
    schedulers::peers()?;
    Ok(())
}

/// Folder of the reports.
pub fn dir() -> PathBuf {
    paths::repo().join("target/bench")
}

fn raw_dir() -> PathBuf {
    dir().join("raw")
}

/// scx_meta with two rows of one policy.
pub fn twins() -> Result<PathBuf> {
    variants::identical(&variants::multi()?)
}

/// The configuration of a kernel, if it is at hand.
pub fn kconfig(kernel: &Kernel) -> Result<Option<PathBuf>> {
    kconfig::find(kernel)
}

/// Builds them as users have them.
pub fn programs(bench: &str) -> Result<Programs> {
    programs_of(bench, Profile::Release, "bench")
}

/// Builds them, and keeps them in this folder of the lab.
fn programs_of(bench: &str, profile: Profile, folder: &str) -> Result<Programs> {
    eprintln!("lab: building scx_meta and {bench}");
    let built = build::bench_programs(bench, profile)?;
    let dir = paths::lab_dir(folder)?;
    let kept = Programs {
        scx_meta: dir.join("scx_meta"),
        bench: dir.join(bench),
    };
    build::replace(&built[0], &kept.scx_meta)?;
    build::replace(&built[1], &kept.bench)?;
    Ok(kept)
}

/// Removes what this bench left before: after a failure nothing old may look
/// like a result of today.
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

/// Keeps what a machine measured; of a failed run too, since it helps to find
/// out why.
pub fn keep(done: &Done, folder: &Path, label: &str) -> Result<PathBuf> {
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

fn report(name: &str, programs: &Programs, raw: &[PathBuf]) -> Result<()> {
    let mut figures = Command::new(&programs.bench);
    figures.args(["figures", name, "--raw"]).args(raw);
    figures.arg("--out").arg(dir());
    command::run(&mut figures)
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
