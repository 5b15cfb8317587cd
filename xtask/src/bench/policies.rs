// SPDX-License-Identifier: GPL-2.0-only
//! `bench policies`: which machines it boots, what it skips because it was measured before, and where
//! its document goes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::time::{Duration, Instant};
use std::{fmt, fs};

use anyhow::{ensure, Context, Error, Result};
use labkit::clock::Clock;

use super::boot::Boot;
use super::schedulers::Peer;
use super::{kconfig, schedulers, Programs};
use crate::build::Profile;
use crate::packages::Use;
use crate::topology::Topology;
use crate::{cli, command, fleet, kernel, packages, paths};

const NAME: &str = "policies";

/// Where the whole table goes; that of a part of it goes to the other reports.
const DOCUMENT: &str = "docs/results/policies.md";

/// The machines that the whole table has, and the fewest rounds.
pub const SIZES: &str = "2,4,2x2,8";
pub const ROUNDS: u32 = 6;

/// A boot that dies loses no more than these.
const ROUNDS_A_BOOT: u32 = 3;

/// Of a boot, and of one scheduler's loads in one round, on each CPU: on a slow host.
const BOOT_LIMIT: Duration = Duration::from_secs(1800);
const LOADS_LIMIT: Duration = Duration::from_secs(300);

/// CPUs of a machine, and how many caches they share evenly: `4`, or `2x2` for two caches of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    caches: u32,
    cpus_each: u32,
}

impl Size {
    fn cpus(self) -> u32 {
        self.caches * self.cpus_each
    }

    fn topology(self) -> Topology {
        Topology {
            sockets: self.caches,
            ..Topology::flat(self.cpus_each)
        }
    }

    /// As tables call it.
    fn words(self) -> String {
        match self.caches {
            1 => format!("{} CPUs", self.cpus()),
            caches => format!("{} CPUs, {caches} caches", self.cpus()),
        }
    }
}

impl FromStr for Size {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (caches, each) = text.split_once('x').unwrap_or(("1", text));
        let number = |word: &str| -> Result<u32> {
            word.parse()
                .with_context(|| format!("`{text}`: expected CPUs such as 4, or 2x2"))
        };
        let size = Self {
            caches: number(caches)?,
            cpus_each: number(each)?,
        };
        ensure!(
            (2..=64).contains(&size.cpus()),
            "`{text}`: expected 2 to 64 CPUs"
        );
        Ok(size)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.caches {
            1 => write!(f, "{}", self.cpus_each),
            caches => write!(f, "{caches}x{}", self.cpus_each),
        }
    }
}

/// Measures what was not measured before, and writes the document.
pub fn run(args: &cli::PoliciesBench, yes: bool) -> Result<()> {
    let start = Instant::now();
    packages::ensure(Use::Vm, yes)?;
    let kernel = kernel::find(&args.kernel)?;
    let kconfig = kconfig::find(&kernel)?;
    let clock = super::clock(&kernel, args.clock)?;
    let programs = match args.debug {
        true => super::programs_of(super::MICROBENCH, Profile::Debug, "bench-debug")?,
        false => super::programs(super::MICROBENCH)?,
    };
    let peers = peers(args)?;
    let raw = super::raw_dir();
    fs::create_dir_all(&raw).with_context(|| format!("cannot create {}", raw.display()))?;
    let mut files = Vec::new();
    let mut machines = Vec::new();
    for (size, boot) in boots(args, &programs, &peers) {
        let asked = asked(&boot, size, clock, &kernel.release);
        let mut machine = boot.machine(NAME, &kernel, clock, &programs.bench, kconfig.as_deref());
        machine.vm.hardware.topology = size.topology();
        // Other options have other files; other programs measure the same again.
        machine.label = format!("{}-{:08x}", machine.label, command::hash(&asked) as u32);
        let key = asked + &built(&programs, &peers)?;
        let done = Done::of(&raw, &machine.label, key);
        if args.fresh || !done.is_there() {
            done.begin()?;
            machines.push(machine);
        } else {
            eprintln!(
                "lab: {} was measured before (--fresh measures again)",
                machine.label
            );
        }
        files.push(done.raw);
    }
    fleet::run(machines, &raw)?;
    let document = document(args);
    report(args, &programs, &peers, &files, &document)?;
    eprintln!(
        "lab: bench {NAME} took {} s; the tables are in {}, raw data in {}",
        start.elapsed().as_secs(),
        document.display(),
        raw.display()
    );
    Ok(())
}

/// Other schedulers: those that were named, and all that the lab can build if they were asked for.
fn peers(args: &cli::PoliciesBench) -> Result<Vec<Peer>> {
    let mut peers: Vec<Peer> = args
        .also
        .iter()
        .map(|also| schedulers::peer(also))
        .collect::<Result<_>>()?;
    if args.peers {
        for peer in schedulers::peers()? {
            if !peers.contains(&peer) {
                peers.push(peer);
            }
        }
    }
    Ok(peers)
}

fn boots(args: &cli::PoliciesBench, programs: &Programs, peers: &[Peer]) -> Vec<(Size, Boot)> {
    let mut boots = Vec::new();
    for &size in &args.cpus {
        for first in (0..args.rounds).step_by(ROUNDS_A_BOOT as usize) {
            let rounds = ROUNDS_A_BOOT.min(args.rounds - first);
            boots.push((size, boot(args, programs, peers, size, first, rounds)));
        }
    }
    boots
}

fn boot(
    args: &cli::PoliciesBench,
    programs: &Programs,
    peers: &[Peer],
    size: Size,
    first: u32,
    rounds: u32,
) -> Boot {
    let mut argv: Vec<OsString> = vec!["--scx-meta".into(), programs.scx_meta.clone().into()];
    let mut option = |name: &str, value: String| argv.extend([name.into(), value.into()]);
    option("--machine", size.words());
    option("--rounds", rounds.to_string());
    option("--first-round", first.to_string());
    option("--seed", args.seed.to_string());
    for (name, value) in [("--policies", &args.policies), ("--loads", &args.loads)] {
        if !value.is_empty() {
            option(name, value.join(","));
        }
    }
    for peer in peers {
        option("--also", peer.command.clone());
    }
    let schedulers = 16 + peers.len() as u32;
    Boot {
        label: format!("{size}cpus-{first}"),
        cpus: size.cpus(),
        files: peers.iter().map(|peer| peer.path.clone()).collect(),
        argv,
        timeout: BOOT_LIMIT + LOADS_LIMIT * (rounds * schedulers * size.cpus()),
    }
}

/// What a boot is asked to measure, and where.
fn asked(boot: &Boot, size: Size, clock: Clock, release: &str) -> String {
    let words = boot.argv.iter().map(|word| word.to_string_lossy());
    let words: Vec<_> = words.collect();
    format!("{size} {clock} {release}\n{}\n", words.join("\n"))
}

/// The programs by what is in them.
fn built(programs: &Programs, peers: &[Peer]) -> Result<String> {
    let own = [&programs.scx_meta, &programs.bench];
    let files = own.into_iter().chain(peers.iter().map(|peer| &peer.path));
    let line = |file: &PathBuf| {
        let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(format!("{} {:x}\n", file.display(), command::hash(bytes)))
    };
    files.map(line).collect()
}

/// What an earlier run left of a boot.
struct Done {
    raw: PathBuf,
    /// Written before the boot: what it was to measure.
    key_file: PathBuf,
    key: String,
}

impl Done {
    fn of(folder: &Path, label: &str, key: String) -> Self {
        Self {
            raw: folder.join(format!("{label}.jsonl")),
            key_file: folder.join(format!("{label}.key")),
            key,
        }
    }

    /// The raw data are of this very boot.
    fn is_there(&self) -> bool {
        self.raw.is_file() && fs::read_to_string(&self.key_file).is_ok_and(|key| key == self.key)
    }

    /// Nothing old may look like a result of today.
    fn begin(&self) -> Result<()> {
        if self.raw.exists() {
            fs::remove_file(&self.raw)
                .with_context(|| format!("cannot remove {}", self.raw.display()))?;
        }
        fs::write(&self.key_file, &self.key)
            .with_context(|| format!("cannot write {}", self.key_file.display()))
    }
}

fn document(args: &cli::PoliciesBench) -> PathBuf {
    let sizes: Vec<String> = args.cpus.iter().map(Size::to_string).collect();
    let is_all = args.policies.is_empty() && args.loads.is_empty();
    let is_whole = is_all && sizes.join(",") == SIZES && args.rounds >= ROUNDS && !args.debug;
    match &args.out {
        Some(path) => path.clone(),
        None if is_whole => paths::repo().join(DOCUMENT),
        None => super::dir().join("policies.md"),
    }
}

fn report(
    args: &cli::PoliciesBench,
    programs: &Programs,
    peers: &[Peer],
    raw: &[PathBuf],
    document: &Path,
) -> Result<()> {
    let mut figures = Command::new(&programs.bench);
    figures.args(["figures", NAME, "--raw"]).args(raw);
    figures.arg("--out").arg(super::dir());
    figures.arg("--document").arg(document);
    figures.arg("--again").arg(again());
    for (name, value) in facts(args, peers)? {
        figures.arg("--fact").arg(format!("{name}={value}"));
    }
    command::run(&mut figures)
}

fn again() -> String {
    let words = std::env::args_os().skip(1);
    let words: Vec<_> = words.map(|word| command::quote(&word)).collect();
    format!("cargo xtask {}", words.join(" "))
}

fn facts(args: &cli::PoliciesBench, peers: &[Peer]) -> Result<Vec<(&'static str, String)>> {
    let mut facts = vec![
        ("commit", commit()?),
        ("clock", args.clock.describe().to_string()),
        ("seed", args.seed.to_string()),
    ];
    if args.debug {
        facts.push(("build", "debug".to_string()));
    }
    if let Ok(qemu) = packages::qemu() {
        let said = command::read(Command::new(qemu).arg("--version"))?;
        let first = said.lines().next().unwrap_or_default();
        facts.push(("QEMU", first.to_string()));
    }
    if !peers.is_empty() {
        let names: Vec<_> = peers.iter().map(|peer| &*peer.version).collect();
        facts.push(("other schedulers", names.join(", ")));
    }
    Ok(facts)
}

/// With a word if the sources differ from it.
fn commit() -> Result<String> {
    let git = |words: &[&str]| {
        let mut git = Command::new("git");
        command::read(git.arg("-C").arg(paths::repo()).args(words))
    };
    let Ok(commit) = git(&["rev-parse", "--short", "HEAD"]) else {
        return Ok("unknown: no repository".to_string());
    };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    let and = if changed.trim().is_empty() {
        ""
    } else {
        ", and changes that are not committed"
    };
    Ok(format!("{}{and}", commit.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_cpus_and_caches() {
        let size = |text: &str| text.parse::<Size>();
        let two = size("2x2").unwrap();
        assert_eq!((two.cpus(), two.topology().sockets), (4, 2));
        assert_eq!(two.words(), "4 CPUs, 2 caches");
        assert_eq!(size("8").unwrap().topology(), Topology::flat(8));
        for text in ["8", "2x4"] {
            assert_eq!(size(text).unwrap().to_string(), text);
        }
        for bad in ["1", "x2", "2x", "0x4", "65", "four", "2x2x2"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_whole_table_has_all_machines() {
        for size in SIZES.split(',') {
            assert_eq!(size.parse::<Size>().unwrap().to_string(), size);
        }
    }

    #[test]
    fn what_was_measured_before_is_known_by_its_key() {
        let folder = std::env::temp_dir().join(format!("policies-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let done = |key: &str| Done::of(&folder, "x", key.to_string());
        assert!(!done("a").is_there());
        done("a").begin().unwrap();
        assert!(!done("a").is_there(), "it was begun only");
        fs::write(folder.join("x.jsonl"), "data").unwrap();
        assert!(done("a").is_there() && !done("b").is_there());
        done("b").begin().unwrap();
        assert!(!done("b").is_there(), "old data are gone");
        fs::remove_dir_all(&folder).unwrap();
    }
}
