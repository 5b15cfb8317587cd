// SPDX-License-Identifier: GPL-2.0-only
//! The half of `bench switch` that makes tables and figures of the raw data.

use std::path::Path;

use anyhow::{Context, Result};
use evidence::{files, raw};

use super::record::Record;
use super::report::Report;
use super::samples::Data;
use super::{draw, tables};
use crate::cli::FiguresArgs;

pub(crate) fn run(args: &FiguresArgs) -> Result<()> {
    let mut machines = Vec::new();
    let mut boots = Vec::new();
    for file in &args.raw {
        let raw = raw::read::<Record>(file)?;
        machines.push(raw.machine);
        boots.push(raw.records);
    }
    let report = Report::of(machines, Data::of(boots)?)?;
    tables::print(&report);
    save(&report, &args.out)
}

/// All files, or none that is half written.
fn save(report: &Report, dir: &Path) -> Result<()> {
    let footnote = report.provenance.footnote();
    let json = serde_json::to_string_pretty(report).context("cannot write the report as JSON")?;
    let mut files = Vec::new();
    for (name, bars) in draw::all(report)? {
        files.push((name, bars.svg(&footnote)?));
    }
    files.push(("switch.json", json + "\n"));
    for (name, text) in files {
        let path = dir.join(name);
        files::write_whole(&path, &text)?;
        println!("{}", path.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::switch::report::tests::a_report;
    use crate::switch::report::COMMAND;

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
}
