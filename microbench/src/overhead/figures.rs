// SPDX-License-Identifier: GPL-2.0-only
//! The half of `bench overhead` that makes tables and figures of the raw data.

use anyhow::Result;
use evidence::files;
use evidence::provenance::Provenance;
use serde_json::json;

use super::data::Data;
use super::record::Part;
use super::{callback_report, idle_report, throughput_report};
use crate::cli::FiguresArgs;

const COMMAND: &str = "cargo xtask bench overhead";

pub(crate) fn run(args: &FiguresArgs) -> Result<()> {
    let data = Data::read(&args.raw)?;
    let callbacks = callback_report::Report::of(&data.mixes)?;
    let throughput = throughput_report::Report::of(&data.runs)?;
    let idle = idle_report::Report::of(&data.looks)?;
    let parts = [Part::Callbacks, Part::EndToEnd, Part::Idle];
    let header = Provenance::new(
        parts.map(|part| data.method(part)).join(" "),
        data.machines.iter().cloned(),
        callbacks
            .measured()
            .into_iter()
            .chain(throughput.measured())
            .collect(),
        COMMAND,
    )?;

    print!(
        "{header}\n{}{}{}",
        callbacks.text(),
        throughput.text(),
        idle.text()
    );

    let report = json!({
        "callbacks": callbacks.ratios(|row| row.to_single),
        "callbacks_stock": callbacks.ratios(|row| row.to_stock),
        "end_to_end": throughput.worst(),
        "limits": { "callback": callback_report::LIMIT, "end_to_end": throughput_report::LIMIT },
        "provenance": header,
        "callback_details": callbacks.details(),
        "end_to_end_details": throughput.details(),
        "idle": idle.details(),
    });
    let note = |part| part_note(&data, &header, part);
    let mut files = callbacks.figures(&note(Part::Callbacks))?;
    files.push(throughput.figure(&note(Part::EndToEnd))?);
    files.push(idle.figure(&note(Part::Idle))?);
    files.push(files::json("overhead.json", &report)?);
    files::write_all(&args.out, &files)
}

/// Below a picture only its own part's method stands.
fn part_note(data: &Data, header: &Provenance, part: Part) -> String {
    let mut header = header.clone();
    header.method = data.method(part);
    header.machines = data.machines_of(part);
    header.footnote()
}
