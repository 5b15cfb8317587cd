// SPDX-License-Identifier: GPL-2.0-only
//! What comes of the blocks. An arm's ratio is taken to the first arm's block of the same round, so that
//! a machine or a load that drifts favours nobody; intervals are Student's, over rounds, and so wide that
//! all of them together hold with 95 %.

use std::fmt::Write;

use anyhow::{ensure, Context, Result};
use evidence::raw::Raw;
use evidence::sample::{self, Interval};
use evidence::table::Table;
use labkit::machine::Machine;

use super::entry::{Block, Entry, Plan};
use crate::metric::Metric;

/// Pairs of each arm but the first: its value, and the first one's in the same round.
fn pairs(plan: &Plan, blocks: &[Block]) -> Vec<Vec<(f64, f64)>> {
    let of = |round: u32, arm: usize| {
        let is_it = |block: &&Block| block.round == round && block.arm == arm;
        blocks.iter().find(is_it).map(|block| block.value)
    };
    let rounds = blocks.iter().map(|block| block.round).max();
    let rounds = rounds.map_or(0, |last| last + 1);
    (1..plan.arms.len())
        .map(|arm| {
            (0..rounds)
                .filter_map(|round| Some((of(round, arm)?, of(round, 0)?)))
                .collect()
        })
        .collect()
}

/// Of each arm but the first, how much more it has than the first.
pub(super) fn ratios(plan: &Plan, blocks: &[Block]) -> Result<Vec<Interval>> {
    let nothing = blocks.iter().filter(|block| block.value <= 0.0).count();
    ensure!(
        nothing == 0,
        "in {nothing} of {} blocks the service said 0 or less: take longer ones (--block)",
        blocks.len()
    );
    let level = sample::corrected_level(plan.arms.len() - 1);
    let pairs = pairs(plan, blocks);
    pairs
        .iter()
        .map(|pairs| sample::mean_ratio_at(pairs, level))
        .collect()
}

/// Every interval is as narrow as was asked for.
pub(super) fn is_narrow(plan: &Plan, blocks: &[Block]) -> Result<bool> {
    let ratios = ratios(plan, blocks)?;
    Ok(ratios
        .iter()
        .all(|ratio| ratio.high - ratio.low <= plan.width))
}

pub(super) fn mean<'a>(blocks: impl Iterator<Item = &'a Block>) -> Option<f64> {
    let values: Vec<f64> = blocks.map(|block| block.value).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// After the last block of a round: how far it is.
pub(super) fn progress(entries: &[Entry]) -> Option<String> {
    let (Some(Entry::Plan(plan)), Some(Entry::Block(last))) = (entries.first(), entries.last())
    else {
        return None;
    };
    let blocks = blocks(entries);
    if !blocks.len().is_multiple_of(plan.arms.len()) {
        return None;
    }
    let widths = ratios(plan, &blocks).ok()?.into_iter();
    let widest = widths
        .map(|ratio| ratio.high - ratio.low)
        .fold(0.0, f64::max);
    let round = last.round + 1;
    let (widest, wanted) = (100.0 * widest, 100.0 * plan.width);
    Some(format!(
        "round {round}: intervals are {widest:.1} % wide, {wanted:.1} % is asked for"
    ))
}

fn blocks(entries: &[Entry]) -> Vec<Block> {
    let of = |entry: &Entry| match entry {
        Entry::Block(block) => Some(block.clone()),
        Entry::Plan(_) | Entry::End { .. } => None,
    };
    entries.iter().filter_map(of).collect()
}

/// The table, one sentence, and the line to paste.
pub(super) fn text(raw: &Raw<Entry>) -> Result<String> {
    let Some(Entry::Plan(plan)) = raw.records.first() else {
        anyhow::bail!("no plan of `ab`, which comes first");
    };
    let blocks = blocks(&raw.records);
    let why = raw.records.iter().find_map(|entry| match entry {
        Entry::End { why } => Some(why.as_str()),
        Entry::Plan(_) | Entry::Block(_) => None,
    });
    let ratios = ratios(plan, &blocks).context("nothing can be said yet")?;
    let rounds = pairs(plan, &blocks).iter().map(Vec::len).min();
    let mut text = head(plan, &raw.machine, rounds.unwrap_or_default(), why);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}", table(plan, &blocks, &ratios).aligned());
    text.push_str(&conclusion(plan, &ratios));
    Ok(text)
}

fn head(plan: &Plan, machine: &Machine, rounds: usize, why: Option<&str>) -> String {
    let emulated = if machine.is_emulated() { "yes" } else { "no" };
    let Plan {
        reward,
        block_s,
        settle_s,
        seed,
        ..
    } = plan;
    format!(
        "service   {reward}\n\
         method    blocks of {block_s} s, {settle_s} s after each change; seed {seed}\n\
         machine   Linux {}, {} CPUs, {}\n\
         emulated  {emulated}\n\
         n         {rounds} rounds; ended: {}\n\
         date      {}\n\n",
        machine.kernel,
        machine.cpus,
        machine.accel,
        why.unwrap_or("somebody killed it"),
        plan.date,
    )
}

fn metric(plan: &Plan) -> Metric<'_> {
    match plan.lower {
        true => Metric::Less(&plan.unit),
        false => Metric::More(&plan.unit),
    }
}

/// More is better.
fn good(plan: &Plan, ratio: Interval) -> Interval {
    match plan.lower {
        true => ratio.inverse(),
        false => ratio,
    }
}

fn table(plan: &Plan, blocks: &[Block], ratios: &[Interval]) -> Table {
    let metric = metric(plan);
    let first = &plan.arms[0].label;
    let mut table = Table::new(["under", &metric.head(), &format!("against {first}")]);
    let changes = ratios.iter().map(|ratio| metric.change(good(plan, *ratio)));
    let changes = [String::new()].into_iter().chain(changes);
    for ((arm, of), change) in plan.arms.iter().enumerate().zip(changes) {
        let value = mean(blocks.iter().filter(|block| block.arm == arm));
        let value = value.map_or_else(String::new, |value| metric.number(value));
        table.row([of.label.clone(), value, change]);
    }
    table
}

fn conclusion(plan: &Plan, ratios: &[Interval]) -> String {
    let first = &plan.arms[0];
    let goods = ratios.iter().map(|ratio| good(plan, *ratio));
    let better = plan.arms[1..].iter().zip(goods);
    let better = better.filter(|(_, ratio)| ratio.low > 1.0);
    let best = better.max_by(|(_, a), (_, b)| a.estimate.total_cmp(&b.estimate));
    let (sentence, command) = match best {
        None => (
            format!("nothing is better than {} beyond the noise", first.label),
            &first.command,
        ),
        Some((arm, ratio)) => {
            let than = format!(" than {}", first.label);
            let change = metric(plan).change_to(ratio, &than);
            (format!("{}: {change}", arm.label), &arm.command)
        }
    };
    format!("{sentence}\n\n    {command}\n")
}

#[cfg(test)]
mod tests {
    use labkit::charge::setting::Setting;
    use labkit::clock::Clock;

    use super::super::entry::Arm;
    use super::*;

    /// Three arms; the last is 10 % more, the middle one scatters about the first.
    fn raw(lower: bool) -> Raw<Entry> {
        let arm = |label: &str| Arm {
            label: label.into(),
            setting: Setting::Eevdf,
            command: format!("sudo {label}"),
        };
        let plan = Plan {
            reward: "file:/x".into(),
            lower,
            unit: "requests/s".into(),
            arms: ["a", "b", "c"].map(arm).into(),
            block_s: 10.0,
            settle_s: 1.0,
            width: 0.02,
            seed: 3,
            command: Vec::new(),
            date: "2026-01-02T03:04:05Z".into(),
        };
        let mut records = vec![Entry::Plan(plan)];
        for round in 0..8 {
            let drift = 1.0 + 0.1 * f64::from(round);
            let little = if round % 2 == 0 { 0.01 } else { -0.01 };
            for (arm, factor) in [1.0, 1.0 + little, 1.1 + little].into_iter().enumerate() {
                records.push(Entry::Block(Block {
                    round,
                    arm,
                    value: 1000.0 * drift * factor,
                    seconds: 10.0,
                    settled_ms: 1000.0,
                }));
            }
        }
        records.push(Entry::End {
            why: "the budget is spent".into(),
        });
        Raw {
            machine: Machine {
                kernel: "6.18".into(),
                accel: "tcg".into(),
                cpus: 4,
                clock: Clock::Serial,
            },
            records,
        }
    }

    #[test]
    fn the_better_one_is_named_with_the_line_to_paste() {
        insta::assert_snapshot!(text(&raw(false)).unwrap());
    }

    #[test]
    fn after_each_round_it_says_how_far_it_is() {
        let records = raw(false).records;
        let said = |n: usize| progress(&records[..n]);
        // Of one round there is no interval.
        for n in [1, 2, 4, 5, 6, records.len()] {
            assert_eq!(said(n), None, "{n}");
        }
        let second = said(1 + 6).unwrap();
        assert!(second.starts_with("round 2: intervals are "), "{second}");
        assert!(second.ends_with(" % wide, 2.0 % is asked for"), "{second}");
    }

    #[test]
    fn where_less_is_better_more_is_no_reason() {
        let text = text(&raw(true)).unwrap();
        let end = "nothing is better than a beyond the noise\n\n    sudo a\n";
        assert!(text.ends_with(end), "{text}");
    }

    #[test]
    fn a_round_that_was_cut_off_counts_as_far_as_it_came() {
        let mut raw = raw(false);
        raw.records.truncate(1 + 3 * 3 + 2);
        let text = text(&raw).unwrap();
        assert!(
            text.contains("3 rounds; ended: somebody killed it"),
            "{text}"
        );
        raw.records.truncate(2);
        assert!(super::text(&raw).is_err());
    }

    #[test]
    fn blocks_in_which_nothing_was_counted_are_too_short() {
        let mut raw = raw(false);
        if let Some(Entry::Block(block)) = raw.records.get_mut(1) {
            block.value = 0.0;
        }
        let error = format!("{:#}", text(&raw).unwrap_err());
        assert!(error.contains("in 1 of 24 blocks"), "{error}");
    }
}
