// SPDX-License-Identifier: GPL-2.0-only
//! The figures of `bench switch`.

use anyhow::Result;
use evidence::figure::ruler::Axis;
use evidence::figure::{Bar, Bars};
use evidence::files::File;
use evidence::sample::Interval;
use evidence::spec::Row;
use evidence::table::{brief_time_ns, ratio};

use super::costs::{HANDOVERS, LOADS};
use super::details::Details;
use super::report::Report;
use super::samples::{ADOPTION, EFFECT, FLIP, META, OTHERS, PRELOADED, TIMER, USER, WHOLE};
use super::windows::Direction;

const TIME: Axis = Axis::log("median and its 95 % interval, logarithmic", brief_time_ns);

pub(crate) fn all(report: &Report, footnote: &str) -> Result<Vec<File>> {
    let figures = [
        ("switch-cost.svg", cost(report)?),
        ("switch-effect.svg", effect(report)?),
        ("switch-probe.svg", probe(&report.details)),
        ("switch-lateness.svg", lateness(&report.details)?),
    ];
    let files = figures
        .into_iter()
        .map(|(name, bars)| bars.file(name, footnote));
    files.collect()
}

fn bar(label: String, row: &Row, group: usize) -> Bar {
    Bar {
        label,
        value: row.about,
        group,
    }
}

/// Replaced, preloaded, flipped.
fn cost(Report { costs, .. }: &Report) -> Result<Bars<'static>> {
    let mut bars = Vec::new();
    for load in LOADS {
        let name = load.name();
        for (sort, label, group) in [
            (OTHERS, "other schedulers replaced", 0),
            (META, "scx_meta process replaced", 0),
            (PRELOADED, "preloaded program attached", 1),
        ] {
            match costs.replaced(sort, load, WHOLE) {
                Ok(whole) => bars.push(bar(format!("{label}, {name}"), whole, group)),
                Err(_) if sort == OTHERS => (),
                Err(error) => return Err(error),
            }
        }
        for handover in HANDOVERS {
            let flip = costs.flipped((TIMER, FLIP), handover, load)?;
            bars.push(bar(format!("flip, {handover}, {name}"), flip, 2));
        }
    }
    Ok(Bars {
        title: "What a switch of policies takes",
        axis: TIME,
        bars,
        limit: None,
    })
}

/// When a switch is felt.
fn effect(Report { costs, .. }: &Report) -> Result<Bars<'static>> {
    let mut bars = Vec::new();
    for load in LOADS {
        for (part, what) in [(EFFECT, "first task"), (ADOPTION, "95 % of CPUs")] {
            let mut push = |who: &str, row: &Row, group| {
                bars.push(bar(format!("{what}, {}: {who}", load.name()), row, group));
            };
            push("process", costs.replaced(META, load, part)?, 0);
            push("preloaded", costs.replaced(PRELOADED, load, part)?, 1);
            for handover in HANDOVERS {
                let flip = |by| costs.flipped((by, part), handover, load);
                push(&format!("user space, {handover}"), flip(USER)?, 3);
                push(&format!("timer, {handover}"), flip(TIMER)?, 2);
            }
        }
    }
    Ok(Bars {
        title: "From the decision until tasks run under the new policy",
        axis: TIME,
        bars,
        limit: None,
    })
}

/// How late a probe is after flips, as a ratio to the rest.
fn probe(details: &Details) -> Bars<'static> {
    let mut bars = Vec::new();
    for row in &details.probes {
        for comparison in row.against_rest() {
            let direction = match &comparison.direction {
                Direction::All => "all flips".to_owned(),
                Direction::To(_) if row.is_control() => continue,
                Direction::To(policy) => format!("to {policy}"),
            };
            bars.push(Bar {
                label: format!("{}, {direction}", row.name()),
                value: comparison.ratio_p99,
                group: usize::from(row.is_control()),
            });
        }
    }
    Bars {
        title: "Wake-ups due within 20 ms after a flip against the rest: ratio of the p99 lateness",
        axis: Axis::linear("ratio and its 95 % interval", ratio),
        bars,
        limit: Some((1.1, "wanted: below 1.10")),
    }
}

/// The lateness itself, of the headline's probe.
fn lateness(details: &Details) -> Result<Bars<'static>> {
    let mut bars = Vec::new();
    let mut push = |label: String, ns: f64, group| {
        let ns = ns.max(1.0);
        let value = Interval {
            estimate: ns,
            low: ns,
            high: ns,
        };
        bars.push(Bar {
            label,
            value,
            group,
        });
    };
    for comparison in details.headline_probe()?.against_rest() {
        let direction = comparison.direction.name();
        let (near, rest) = (&comparison.near, &comparison.rest);
        push(format!("p50, after {direction}"), near.median, 0);
        push(format!("p99, after {direction}"), near.p99, 0);
        if comparison.direction == Direction::All {
            push("p50, the rest".into(), rest.median, 1);
            push("p99, the rest".into(), rest.p99, 1);
        }
    }
    Ok(Bars {
        title: "How late the probe was within 20 ms after a flip, and otherwise",
        axis: Axis {
            label: "lateness, logarithmic",
            ..TIME
        },
        bars,
        limit: None,
    })
}
