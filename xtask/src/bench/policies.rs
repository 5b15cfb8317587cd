// SPDX-License-Identifier: GPL-2.0-only
//! `bench policies`: which machines it boots, what it skips because it was measured before, and where
//! its document goes.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use lab::packages::Use;
use lab::programs::cargo::{Profile, Programs};
use lab::programs::schedulers::{self, Peer};
use lab::vm::{Hardware, Size};
use lab::{command, fleet, paths};
use labkit::clock::Clock;

use super::{dir, figures, option, origin, raw_dir, Bench, Boot, Row, MICROBENCH};
use crate::cli::{self, ROUNDS, SIZES};

const ROW: Row = Row {
    name: "policies",
    needs: Use::Vm,
    program: MICROBENCH,
};

/// Where the whole table goes; that of a part of it goes to the other reports.
const DOCUMENT: &str = "docs/results/policies.md";

/// A boot that dies loses no more than these.
const ROUNDS_A_BOOT: u32 = 3;

/// How the words begin that say what a boot measures.
const MEASURE: [&str; 2] = ["measure", ROW.name];

/// Of a boot, and of one scheduler's loads in one round, on each CPU: on a slow host.
const BOOT_LIMIT: Duration = Duration::from_secs(1800);
const LOADS_LIMIT: Duration = Duration::from_secs(300);

/// Measures what was not measured before, and writes the document.
pub(super) fn run(args: &cli::PoliciesBench, yes: bool) -> Result<()> {
    let profile = match args.debug {
        true => Profile::Debug,
        false => Profile::Release,
    };
    let bench = Bench::new(&ROW, profile, &args.kernel, args.clock, yes)?;
    let peers = peers(args)?;
    let raw = raw_dir();
    fs::create_dir_all(&raw).with_context(|| format!("cannot create {}", raw.display()))?;
    let built = built(&bench.programs, &peers)?;
    let mut files = Vec::new();
    let mut machines = Vec::new();
    for (size, mut boot) in boots(args, &bench.programs, &peers) {
        let asked = asked(&boot, size, bench.clock, &bench.kernel.release);
        // Other options have other files; other programs measure the same again.
        boot.label = format!("{}-{:08x}", boot.label, command::hash(&asked) as u32);
        let done = Done::of(&raw, &boot.label, asked + &built);
        if args.fresh || !done.is_there() {
            done.begin()?;
            machines.push(bench.machine(boot));
        } else {
            let label = &boot.label;
            eprintln!("lab: {label} was measured before (--fresh measures again)");
        }
        files.push(done.raw);
    }
    fleet::run(machines, &raw)?;
    let document = document(args);
    report(&bench, args, &peers, &files, &document)?;
    let (document, raw) = (document.display(), raw.display());
    bench.say_done(&format!("the tables are in {document}, raw data in {raw}"));
    Ok(())
}

/// Other schedulers: those that were named, and all that the lab can build if they were asked for.
fn peers(args: &cli::PoliciesBench) -> Result<Vec<Peer>> {
    let named = args.also.iter().map(|also| schedulers::peer(also));
    let mut peers: Vec<Peer> = named.collect::<Result<_>>()?;
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
    let mut argv = MEASURE.map(OsString::from).to_vec();
    argv.extend(option("--scx-meta", &programs.scx_meta));
    argv.extend(option("--machine", size.words()));
    argv.extend(option("--rounds", rounds.to_string()));
    argv.extend(option("--first-round", first.to_string()));
    argv.extend(option("--seed", args.seed.to_string()));
    for (name, value) in [("--policies", &args.policies), ("--loads", &args.loads)] {
        if !value.is_empty() {
            argv.extend(option(name, value.join(",")));
        }
    }
    for peer in peers {
        argv.extend(option("--also", &peer.command));
    }
    let schedulers = 16 + peers.len() as u32;
    Boot {
        label: format!("{}-{size}cpus-{first}", ROW.name),
        hardware: Hardware {
            topology: size.topology(),
            ..Hardware::default()
        },
        argv,
        files: peers.iter().map(|peer| peer.path.clone()).collect(),
        folders: Vec::new(),
        timeout: BOOT_LIMIT + LOADS_LIMIT * (rounds * schedulers * size.cpus()),
    }
}

/// What a boot is asked to measure, and where.
fn asked(boot: &Boot, size: Size, clock: Clock, release: &str) -> String {
    let words = boot.argv[MEASURE.len()..].iter();
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
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
        None => dir().join("policies.md"),
    }
}

fn report(
    bench: &Bench,
    args: &cli::PoliciesBench,
    peers: &[Peer],
    raw: &[PathBuf],
    document: &Path,
) -> Result<()> {
    let mut words = figures(ROW.name, raw);
    words.extend(option("--document", document));
    words.extend(option("--again", origin::again()));
    for (name, value) in facts(args, peers)? {
        words.extend(option("--fact", format!("{name}={value}")));
    }
    bench.report(words, &dir())?;
    Ok(())
}

fn facts(args: &cli::PoliciesBench, peers: &[Peer]) -> Result<Vec<(&'static str, String)>> {
    let mut facts = vec![
        ("commit", origin::commit()?),
        ("clock", args.clock.describe().to_string()),
        ("seed", args.seed.to_string()),
    ];
    if args.debug {
        facts.push(("build", "debug".to_string()));
    }
    if let Some(qemu) = origin::qemu()? {
        facts.push(("QEMU", qemu));
    }
    if !peers.is_empty() {
        let names: Vec<_> = peers.iter().map(|peer| &*peer.version).collect();
        facts.push(("other schedulers", names.join(", ")));
    }
    Ok(facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_before_is_known_by_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let done = |key: &str| Done::of(folder, "x", key.to_string());
        assert!(!done("a").is_there());
        done("a").begin().unwrap();
        assert!(!done("a").is_there(), "it was begun only");
        fs::write(folder.join("x.jsonl"), "data").unwrap();
        assert!(done("a").is_there() && !done("b").is_there());
        done("b").begin().unwrap();
        assert!(!done("b").is_there(), "old data are gone");
    }

    #[test]
    fn the_whole_table_has_all_machines() {
        for size in SIZES.split(',') {
            assert_eq!(size.parse::<Size>().unwrap().to_string(), size);
        }
    }
}
