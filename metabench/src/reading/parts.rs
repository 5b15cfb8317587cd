// SPDX-License-Identifier: GPL-2.0-only
//! Loads of several parts that run at the same time, each with a line of its own.

use anyhow::{bail, ensure, Result};

use super::expression::Expression;

/// Operations and throughput of all parts, or of the only one that counts; none if no line is that
/// of a part. `kind` is what a part is called, and the group that finds its name.
pub(super) fn sums(
    parts: &Expression,
    kind: &str,
    said: &str,
    only: Option<&str>,
) -> Result<Option<(Option<f64>, Option<f64>)>> {
    let mut names = Vec::new();
    let mut counted = Vec::new();
    for found in parts.0.captures_iter(said) {
        let name = found
            .name(kind)
            .map_or("", |name| name.as_str())
            .to_string();
        if only.is_none_or(|only| only == name) {
            let throughput = parts.number(&found, "throughput")?;
            // A part that did nothing is starved or cannot run here; its absence from a sum would
            // look like a scheduler's doing.
            ensure!(throughput > 0.0, "the {kind} `{name}` did nothing");
            counted.push((parts.number(&found, "operations")?, throughput));
        }
        names.push(name);
    }
    if names.is_empty() {
        return Ok(None);
    }
    if let (Some(only), []) = (only, &counted[..]) {
        bail!("there is no {kind} `{only}`, but {}", names.join(", "));
    }
    // They ran at the same time, so throughputs add up.
    let operations = counted.iter().map(|(operations, _)| operations).sum();
    let throughput = counted.iter().map(|(_, throughput)| throughput).sum();
    Ok(Some((Some(operations), Some(throughput))))
}
