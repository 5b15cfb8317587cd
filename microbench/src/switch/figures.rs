// SPDX-License-Identifier: GPL-2.0-only
//! The half of `bench switch` that makes tables and figures of the raw data.

use anyhow::Result;
use evidence::files::{self, File};
use evidence::raw;

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
    let files = files(&report)?;
    files::write_all(&args.out, &files)?;
    for (name, _) in files {
        println!("{}", args.out.join(name).display());
    }
    Ok(())
}

fn files(report: &Report) -> Result<Vec<File>> {
    let mut files = draw::all(report, &report.provenance.footnote())?;
    files.push(files::json("switch.json", report)?);
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::report::tests::a_report;
    use crate::switch::report::COMMAND;

    #[test]
    fn every_figure_is_a_picture_and_the_json_file_comes_last() {
        let files = files(&a_report()).unwrap();
        let names: Vec<_> = files.iter().map(|(name, _)| &**name).collect();
        assert_eq!(
            names,
            [
                "switch-cost.svg",
                "switch-effect.svg",
                "switch-probe.svg",
                "switch-lateness.svg",
                "switch.json"
            ]
        );
        for (_, svg) in &files[..4] {
            roxmltree::Document::parse(svg).unwrap();
        }
        let json: serde_json::Value = serde_json::from_str(&files[4].1).unwrap();
        assert_eq!(json["ratio_mechanism"], 1e8);
        assert_eq!(json["provenance"]["command"], COMMAND);
    }
}
