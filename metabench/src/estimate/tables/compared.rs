// SPDX-License-Identifier: GPL-2.0-only
//! Questions that were asked beforehand, and claims measured afresh.

use std::fmt::{self, Write};

use evidence::table::Table;

use super::number::{between, or_dash, ratio, trimmed};
use crate::estimate::verdict;
use crate::outcome::{Claim, Comparison, Outcome, RowOutcome};

pub(crate) fn write_comparisons(outcome: &Outcome, out: &mut String) -> fmt::Result {
    let level = outcome.comparisons[0].level;
    writeln!(
        out,
        "Asked beforehand; each interval is of {} %, so that all together hold with 95 %:\n",
        trimmed(100.0 * level)
    )?;
    let eevdf = outcome.eevdf();
    writeln!(out, "{}", comparisons(&outcome.comparisons, eevdf))?;
    let fewest = outcome.subjects.iter().map(|subject| subject.super_blocks);
    let fewest = fewest.min().unwrap_or_default();
    write_if_too_few(fewest, level, out)?;
    writeln!(out)
}

/// However many resamples: an interval cannot be wider than from the smallest to the largest.
pub(crate) fn write_if_too_few(super_blocks: usize, level: f64, out: &mut String) -> fmt::Result {
    let sure = surest(super_blocks);
    if sure >= level {
        return Ok(());
    }
    let (sure, level) = (trimmed(100.0 * sure), trimmed(100.0 * level));
    writeln!(
        out,
        "{super_blocks} super-blocks are too few for an interval of {level} %: from the smallest \
         to the largest ratio is one of {sure} %."
    )
}

/// How surely the median lies between the smallest and the largest of `n` values.
pub(crate) fn surest(n: usize) -> f64 {
    1.0 - 2.0 * 0.5_f64.powi(n as i32)
}

fn comparisons(comparisons: &[Comparison], eevdf: Option<&RowOutcome>) -> Table {
    let mut heads = vec!["", "throughput", "interval", ""];
    let has_latencies = comparisons.iter().any(|c| c.latency_ratio.is_some());
    if has_latencies {
        heads.extend(["latency", "interval", ""]);
    }
    let mut table = Table::new(heads);
    for comparison in comparisons {
        let throughput = comparison.throughput_ratio;
        let mut cells = vec![
            comparison.what.clone(),
            ratio(throughput.estimate),
            between(throughput),
            verdict::throughput_asked(comparison, eevdf).to_string(),
        ];
        if has_latencies {
            let latency = comparison.latency_ratio;
            cells.push(or_dash(latency, |r| ratio(r.estimate)));
            cells.push(or_dash(latency, between));
            let asked = verdict::latency_asked(comparison, eevdf);
            cells.push(asked.map_or_else(|| "-".into(), |asked| asked.to_string()));
        }
        table.row(cells);
    }
    table
}

pub(crate) fn write_claims(claimed: &[Claim], out: &mut String) -> fmt::Result {
    writeln!(
        out,
        "What tune had claimed; the largest of many figures is too large, so it shrinks:\n"
    )?;
    writeln!(out, "{}", claims(claimed))
}

fn claims(claims: &[Claim]) -> Table {
    let mut table = Table::new([
        "",
        "by tune",
        "interval",
        "afresh",
        "interval",
        "difference",
    ]);
    for Claim {
        label,
        tune,
        compare,
    } in claims
    {
        table.row([
            label.clone(),
            ratio(tune.estimate),
            between(*tune),
            ratio(compare.estimate),
            between(*compare),
            format!("{:+.3}", compare.estimate - tune.estimate),
        ]);
    }
    table
}
