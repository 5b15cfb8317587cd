// SPDX-License-Identifier: GPL-2.0-only
//! The half of `bench overhead` that makes tables and figures of the raw data.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use evidence::files;
use evidence::provenance::{Measured, Provenance};
use evidence::sample::Summary;
use serde_json::{json, Value};

use super::callback_report::Row;
use super::data::Data;
use super::record::Part;
use super::{callback_report, idle_report, throughput_report};
use crate::cli::FiguresArgs;

/// Makes all of it again.
const COMMAND: &str = "cargo xtask bench overhead";

const FILE: &str = "overhead.json";

/// Reads the raw data and writes the report.
pub fn run(args: &FiguresArgs) -> Result<()> {
    let data = Data::read(&args.raw)?;
    let callbacks = callback_report::Report::of(&data.mixes)?;
    let throughput = throughput_report::Report::of(&data.runs)?;
    let idle = idle_report::Report::of(&data.looks)?;
    let header = provenance(&data, &callbacks, &throughput)?;

    print!(
        "{header}\n{}{}{}",
        callbacks.text(),
        throughput.text(),
        idle.text()
    );

    fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot create {}", args.out.display()))?;
    let report = json!({
        "callbacks": callbacks.ratios(Row::to_single),
        "callbacks_stock": callbacks.ratios(Row::to_stock),
        "end_to_end": throughput.worst(),
        "limits": { "callback": callback_report::LIMIT, "end_to_end": throughput_report::LIMIT },
        "provenance": header,
        "callback_details": callbacks.details(),
        "end_to_end_details": throughput.details(),
        "idle": idle.details(),
    });
    write(&args.out.join(FILE), &report)?;

    let note = |part| part_note(&data, &header, part);
    callbacks.save(&args.out, &note(Part::Callbacks))?;
    throughput.save(&args.out, &note(Part::EndToEnd))?;
    idle.save(&args.out, &note(Part::Idle))
}

fn provenance(
    data: &Data,
    callbacks: &callback_report::Report,
    throughput: &throughput_report::Report,
) -> Result<Provenance> {
    let parts = [Part::Callbacks, Part::EndToEnd, Part::Idle];
    let method = parts.map(|part| data.method(part)).join(" ");
    let mut measured = widest(&callbacks.rows)?;
    measured.extend(throughput.measured());
    Provenance::new(method, data.machines.iter().cloned(), measured, COMMAND)
}

/// Repetitions and spread of the callback whose rounds differ most.
fn widest(rows: &[Row]) -> Result<Vec<Measured>> {
    let mut widest: Option<Measured> = None;
    for row in rows {
        let what = format!("{} (widest of all callbacks)", row.name());
        let measured = Measured::of(what, &Summary::of(row.rounds())?);
        if widest
            .as_ref()
            .is_none_or(|known| measured.spread > known.spread)
        {
            widest = Some(measured);
        }
    }
    Ok(widest.into_iter().collect())
}

/// Below a picture only its own part's method stands.
fn part_note(data: &Data, header: &Provenance, part: Part) -> String {
    let mut header = header.clone();
    header.method = data.method(part);
    let machines = data.machines_of(part);
    header.machines = machines;
    header.footnote()
}

/// Whole or not at all.
fn write(path: &Path, report: &Value) -> Result<()> {
    let mut text = serde_json::to_string_pretty(report).context("cannot write JSON")?;
    text.push('\n');
    files::write_whole(path, &text)
}
