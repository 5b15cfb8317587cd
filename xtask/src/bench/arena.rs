// SPDX-License-Identifier: GPL-2.0-only
//! `bench arena`: which scenarios it boots, with what, and where its page goes.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use lab::packages::Use;
use lab::paths;
use lab::programs::cargo::Programs;
use lab::programs::schedulers::Peer;
use lab::vm::{Folder, Hardware};
use serde::Deserialize;

use super::done::{self, Asked};
use super::workload::Kit;
use super::{dir, option, page, raw_dir, Bench, Boot, Row, METABENCH};
use crate::cli;

const ROW: Row = Row {
    name: "arena",
    needs: Use::Overhead,
    program: METABENCH,
};

const FOLDER: &str = "workloads/arena";

/// A boot that dies loses no more than these.
const ROUNDS_A_BOOT: u32 = 3;

/// Of --quick.
const QUICK_ROUNDS: u32 = 2;
const QUICK_POLICIES: &str = "eevdf,bpfland,rusty,fifo";

/// Longest for a round, on a slow host.
const ROUND_LIMIT: Duration = Duration::from_secs(3600);

/// Shorter than on a machine that is not emulated: parameters that a scenario may have.
const EMULATED: [(&str, &str); 3] = [("window", "1"), ("turn", "10"), ("messages", "50")];

/// How long a steady load runs before what scx_meta chose counts.
const LEAD: &str = "20s";
const QUICK_LEAD: &str = "8s";

/// Length of a turn with --quick.
const QUICK_TURN: &str = "4";

/// What is read of a scenario here.
#[derive(Deserialize)]
struct Scenario {
    arena: About,
    #[serde(default)]
    parameters: toml::Table,
}

#[derive(Deserialize)]
struct About {
    cpus: u32,
}

pub(super) fn run(args: &cli::ArenaBench, yes: bool) -> Result<()> {
    let bench = Bench::of_table(&ROW, &args.table, yes)?;
    let peers = super::peers(&args.table.peers)?;
    let raw = raw_dir();
    let mut boots = Vec::new();
    for file in scenarios(&args.scenarios)? {
        boots.extend(of_scenario(args, &bench.programs, &peers, &file)?);
    }
    let files = done::measure(&bench, &peers, boots, args.table.fresh, &raw)?;
    let mut words: Vec<OsString> = vec![ROW.name.into(), "--from".into()];
    words.extend(files.iter().map(Into::into));
    let printed = bench.report(words, &dir())?;
    let is_whole = !args.quick
        && !args.signals
        && args.scenarios.is_empty()
        && args.table.rounds >= cli::ROUNDS;
    if is_whole && !args.table.debug {
        let page = page::write_text(ROW.name, &printed)?;
        eprintln!("lab: wrote {}", page.display());
    }
    bench.say_done(&format!(
        "the page is in {}",
        dir().join("arena.md").display()
    ));
    Ok(())
}

/// The files of all scenarios, or of those that were named.
fn scenarios(named: &[String]) -> Result<Vec<PathBuf>> {
    let folder = paths::repo().join(FOLDER);
    if !named.is_empty() {
        let file = |name: &String| {
            let file = folder.join(format!("{name}.toml"));
            ensure!(
                file.is_file(),
                "--scenarios {name}: there is no {}",
                file.display()
            );
            Ok(file)
        };
        return named.iter().map(file).collect();
    }
    let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|file| file.extension() == Some(OsStr::new("toml")));
    files.sort();
    Ok(files)
}

fn of_scenario(
    args: &cli::ArenaBench,
    programs: &Programs,
    peers: &[Peer],
    file: &Path,
) -> Result<Vec<Asked>> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let scenario: Scenario = toml::from_str(&text).with_context(|| file.display().to_string())?;
    let has = |name: &str| scenario.parameters.contains_key(name);
    let mut kit = match has("nginx") {
        true => Kit::web_server()?,
        false => Kit::default(),
    };
    for (name, value) in EMULATED.iter().filter(|(name, _)| has(name)) {
        let is_quick_turn = args.quick && *name == "turn";
        let value = if is_quick_turn { QUICK_TURN } else { value };
        kit.set.push(format!("{name}={value}"));
    }
    let rounds = match args.quick {
        true => QUICK_ROUNDS,
        false => args.table.rounds,
    };
    let mut boots = Vec::new();
    for first in (0..rounds).step_by(ROUNDS_A_BOOT as usize) {
        let rounds = ROUNDS_A_BOOT.min(rounds - first);
        let words = words(args, programs, peers, &kit, rounds, first);
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let boot = Boot {
            label: format!("{}-{name}-{first}", ROW.name),
            hardware: Hardware::of_cpus(scenario.arena.cpus),
            argv: [vec![ROW.name.into(), file.into()], words].concat(),
            files: kit
                .files
                .iter()
                .chain(peers.iter().map(|peer| &peer.path))
                .cloned()
                .collect(),
            // Scenarios use files of other workloads.
            folders: vec![Folder::same(&paths::repo().join("workloads"))?],
            timeout: ROUND_LIMIT * rounds,
        };
        boots.push((text.clone(), boot));
    }
    Ok(boots)
}

fn words(
    args: &cli::ArenaBench,
    programs: &Programs,
    peers: &[Peer],
    kit: &Kit,
    rounds: u32,
    first: u32,
) -> Vec<OsString> {
    let mut words: Vec<OsString> = Vec::new();
    words.extend(option("--raw", "-"));
    words.extend(option("--scx-meta", &programs.scx_meta));
    words.extend(option("--rounds", rounds.to_string()));
    words.extend(option(
        "--seed",
        (1000 * args.table.seed + u64::from(first)).to_string(),
    ));
    words.extend(option("--lead", if args.quick { QUICK_LEAD } else { LEAD }));
    words.extend(args.signals.then(|| "--signals".into()));
    if args.quick {
        words.extend(option("--policies", QUICK_POLICIES));
    }
    words.extend(kit.set.iter().flat_map(|set| option("--set", set)));
    words.extend(
        peers
            .iter()
            .flat_map(|peer| option("--also", &peer.command)),
    );
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_has_its_boots() {
        for file in scenarios(&[]).unwrap() {
            let text = fs::read_to_string(&file).unwrap();
            let scenario: Scenario = toml::from_str(&text).unwrap();
            assert!(scenario.arena.cpus >= 2, "{}", file.display());
            let of_time = ["window", "turn"];
            let has = |name: &&str| scenario.parameters.contains_key(*name);
            assert!(of_time.iter().any(has), "{}", file.display());
        }
        assert!(scenarios(&["none".to_string()]).is_err());
    }
}
