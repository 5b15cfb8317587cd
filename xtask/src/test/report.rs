// SPDX-License-Identifier: GPL-2.0-only
//! What a run of nextest came to.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use lab::nextest::junit;
use serde::{Deserialize, Serialize};

/// The tests of one machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// What ran where.
    pub(crate) part: String,
    pub(crate) passed: u32,
    /// Tests that failed, and which.
    pub(crate) failed: Vec<String>,
    /// What the tests took, boots included, added up.
    pub(crate) seconds: f64,
    /// What guests had of this machine's CPUs in that time, without boots: it depends less on
    /// what else the machine does.
    pub(crate) cpu_seconds: f64,
}

impl Row {
    pub(crate) fn tests(&self) -> usize {
        self.passed as usize + self.failed.len()
    }
}

/// A row for each machine; `recorded` is what a test in a guest kept about a thing.
pub(crate) fn rows(
    junit: &Path,
    prefix: &str,
    recorded: impl Fn(&str, &str) -> Option<String>,
) -> Result<Vec<Row>> {
    let text = fs::read_to_string(junit)
        .with_context(|| format!("nextest left no report {}", junit.display()))?;
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for case in junit::cases(&text).with_context(|| junit.display().to_string())? {
        let in_guest = case.binary.ends_with("::guest");
        let about = |thing| in_guest.then(|| recorded(thing, &case.name)).flatten();
        let machine = about("ran").unwrap_or_else(|| "host".to_string());
        let row = rows.entry(machine.clone()).or_insert_with(|| Row {
            part: format!("{prefix}{machine}"),
            ..Row::default()
        });
        row.seconds += case.seconds;
        row.cpu_seconds += about("cpu").and_then(|cpu| cpu.parse().ok()).unwrap_or(0.0);
        if case.passed {
            row.passed += 1;
        } else {
            row.failed.push(format!("{} {}", case.binary, case.name));
        }
    }
    Ok(rows.into_values().collect())
}

/// Rows of the same part, which ran in slices, are one.
pub(crate) fn joined(rows: Vec<Row>) -> Vec<Row> {
    let mut parts: Vec<Row> = Vec::new();
    for row in rows {
        let Some(part) = parts.iter_mut().find(|part| part.part == row.part) else {
            parts.push(row);
            continue;
        };
        part.passed += row.passed;
        part.failed.extend(row.failed);
        part.seconds += row.seconds;
        part.cpu_seconds += row.cpu_seconds;
    }
    parts
}

/// The table, what failed, and the line of counts; `took`: seconds by the clock on the wall.
pub(crate) fn table(rows: &[Row], took: u64) -> String {
    let width = rows.iter().map(|row| row.part.len()).max().unwrap_or(0);
    let width = width.max("part".len());
    let mut text = format!("{:width$}  passed  failed  seconds  of CPU\n", "part");
    let (mut passed, mut failed) = (0, 0);
    for row in rows {
        let bad = row.failed.len();
        let _ = writeln!(
            text,
            "{:width$}  {:6}  {bad:6}  {:7.0}  {:6.0}",
            row.part, row.passed, row.seconds, row.cpu_seconds
        );
        passed += row.passed;
        failed += bad;
    }
    let _ = writeln!(text, "All of it, with the builds, took {took} s.");
    for row in rows {
        for test in &row.failed {
            let _ = writeln!(text, "failed, {}: {test}", row.part);
        }
    }
    let _ = write!(text, "{passed} passed, {failed} failed");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const JUNIT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="nextest-run" tests="3" failures="1">
  <testsuite name="scx_meta::guest" tests="2">
    <testcase name="a::b" classname="scx_meta::guest" time="2.5"><system-out>x</system-out></testcase>
    <testcase name="a::c" classname="scx_meta::guest" time="1">
      <failure type="test failure with exit code 101">why &lt;</failure>
    </testcase>
  </testsuite>
  <testsuite name="scx_meta" tests="1">
    <testcase name="d" classname="scx_meta" time="0.1"></testcase>
  </testsuite>
</testsuites>"#;

    #[test]
    fn each_machine_has_a_row_and_the_last_line_counts() {
        let dir = tempfile::tempdir().unwrap();
        let junit = dir.path().join("junit.xml");
        fs::write(&junit, JUNIT).unwrap();
        let rows = rows(&junit, "6.18 ", |thing, name| match (thing, name) {
            ("ran", "a::b" | "a::c") => Some("two".to_string()),
            ("cpu", "a::b") => Some("1.5".to_string()),
            _ => None,
        })
        .unwrap();
        let parts: Vec<&str> = rows.iter().map(|row| row.part.as_str()).collect();
        assert_eq!(parts, ["6.18 host", "6.18 two"]);
        assert_eq!(rows[1].failed, ["scx_meta::guest a::c"]);
        assert_eq!((rows[1].seconds, rows[1].cpu_seconds), (3.5, 1.5));
        let table = table(&rows, 9);
        assert!(table.contains("failed, 6.18 two: scx_meta::guest a::c"));
        assert_eq!(table.lines().last(), Some("2 passed, 1 failed"));
    }

    #[test]
    fn slices_of_a_part_add_up() {
        let row = |part: &str, passed, failed: &[&str]| Row {
            part: part.to_string(),
            passed,
            failed: failed.iter().map(|test| test.to_string()).collect(),
            seconds: 2.0,
            cpu_seconds: 1.0,
        };
        let rows = vec![row("a", 1, &["x"]), row("b", 2, &[]), row("a", 3, &["y"])];
        let joined = joined(rows);
        assert_eq!(joined.len(), 2);
        assert_eq!((joined[0].passed, joined[0].failed.len()), (4, 2));
        assert_eq!((joined[0].seconds, joined[0].cpu_seconds), (4.0, 2.0));
        assert_eq!(joined[1], row("b", 2, &[]));
    }

    #[test]
    fn a_missing_report_is_an_error() {
        let error = rows(Path::new("/no/junit.xml"), "", |_, _| None).unwrap_err();
        assert!(error.to_string().contains("/no/junit.xml"));
    }
}
