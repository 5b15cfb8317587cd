// SPDX-License-Identifier: GPL-2.0-only
//! `bench policies`: which machines it boots, and where its document goes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use lab::packages::Use;
use lab::paths;
use lab::programs::cargo::Programs;
use lab::programs::schedulers::Peer;
use lab::vm::{Hardware, Size};

use super::done::{self, Asked};
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

/// Of a boot, and of one scheduler's loads in one round, on each CPU: on a slow host.
const BOOT_LIMIT: Duration = Duration::from_secs(1800);
const LOADS_LIMIT: Duration = Duration::from_secs(300);

/// Measures what was not measured before, and writes the document.
pub(super) fn run(args: &cli::PoliciesBench, yes: bool) -> Result<()> {
    let bench = Bench::of_table(&ROW, &args.table, yes)?;
    let peers = super::peers(&args.table.peers)?;
    let raw = raw_dir();
    let boots = boots(args, &bench.programs, &peers);
    let files = done::measure(&bench, &peers, boots, args.table.fresh, &raw)?;
    let document = document(args);
    report(&bench, args, &peers, &files, &document)?;
    let (document, raw) = (document.display(), raw.display());
    bench.say_done(&format!("the tables are in {document}, raw data in {raw}"));
    Ok(())
}

fn boots(args: &cli::PoliciesBench, programs: &Programs, peers: &[Peer]) -> Vec<Asked> {
    let mut boots = Vec::new();
    for &size in &args.cpus {
        for first in (0..args.table.rounds).step_by(ROUNDS_A_BOOT as usize) {
            let rounds = ROUNDS_A_BOOT.min(args.table.rounds - first);
            let boot = boot(args, programs, peers, size, first, rounds);
            boots.push((size.to_string(), boot));
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
    let mut argv = ["measure", ROW.name].map(OsString::from).to_vec();
    argv.extend(option("--scx-meta", &programs.scx_meta));
    argv.extend(option("--machine", size.words()));
    argv.extend(option("--rounds", rounds.to_string()));
    argv.extend(option("--first-round", first.to_string()));
    argv.extend(option("--seed", args.table.seed.to_string()));
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

fn document(args: &cli::PoliciesBench) -> PathBuf {
    let sizes: Vec<String> = args.cpus.iter().map(Size::to_string).collect();
    let is_all = args.policies.is_empty() && args.loads.is_empty();
    let is_whole =
        is_all && sizes.join(",") == SIZES && args.table.rounds >= ROUNDS && !args.table.debug;
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
        ("clock", args.table.clock.describe().to_string()),
        ("seed", args.table.seed.to_string()),
    ];
    if args.table.debug {
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
    fn the_whole_table_has_all_machines() {
        for size in SIZES.split(',') {
            assert_eq!(size.parse::<Size>().unwrap().to_string(), size);
        }
    }
}
