// SPDX-License-Identifier: GPL-2.0-only
//! How many times longer a replacement takes than a flip: like with like, under the same load.

use anyhow::{Context, Result};
use evidence::sample::Interval;
use serde::Serialize;

use super::costs::{of_decisions, preloaded, replacement, Durations};
use super::data::{Data, LONG_US, SHORT_US};
use super::details::{ADOPTION, EFFECT, META, OTHERS, PRELOADED, TIMER, USER};
use super::record::Load;

/// The work itself: replacement to timer callback.
pub const MECHANISM: &str = "mechanism";

/// How many times less our switch takes.
#[derive(Serialize)]
pub struct RatioRow {
    /// `mechanism`, `effect` or `adoption`.
    pub what: &'static str,
    /// Of a replacement of this sort …
    pub against: &'static str,
    /// … to a flip decided by whom …
    pub decided_by: &'static str,
    /// … with this hand-over …
    pub handover: String,
    /// … under this load.
    pub load: Load,
    /// Median to median.
    pub ratio: Interval,
}

/// Each load, hand-over, sort of replacement and decider.
pub fn rows(data: &Data) -> Result<Vec<RatioRow>> {
    let mut rows = Vec::new();
    for load in [Load::Idle, Load::Saturated] {
        for handover in ["drain", "adopt"] {
            let short = &data.flips_of(handover, load, SHORT_US)?.turns;
            let long = &data.flips_of(handover, load, LONG_US)?.turns;
            let decisions = &data.decided_of(handover, load)?.decisions;
            let ours = [
                (TIMER, MECHANISM, Durations::of_turns(short, |t| t.flip_ns)),
                (TIMER, EFFECT, Durations::of_turns(long, |t| t.first_ns)),
                (TIMER, ADOPTION, Durations::of_turns(long, |t| t.most_ns)),
                (USER, EFFECT, of_decisions(decisions, |t| t.first_ns)?),
                (USER, ADOPTION, of_decisions(decisions, |t| t.most_ns)?),
            ];
            for sort in [META, OTHERS, PRELOADED] {
                let theirs = theirs(data, sort, load);
                for (decided_by, what, ours) in &ours {
                    let their = theirs.iter().find(|their| their.0 == *what);
                    let Some((_, their)) = their.filter(|their| !their.1.blocks.is_empty()) else {
                        continue;
                    };
                    rows.push(RatioRow {
                        what,
                        against: sort,
                        decided_by,
                        handover: handover.into(),
                        load,
                        ratio: their.ratio_to(ours).with_context(|| {
                            format!("{what} against {sort}, {handover}, {}", load.name())
                        })?,
                    });
                }
            }
        }
    }
    Ok(rows)
}

/// What replacements of a sort took: mechanism, effect, adoption.
fn theirs(data: &Data, sort: &str, load: Load) -> [(&'static str, Durations); 3] {
    let meta = || {
        let replacements = data.replacements.iter();
        replacements.filter(move |r| r.load == load && r.is_meta)
    };
    let others = || {
        let replacements = data.replacements.iter();
        replacements.filter(move |r| r.load == load && !r.is_meta)
    };
    let preloads = || data.preloaded.iter().filter(move |p| p.load == load);
    let single = |values: Vec<Option<u64>>| Durations::single(values);
    let (whole, effect, adoption) = match sort {
        META => (
            single(meta().map(|r| Some(replacement::whole(r))).collect()),
            single(meta().map(replacement::effect).collect()),
            single(meta().map(replacement::adoption).collect()),
        ),
        // Nobody tells of their tasks: being in charge stands for both.
        OTHERS => {
            let whole = || single(others().map(|r| Some(replacement::whole(r))).collect());
            (whole(), whole(), whole())
        }
        _ => (
            single(preloads().map(|p| Some(preloaded::whole(p))).collect()),
            single(preloads().map(preloaded::effect).collect()),
            single(preloads().map(preloaded::adoption).collect()),
        ),
    };
    [(MECHANISM, whole), (EFFECT, effect), (ADOPTION, adoption)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::report::tests::a_boot;

    #[test]
    fn user_space_s_decisions_are_compared_as_well() {
        let data = Data::of([a_boot()]).unwrap();
        let rows = rows(&data).unwrap();
        let row = rows.iter().find(|row| {
            row.decided_by == USER
                && row.what == EFFECT
                && row.against == PRELOADED
                && row.load == Load::Idle
        });
        // 2.1 ms to (1,000 - 900 + 100) ns.
        assert_eq!(row.unwrap().ratio.estimate, 10_500.0);
        // Each load and hand-over: three sorts, five ratios.
        assert_eq!(rows.len(), 2 * 2 * 3 * 5);
    }
}
