// SPDX-License-Identifier: GPL-2.0-only
//! The benches of the switch itself: `switch`, `overhead` and `scale`. Each machine measures some
//! parts of its bench, and gets the programs that these compare.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::slice;
use std::time::Duration;

use anyhow::{Context, Result};
use lab::packages::Use;
use lab::paths;
use lab::programs::cargo::{Profile, Programs};
use lab::programs::schedulers::{self, Scheduler};
use lab::programs::stock::{self, Stock};
use lab::programs::{unpacked, variants};
use lab::vm::Hardware;

use super::{
    belongs, dir, figures, forget, option, pictures, raw_dir, Bench, Boot, Row, MICROBENCH,
};
use crate::cli;

const SWITCH: Row = row("switch", Use::Vm);
const OVERHEAD: Row = row("overhead", Use::Overhead);
const SCALE: Row = row("scale", Use::Vm);

const fn row(name: &'static str, needs: Use) -> Row {
    Row {
        name,
        needs,
        program: MICROBENCH,
    }
}

pub(super) fn run(bench: &cli::Mechanism, yes: bool) -> Result<()> {
    let (row, wanted) = match bench {
        cli::Mechanism::Switch(args) => (&SWITCH, &args.kernel),
        cli::Mechanism::Overhead(args) => (&OVERHEAD, &args.kernel),
        cli::Mechanism::Scale(args) => (&SCALE, &args.kernel),
    };
    let ready = Bench::new(row, Profile::Release, &wanted.name, wanted.clock, yes)?;
    let programs = &ready.programs;
    let boots = match bench {
        cli::Mechanism::Switch(args) => switch(programs, &schedulers::installed()?, args.cpus),
        cli::Mechanism::Overhead(args) => overhead(&Compared::bring()?, args.cpus),
        cli::Mechanism::Scale(args) => scale(programs, &identical()?, args.cpus),
    };
    ready.say_ready();
    forget(row.name)?;
    let raw = ready.measure(boots, &raw_dir())?;
    let printed = ready.report(figures(row.name, &raw), &dir())?;
    ready.publish(&printed, &pictures(&dir(), |name| belongs(name, row.name))?)?;
    let (dir, raw) = (dir(), raw_dir());
    let made = format!("report in {}, raw data in {}", dir.display(), raw.display());
    ready.say_done(&made);
    Ok(())
}

/// Brings what they compare.
pub(super) fn setup() -> Result<()> {
    schedulers::installed()?;
    variants::identical(&Compared::bring()?.multi)?;
    Ok(())
}

/// scx_meta with two rows of one policy.
pub(super) fn identical() -> Result<PathBuf> {
    variants::identical(&variants::multi()?)
}

/// Programs as options of the measurement.
#[derive(Clone, Default)]
struct With {
    words: Vec<OsString>,
    /// A guest has only what it is given.
    files: Vec<PathBuf>,
}

impl With {
    fn scx_meta(program: &Path) -> Self {
        Self::default().file("--scx-meta", program)
    }

    fn file(mut self, name: &str, file: &Path) -> Self {
        self.words.extend(option(name, file));
        self.files.push(file.to_path_buf());
        self
    }

    fn keyed(mut self, name: &str, key: &str, file: &Path) -> Self {
        let value = format!("{key}={}", file.display());
        self.words.extend(option(name, value));
        self.files.push(file.to_path_buf());
        self
    }

    /// A machine that measures some parts of a bench with them.
    fn boot(&self, bench: &Row, label: &str, cpus: u32, parts: &[&str], seconds: u64) -> Boot {
        let mut argv = ["measure", bench.name].map(OsString::from).to_vec();
        argv.extend(parts.iter().flat_map(|part| option("--part", part)));
        argv.extend_from_slice(&self.words);
        Boot {
            label: format!("{}-{label}", bench.name),
            hardware: Hardware::of_cpus(cpus),
            argv,
            files: self.files.clone(),
            folders: Vec::new(),
            timeout: Duration::from_secs(seconds),
        }
    }
}

/// What a replacement and a flip cost, in one boot; then what they disturb, by a probe's latency.
fn switch(programs: &Programs, others: &[Scheduler], cpus: u32) -> Vec<Boot> {
    let meta = With::scx_meta(&programs.scx_meta);
    let with = others.iter().fold(meta, |with, other| {
        with.keyed("--other", &other.name, &other.path)
    });
    let (costs, probe) = (format!("{cpus}cpus"), format!("{cpus}cpus-probe"));
    vec![
        with.boot(&SWITCH, &costs, cpus, &["replacement", "flip"], 840),
        with.boot(&SWITCH, &probe, cpus, &["disturbance"], 600),
    ]
}

/// A policy, and the build that has only that.
type Single = (String, PathBuf);

/// What `overhead` compares scx_meta with, and loads for it.
struct Compared {
    /// scx_meta, from the same profile as the variants.
    multi: PathBuf,
    single: Vec<Single>,
    stock: Stock,
    nginx: PathBuf,
    wrk: PathBuf,
}

impl Compared {
    fn bring() -> Result<Self> {
        let multi = variants::multi()?;
        Ok(Self {
            single: variants::single(&multi)?,
            multi,
            stock: stock::schedulers()?,
            nginx: unpacked::nginx()?,
            wrk: paths::which("wrk").context("there is no wrk")?,
        })
    }

    fn with(&self, single: &[Single]) -> With {
        let mut with = With::scx_meta(&self.multi);
        for (policy, file) in single {
            with = with.keyed("--single", policy, file);
        }
        for (program, file) in &self.stock.programs {
            with = with.keyed("--stock", program, file);
        }
        let source = option("--stock-source", &self.stock.source);
        with.words.extend(source);
        with.file("--nginx", &self.nginx).file("--wrk", &self.wrk)
    }
}

/// All callbacks in one boot, each policy end to end (8 starts, each with three workloads, twice) in
/// one of its own, and idle CPUs. Limits are for emulation on a slow machine.
fn overhead(compared: &Compared, cpus: u32) -> Vec<Boot> {
    let all = compared.with(&compared.single);
    let end_to_end = |one: &Single| {
        let label = format!("end-to-end-{}", one.0);
        let with = compared.with(slice::from_ref(one));
        with.boot(&OVERHEAD, &label, cpus, &["end-to-end"], 1800)
    };
    let callbacks = all.boot(&OVERHEAD, "callbacks", cpus, &["callbacks"], 3600);
    let idle = all.boot(&OVERHEAD, "idle", cpus, &["idle"], 900);
    let each = compared.single.iter().map(end_to_end);
    [callbacks].into_iter().chain(each).chain([idle]).collect()
}

/// Each machine compares pairs of policies, with more and more CPUs.
const PAIRS: [&str; 1] = ["pairs"];

/// The machine of two CPUs does also these.
const ON_TWO: [&str; 7] = [
    "pairs", "policies", "tasks", "turns", "owners", "busy", "period",
];

/// A second one of two CPUs does these, side by side with it.
const ON_TWO_MORE: [&str; 2] = ["after", "replacement"];

/// The machines: 1, 2, 4 … CPUs below `most`, and `most`; and a second of two.
fn scale(programs: &Programs, identical: &Path, most: u32) -> Vec<Boot> {
    let meta = With::scx_meta(&programs.scx_meta);
    let with_identical = meta.clone().file("--identical", identical);
    let doubling = (0..).map(|power| 1 << power);
    let below = doubling.take_while(|cpus| *cpus < most);
    let boot = |cpus: u32| match cpus {
        2 => with_identical.boot(&SCALE, "2cpus", 2, &ON_TWO, 1800),
        _ => meta.boot(&SCALE, &format!("{cpus}cpus"), cpus, &PAIRS, 900),
    };
    let more = meta.boot(&SCALE, "2cpus-more", 2, &ON_TWO_MORE, 1800);
    below.chain([most]).map(boot).chain([more]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs() -> Programs {
        Programs {
            scx_meta: "meta".into(),
            bench: "bench".into(),
        }
    }

    fn words(boot: &Boot) -> String {
        let words = boot.argv.iter().map(|word| word.to_string_lossy());
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn costs_are_of_one_boot_and_the_probe_of_another() {
        let rusty = Scheduler {
            name: "scx_rusty 1".to_string(),
            path: "rusty".into(),
        };
        let boots = switch(&programs(), &[rusty], 2);
        let common = "--scx-meta meta --other scx_rusty 1=rusty";
        let parts = ["--part replacement --part flip", "--part disturbance"];
        for (boot, parts) in boots.iter().zip(parts) {
            assert_eq!(words(boot), format!("measure switch {parts} {common}"));
        }
        let labels: Vec<_> = boots.iter().map(|boot| &*boot.label).collect();
        assert_eq!(labels, ["switch-2cpus", "switch-2cpus-probe"]);
    }

    #[test]
    fn each_part_has_its_machines_with_the_programs_it_compares() {
        let compared = Compared {
            multi: "/v/multi".into(),
            single: ["fifo", "vtime"]
                .map(|policy| (policy.to_string(), Path::new("/v").join(policy)))
                .into(),
            stock: Stock {
                source: "linux-source-7.3".to_string(),
                programs: vec![("scx_simple", "/s/scx_simple".into())],
            },
            nginx: "/n/nginx".into(),
            wrk: "/usr/bin/wrk".into(),
        };
        let boots = overhead(&compared, 2);
        let rows = [
            ("callbacks", "callbacks", &["fifo", "vtime"][..]),
            ("end-to-end-fifo", "end-to-end", &["fifo"]),
            ("end-to-end-vtime", "end-to-end", &["vtime"]),
            ("idle", "idle", &["fifo", "vtime"]),
        ];
        assert_eq!(boots.len(), rows.len());
        for (boot, (label, part, singles)) in boots.iter().zip(rows) {
            assert_eq!(boot.label, format!("overhead-{label}"));
            let words = words(boot);
            assert!(words.contains(&format!("--part {part} ")), "{words}");
            for wanted in ["--stock scx_simple=/s/scx_simple", "--nginx /n/nginx"] {
                assert!(words.contains(wanted), "{words}");
            }
            for policy in ["fifo", "vtime"] {
                let option = format!("--single {policy}=/v/{policy}");
                assert_eq!(words.contains(&option), singles.contains(&policy));
            }
            assert_eq!(boot.files.len(), 4 + singles.len());
        }
    }

    #[test]
    fn machines_double_up_to_the_largest_and_every_part_is_measured() {
        let cpus = |most| {
            let boots = scale(&programs(), Path::new("c"), most);
            let cpus = boots.iter().map(|boot| boot.hardware.topology.cpus());
            cpus.collect::<Vec<_>>()
        };
        assert_eq!(cpus(8), [1, 2, 4, 8, 2]);
        assert_eq!(cpus(2), [1, 2, 2]);
        assert_eq!(cpus(6), [1, 2, 4, 6, 2]);
        let boots = scale(&programs(), Path::new("c"), 8);
        let all: Vec<_> = boots.iter().map(words).collect();
        for part in PAIRS.iter().chain(&ON_TWO).chain(&ON_TWO_MORE) {
            let option = format!("--part {part} ");
            assert!(all.iter().any(|words| words.contains(&option)), "{part}");
        }
        let identical = |words: &&String| words.contains("--identical c");
        assert_eq!(all.iter().filter(identical).count(), 1);
    }
}
