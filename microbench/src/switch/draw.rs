// SPDX-License-Identifier: GPL-2.0-only
//! The figures of `bench switch`.

use anyhow::Result;
use evidence::figure::ruler::{Axis, Scale};
use evidence::figure::{Bar, Bars};
use evidence::sample::Interval;
use evidence::table::{brief_time_ns, ratio};

use super::costs::Estimate;
use super::details::{
    Details, ADOPTION, EFFECT, FLIP, META, OTHERS, PRELOADED, TIMER, USER, WHOLE,
};
use super::record::Load;
use super::windows::{Against, Direction};

const LOADS: [Load; 2] = [Load::Idle, Load::Saturated];

const TIME: Axis = Axis {
    label: "median and its 95 % interval, logarithmic",
    scale: Scale::Log,
    format: brief_time_ns,
};

fn bar(label: String, estimate: &Estimate, group: usize) -> Bar {
    Bar {
        label,
        value: estimate.median,
        group,
    }
}

/// What a switch takes: replaced, preloaded, flipped.
pub fn cost(details: &Details) -> Result<Bars<'static>> {
    let mut bars = Vec::new();
    for load in LOADS {
        let name = load.name();
        for (sort, label, group) in [
            (OTHERS, "other schedulers replaced", 0),
            (META, "scx_meta process replaced", 0),
            (PRELOADED, "preloaded program attached", 1),
        ] {
            match details.replaced(sort, load, WHOLE) {
                Ok(whole) => bars.push(bar(format!("{label}, {name}"), whole, group)),
                Err(_) if sort == OTHERS => (),
                Err(error) => return Err(error),
            }
        }
        for handover in ["drain", "adopt"] {
            let flip = details.flipped((TIMER, FLIP), handover, load)?;
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
pub fn effect(details: &Details) -> Result<Bars<'static>> {
    let mut bars = Vec::new();
    for load in LOADS {
        for (part, what) in [(EFFECT, "first task"), (ADOPTION, "95 % of CPUs")] {
            let mut push = |who: &str, estimate: &Estimate, group| {
                let label = format!("{what}, {}: {who}", load.name());
                bars.push(bar(label, estimate, group));
            };
            push("process", details.replaced(META, load, part)?, 0);
            push("preloaded", details.replaced(PRELOADED, load, part)?, 1);
            for handover in ["drain", "adopt"] {
                let flip = |by| details.flipped((by, part), handover, load);
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
pub fn probe(details: &Details) -> Bars<'static> {
    let mut bars = Vec::new();
    for row in &details.probes {
        for comparison in row
            .comparisons
            .iter()
            .filter(|c| c.against == Against::Rest)
        {
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
        axis: Axis {
            label: "ratio and its 95 % interval",
            scale: Scale::Linear,
            format: ratio,
        },
        bars,
        limit: Some((1.1, "wanted: below 1.10")),
    }
}

/// The lateness itself, of the headline's probe.
pub fn lateness(details: &Details) -> Result<Bars<'static>> {
    let row = details.headline_probe()?;
    let certain = |value| Interval {
        estimate: value,
        low: value,
        high: value,
    };
    let mut bars = Vec::new();
    for comparison in row
        .comparisons
        .iter()
        .filter(|c| c.against == Against::Rest)
    {
        let direction = match &comparison.direction {
            Direction::All => "all flips".to_owned(),
            Direction::To(policy) => format!("flips to {policy}"),
        };
        for (percentile, near) in [
            ("p50", comparison.near.median),
            ("p99", comparison.near.p99),
        ] {
            bars.push(Bar {
                label: format!("{percentile}, after {direction}"),
                value: certain(near.max(1.0)),
                group: 0,
            });
        }
        if comparison.direction == Direction::All {
            for (percentile, rest) in [
                ("p50", comparison.rest.median),
                ("p99", comparison.rest.p99),
            ] {
                bars.push(Bar {
                    label: format!("{percentile}, the rest"),
                    value: certain(rest.max(1.0)),
                    group: 1,
                });
            }
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
