// SPDX-License-Identifier: GPL-2.0-only
//! The half of `bench switch` that makes tables and figures of the raw data.

use std::path::Path;

use anyhow::{Context, Result};
use evidence::provenance::{Measured, Provenance};
use evidence::{files, raw};
use labkit::machine::Machine;

use super::data::Data;
use super::details::Details;
use super::record::Record;
use super::report::Report;
use super::windows::Direction;
use super::{details, draw, tables};
use crate::cli::FiguresArgs;

const METHOD: &str =
    "Replacements and flips in one boot, the same load on both sides; the decider \
    is a real-time task, the loaders are ordinary ones. Medians with bootstrap intervals.";

const COMMAND: &str = "cargo xtask bench switch";

/// Reads the raw data and writes the report.
pub fn run(args: &FiguresArgs) -> Result<()> {
    let mut machines = Vec::new();
    let mut boots = Vec::new();
    for file in &args.raw {
        let raw = raw::read::<Record>(file)?;
        machines.push(raw.machine);
        boots.push(raw.records);
    }
    let report = make(machines, boots)?;
    tables::print(&report);
    save(&report, &args.out)
}

fn make(machines: Vec<Machine>, boots: Vec<Vec<Record>>) -> Result<Report> {
    let details = details::details(&Data::of(boots)?)?;
    let provenance = Provenance::new(METHOD, machines, measured(&details), COMMAND)?;
    details.report(provenance)
}

fn measured(details: &Details) -> Vec<Measured> {
    let mut measured = Vec::new();
    for row in &details.replacements {
        let parts = row.parts.iter().filter(|part| part.0 == details::WHOLE);
        measured.extend(parts.map(|(_, estimate)| {
            let what = format!("replacement, {}, {}", row.sort, row.load.name());
            Measured::of(what, &estimate.all)
        }));
    }
    for row in &details.flips {
        measured.extend(row.parts.iter().take(1).map(|(part, estimate)| {
            let what = format!("{part}, {}", tables::flips_of(row));
            Measured::of(what, &estimate.all)
        }));
    }
    for row in &details.probes {
        let all = row
            .comparisons
            .iter()
            .filter(|c| c.direction == Direction::All);
        measured.extend(all.map(|c| {
            let what = format!("wake-up after {} flips, {}", row.flips, row.name());
            Measured::of(what, &c.near)
        }));
    }
    measured
}

/// All files, or none that is half written.
fn save(report: &Report, dir: &Path) -> Result<()> {
    let details = &report.details;
    let footnote = report.provenance.footnote();
    let json = serde_json::to_string_pretty(report).context("cannot write the report as JSON")?;
    let files = [
        ("switch-cost.svg", draw::cost(details)?.svg(&footnote)?),
        ("switch-effect.svg", draw::effect(details)?.svg(&footnote)?),
        ("switch-probe.svg", draw::probe(details).svg(&footnote)?),
        (
            "switch-lateness.svg",
            draw::lateness(details)?.svg(&footnote)?,
        ),
        ("switch.json", json + "\n"),
    ];
    for (name, text) in files {
        let path = dir.join(name);
        files::write_whole(&path, &text)?;
        println!("{}", path.display());
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;

    use super::*;
    use crate::switch::report::tests::{a_boot, another_boot};

    pub(crate) fn a_report() -> Report {
        let machine = Machine::here().unwrap();
        make(vec![machine], vec![a_boot(), another_boot()]).unwrap()
    }

    #[test]
    fn every_file_is_whole_and_nothing_else_is_left() {
        let dir = tempfile::tempdir().unwrap();
        save(&a_report(), dir.path()).unwrap();
        let mut names: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(
            names,
            [
                "switch-cost.svg",
                "switch-effect.svg",
                "switch-lateness.svg",
                "switch-probe.svg",
                "switch.json"
            ]
        );
        for name in &names[..4] {
            let svg = fs::read_to_string(dir.path().join(name)).unwrap();
            roxmltree::Document::parse(&svg).unwrap();
        }
        let json = fs::read_to_string(dir.path().join("switch.json")).unwrap();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["ratio_mechanism"], 1e8);
        assert_eq!(json["provenance"]["command"], COMMAND);
    }

    #[test]
    fn what_was_measured_is_said_with_its_load_and_turns() {
        let report = a_report();
        let first = report.provenance.to_string();
        for what in [
            "replacement, scx_meta, idle",
            "flip, fifo+vtime, adopt, saturated, turns of 10 ms",
            "wake-up after 14 flips, drain, moderate",
        ] {
            assert!(first.contains(what), "{what}: {first}");
        }
    }
}
