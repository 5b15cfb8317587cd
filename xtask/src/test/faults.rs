// SPDX-License-Identifier: GPL-2.0-only
//! What the rows of the table of faults counted: each prints `faults: N injected, M tasks checked,
//! longest wait T ms`, once or several times, and nextest's report keeps it.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use lab::nextest::junit::{self, Case};

/// Before what a row counted (tests/guest/faults/harm.rs).
const SAID: &str = "faults: ";

/// Before the names of the rows.
const MODULE: &str = "faults::";

/// What a row counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counts {
    injected: u64,
    tasks: u64,
    longest_ms: u64,
}

/// A line for each row, and their sum. `machine` is where a test ran.
pub(crate) fn table(
    junit: &Path,
    kernel: &str,
    machine: impl Fn(&str) -> Option<String>,
) -> Result<String> {
    let text = fs::read_to_string(junit)
        .with_context(|| format!("nextest left no report {}", junit.display()))?;
    let cases = junit::cases(&text).with_context(|| junit.display().to_string())?;
    Ok(lines(&cases, kernel, machine))
}

fn lines(cases: &[Case], kernel: &str, machine: impl Fn(&str) -> Option<String>) -> String {
    let row = |case: &Case| case.name.strip_prefix(MODULE).map(str::to_string);
    let width = cases.iter().filter_map(row).map(|name| name.len()).max();
    let width = width.unwrap_or(0);
    let mut text = format!(
        "{:width$}  machine    result  injected  tasks  longest wait\n",
        format!("faults, {kernel}")
    );
    let mut sum = Counts::default();
    for case in cases {
        let Some(name) = row(case) else {
            continue;
        };
        let machine = machine(&case.name).unwrap_or_default();
        let result = if case.passed { "ok" } else { "FAILED" };
        let counted = counts(&case.output);
        let _ = match counted {
            Some(counts) => writeln!(
                text,
                "{name:width$}  {machine:9}  {result:6}  {:8}  {:5}  {:9} ms",
                counts.injected, counts.tasks, counts.longest_ms
            ),
            None => writeln!(
                text,
                "{name:width$}  {machine:9}  {result:6}  nothing counted"
            ),
        };
        sum.add(counted.unwrap_or_default());
    }
    let _ = write!(
        text,
        "{} faults injected, {} tasks checked, longest wait {} ms",
        sum.injected, sum.tasks, sum.longest_ms
    );
    text
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.injected += other.injected;
        self.tasks += other.tasks;
        self.longest_ms = self.longest_ms.max(other.longest_ms);
    }
}

/// All that a test counted; None if it came to no count.
fn counts(output: &str) -> Option<Counts> {
    let mut found = output.lines().filter_map(parse).peekable();
    found.peek()?;
    let mut sum = Counts::default();
    found.for_each(|counts| sum.add(counts));
    Some(sum)
}

fn parse(line: &str) -> Option<Counts> {
    let counted = line.strip_prefix(SAID)?;
    let mut numbers = counted.split(", ");
    let mut next = |before: &str, after: &str| -> Option<u64> {
        let part = numbers.next()?.strip_prefix(before)?;
        part.strip_suffix(after)?.parse().ok()
    };
    Some(Counts {
        injected: next("", " injected")?,
        tasks: next("", " tasks checked")?,
        longest_ms: next("longest wait ", " ms")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const JUNIT: &str = r#"<testsuites><testsuite name="scx_meta::guest">
    <testcase name="faults::a::b" classname="scx_meta::guest" time="1"><system-out>
held: longest wait 31 ms of 2 s
faults: 3 injected, 7 tasks checked, longest wait 31 ms
faults: 1 injected, 2 tasks checked, longest wait 400 ms
</system-out></testcase>
    <testcase name="faults::c" classname="scx_meta::guest" time="1"><failure/></testcase>
    <testcase name="other" classname="scx_meta::guest" time="1"/>
</testsuite></testsuites>"#;

    #[test]
    fn each_row_has_what_it_counted_and_the_sum_is_last() {
        let cases = junit::cases(JUNIT).unwrap();
        let text = lines(&cases, "6.18", |_| Some("two".into()));
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows.len(), 4, "{text}");
        assert!(
            rows[1].starts_with("a::b") && rows[1].ends_with("400 ms"),
            "{text}"
        );
        assert!(rows[2].contains("FAILED") && rows[2].contains("nothing counted"));
        let sum = "4 faults injected, 9 tasks checked, longest wait 400 ms";
        assert_eq!(rows[3], sum);
    }
}
