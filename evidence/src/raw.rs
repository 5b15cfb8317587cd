// SPDX-License-Identifier: GPL-2.0-only
//! Raw data: a JSON object a line, each with a `kind`; the first line is the machine.
//!
//! A bench's records are an enum with `#[serde(tag = "kind")]`, the same for both halves.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use anyhow::{Context, Result};
use labkit::machine::Machine;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum First {
    Machine(Machine),
}

pub struct Writer<W> {
    out: W,
}

impl<W: Write> Writer<W> {
    pub fn new(out: W, machine: &Machine) -> Result<Self> {
        let mut writer = Self { out };
        writer.record(&First::Machine(machine.clone()))?;
        Ok(writer)
    }

    /// Writes one record, whole and at once: what a dying guest leaves can still be read.
    pub fn record(&mut self, record: &impl Serialize) -> Result<()> {
        let mut line = serde_json::to_string(record).context("cannot write a record as JSON")?;
        line.push('\n');
        self.out
            .write_all(line.as_bytes())
            .and_then(|()| self.out.flush())
            .context("cannot write raw data")
    }
}

#[derive(Debug)]
pub struct Raw<T> {
    pub machine: Machine,
    pub records: Vec<T>,
}

/// Reads one file; errors name the file and the line.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Raw<T>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    parse(BufReader::new(file), &path.display().to_string())
}

/// As [`read`], of what a killed run may have left: a last line without its end, unless it happens
/// to be whole, counts as never written.
pub fn read_unfinished<T: DeserializeOwned>(path: &Path) -> Result<Raw<T>> {
    let name = path.display().to_string();
    let bytes = fs::read(path).with_context(|| format!("cannot read {name}"))?;
    parse_unfinished(&bytes, &name)
}

/// Of bytes, not text: the cut may be in the middle of a character.
fn parse_unfinished<T: DeserializeOwned>(bytes: &[u8], name: &str) -> Result<Raw<T>> {
    let end = bytes.iter().rposition(|&byte| byte == b'\n');
    let Some(end) = end else {
        return parse(bytes, name);
    };
    let (ended, begun) = bytes.split_at(end + 1);
    let is_cut = serde_json::from_slice::<serde_json::Value>(begun).is_err();
    parse(if is_cut { ended } else { bytes }, name)
}

fn parse<T: DeserializeOwned>(text: impl BufRead, name: &str) -> Result<Raw<T>> {
    let mut lines = text.lines().zip(1..);
    let (first, _) = lines
        .next()
        .with_context(|| format!("{name}: no raw data, the file is empty"))?;
    let first = first.with_context(|| format!("{name}:1: cannot read"))?;
    let First::Machine(machine) = serde_json::from_str(&first)
        .with_context(|| format!("{name}:1: not the machine, which comes first: {first}"))?;
    let records = lines.map(|(line, number)| {
        let line = line.with_context(|| format!("{name}:{number}: cannot read"))?;
        serde_json::from_str(&line).with_context(|| format!("{name}:{number}: no record: {line}"))
    });
    Ok(Raw {
        machine,
        records: records.collect::<Result<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind", rename_all = "snake_case")]
    enum Record {
        Flip { took_ns: u64 },
    }

    fn machine() -> Machine {
        Machine {
            kernel: "6.18".into(),
            accel: "tcg".into(),
            cpus: 2,
            clock: labkit::clock::Clock::Serial,
        }
    }

    #[test]
    fn what_was_written_is_read_back() {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, &machine()).unwrap();
        writer.record(&Record::Flip { took_ns: 930 }).unwrap();
        assert!(bytes.starts_with(br#"{"kind":"machine","kernel":"6.18","#));
        let raw: Raw<Record> = parse(&bytes[..], "raw").unwrap();
        assert_eq!(raw.machine, machine());
        assert_eq!(raw.records, [Record::Flip { took_ns: 930 }]);
    }

    #[test]
    fn only_a_last_line_without_its_end_may_be_cut() {
        let first = serde_json::to_string(&First::Machine(machine())).unwrap();
        let flip = r#"{"kind":"flip","took_ns":1}"#;
        let read = |rest: &str| {
            let text = format!("{first}\n{rest}");
            let raw = parse_unfinished::<Record>(text.as_bytes(), "raw");
            raw.map(|raw| raw.records.len())
        };
        assert_eq!(read("").unwrap(), 0);
        assert_eq!(read(&format!("{flip}\n{flip}\n")).unwrap(), 2);
        // Whole, but for the line's end.
        assert_eq!(read(&format!("{flip}\n{flip}")).unwrap(), 2);
        for cut in 1..flip.len() {
            assert_eq!(read(&format!("{flip}\n{}", &flip[..cut])).unwrap(), 1);
        }
        // The line has its end: nobody was killed in the middle of it.
        let broken = read(&format!("{}\n", &flip[..9])).unwrap_err();
        assert!(broken.to_string().starts_with("raw:2: no record"));
        let inside = read(&format!("{}\n{flip}\n", &flip[..9])).unwrap_err();
        assert!(inside.to_string().starts_with("raw:2: no record"));
        assert!(parse_unfinished::<Record>(&first.as_bytes()[..9], "raw").is_err());
        let in_a_character = [first.as_bytes(), b"\n{\"kind\":\"\xc2"].concat();
        assert!(parse_unfinished::<Record>(&in_a_character, "raw").is_ok());
    }

    #[test]
    fn errors_name_file_and_line() {
        let first = serde_json::to_string(&First::Machine(machine())).unwrap();
        let error = |text: &str| {
            let error = parse::<Record>(text.as_bytes(), "switch.raw").unwrap_err();
            format!("{error:#}")
        };
        assert!(error("").contains("switch.raw: no raw data"));
        assert!(error("{\"kind\":\"flip\",\"took_ns\":1}").starts_with("switch.raw:1: not the"));
        let cut = error(&format!("{first}\n{{\"kind\":\"flip\",\"took"));
        assert!(
            cut.starts_with("switch.raw:2: no record: {\"kind\""),
            "{cut}"
        );
        let unknown = error(&format!("{first}\n{{\"kind\":\"flop\"}}"));
        assert!(unknown.contains("unknown variant `flop`"), "{unknown}");
    }
}
