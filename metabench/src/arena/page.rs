// SPDX-License-Identifier: GPL-2.0-only
//! What the arena says of all scenarios: a page of Markdown.

use std::fmt::Write;

use anyhow::{Context, Result};
use evidence::sample::{Interval, LEVEL};
use evidence::table::{percent, Table};

use super::rows::AUTO;
use super::standing::{totals, Scene};
use super::truth;
use crate::estimate::surest;
use crate::record::Chosen;

/// Behind the name of a scenario that nothing was tuned by.
const HELD_OUT: &str = " †";

pub(super) fn text(scenes: &[Scene]) -> Result<String> {
    let source = &scenes.first().context("no scenario was measured")?.source;
    let mut text = String::from("# The arena\n\n");
    let emulated = match source.emulated {
        true => " Emulated: no processor of this kind was measured.",
        false => "",
    };
    let _ = writeln!(
        text,
        "Linux {}, {}; {}.{emulated} Ratios are to EEVDF in the same boots, and more is better; brackets are 95 % \
         intervals. A ratio that is inside the noise, that of EEVDF to itself, is a tie.\n",
        source.kernel, source.machine, source.date
    );
    let fewest = scenes.iter().map(|scene| scene.super_blocks).min();
    let surest = surest(fewest.unwrap_or_default());
    if surest < LEVEL {
        let _ = writeln!(
            text,
            "With so few super-blocks no interval is surer than {}: wins and losses are not to be relied upon.\n",
            percent(surest)
        );
    }
    let _ = writeln!(text, "## All scenarios\n\n{}", of_all(scenes).markdown());
    text.push_str(
        "*Better* is the share of scenarios whose median is above EEVDF's, whatever the noise; *top three* ranks \
         all rows and EEVDF. The interval of the mean is that of measuring these scenarios.\n\n",
    );
    let _ = writeln!(text, "## Each scenario\n\n{}", of_each(scenes).markdown());
    text.push_str(
        "*Best held* is picked after the fact, so nobody can be better but by chance; of scenarios with turns it is \
         the best of each turn. † nothing was tuned by this one.\n\n",
    );
    let _ = writeln!(text, "## What was chosen\n\n{}", choices(scenes).markdown());
    let _ = writeln!(
        text,
        "## What it believed\n\n{}\nA score is made of the scheduler's own signals, so it can mislead: *measured* is by what the \
         scenario is judged by, of the two policies held.\n",
        beliefs(scenes).markdown()
    );
    if let Some(table) = truth::table(scenes) {
        let _ = writeln!(
            text,
            "## Which signal tells the truth\n\n{}\nSpearman's rank correlation, over the policies held, of what scx_meta saw \
             with what the scenario is judged by: 1, the signal ranks them as that does; −1, the other way round. The goals \
             are scores of `--goal`.\n",
            table.markdown()
        );
    }
    let _ = writeln!(text, "## Every row\n\n{}", every_row(scenes).markdown());
    Ok(text)
}

fn of_all(scenes: &[Scene]) -> Table {
    let columns = [
        "scheduler",
        "scenarios",
        "wins",
        "ties",
        "losses",
        "better",
        "top three",
        "geometric mean",
    ];
    let mut table = Table::new(columns);
    for total in totals(scenes) {
        let share = |count: usize| percent(count as f64 / total.scenes.max(1) as f64);
        table.row([
            total.label.clone(),
            total.scenes.to_string(),
            total.wins.to_string(),
            total.ties.to_string(),
            total.losses.to_string(),
            share(total.better),
            share(total.top_three),
            ratio(total.mean),
        ]);
    }
    table
}

fn of_each(scenes: &[Scene]) -> Table {
    let columns = [
        "scenario",
        "judged by",
        "n",
        "EEVDF to itself",
        "best held",
        "auto",
        "auto is",
        "missing",
    ];
    let mut table = Table::new(columns);
    for scene in scenes {
        let best = scene.best();
        let best = match scene.contest.turns_s.is_empty() {
            true => best.map_or_else(String::new, |best| best.label.clone()),
            false => "each turn's".to_owned(),
        };
        let auto = scene.lane(AUTO);
        let of_auto = |show: &dyn Fn(&super::standing::Lane) -> String| {
            auto.map_or_else(|| "–".to_owned(), show)
        };
        table.row([
            name(scene),
            scene.judged.clone(),
            scene.super_blocks.to_string(),
            ratio(scene.floor),
            format!("{best} {:.3}", scene.oracle),
            of_auto(&|lane| ratio(lane.gain)),
            of_auto(&|lane| lane.verdict.to_string()),
            of_auto(&|lane| percent(scene.regret(lane))),
        ]);
    }
    table
}

/// Per scenario, or per turn of it: who was in charge at its end, since when, and what that cost.
fn choices(scenes: &[Scene]) -> Table {
    let columns = [
        "scenario",
        "in charge at the end",
        "for, on average",
        "changes a block",
        "regimes a block",
        "time for trials",
    ];
    let mut table = Table::new(columns);
    for scene in scenes {
        let turns = scene.chosen.iter().map(Vec::len).max().unwrap_or(0);
        for turn in 0..turns {
            let of_turn: Vec<&Chosen> = scene
                .chosen
                .iter()
                .filter_map(|block| block.get(turn))
                .collect();
            let mean = |of: &dyn Fn(&Chosen) -> f64| {
                of_turn.iter().map(|chosen| of(chosen)).sum::<f64>() / of_turn.len() as f64
            };
            let name = match turns {
                1 => name(scene),
                _ => format!("{}, turn {}", name(scene), turn + 1),
            };
            table.row([
                name,
                counted(of_turn.iter().map(|chosen| &*chosen.policy)),
                format!("{:.1} s", mean(&|chosen| chosen.for_s)),
                format!("{:.1}", mean(&|chosen| f64::from(chosen.changes))),
                format!("{:.1}", mean(&|chosen| f64::from(chosen.regimes))),
                percent(mean(&|chosen| chosen.tried)),
            ]);
        }
    }
    table
}

fn beliefs(scenes: &[Scene]) -> Table {
    let columns = [
        "scenario", "policy", "against", "believed", "measured", "right",
    ];
    let mut table = Table::new(columns);
    for scene in scenes {
        for belief in scene.beliefs() {
            let right = if belief.is_true() { "yes" } else { "no" };
            table.row([
                name(scene),
                belief.policy,
                belief.in_charge,
                format!("{:.3}", belief.believed),
                format!("{:.3}", belief.measured),
                right.to_owned(),
            ]);
        }
    }
    table
}

/// `eevdf 5, rusty 1`
fn counted<'a>(names: impl Iterator<Item = &'a str> + Clone) -> String {
    let count = |name: &str| names.clone().filter(|other| *other == name).count();
    let mut counts: Vec<(usize, &str)> = evidence::once(names.clone())
        .into_iter()
        .map(|name| (count(name), name))
        .collect();
    counts.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    let shown = counts.iter().map(|(count, name)| format!("{name} {count}"));
    shown.collect::<Vec<_>>().join(", ")
}

fn every_row(scenes: &[Scene]) -> Table {
    let heads = scenes.iter().map(name).collect::<Vec<_>>();
    let mut table = Table::new(
        ["scheduler"]
            .into_iter()
            .chain(heads.iter().map(|head| &**head)),
    );
    for total in totals(scenes).iter().skip(1) {
        let cells = scenes.iter().map(|scene| {
            let lane = scene.lane(&total.label);
            lane.map_or_else(|| "–".to_owned(), |lane| ratio(lane.gain))
        });
        table.row([total.label.clone()].into_iter().chain(cells));
    }
    table
}

fn name(scene: &Scene) -> String {
    let mark = if scene.contest.held_out { HELD_OUT } else { "" };
    format!("{}{mark}", scene.name)
}

/// `1.043 (1.031–1.060)`
fn ratio(of: Interval) -> String {
    format!("{:.3} ({:.3}–{:.3})", of.estimate, of.low, of.high)
}

#[cfg(test)]
mod tests {
    use super::super::standing::tests::scene;
    use super::*;

    #[test]
    fn the_page_has_all_scenarios_and_who_was_chosen() {
        let page = text(&[scene("web", 1.2), scene("last", 0.8)]).unwrap();
        for line in [
            "| auto | 2 | 1 | 0 | 1 | 50.0 % |",
            "| last † |",
            "| web | fifo ",
            "| web | eevdf | fifo | 0.500 |",
        ] {
            assert!(page.contains(line), "{line} is not in\n{page}");
        }
        assert!(text(&[]).is_err());
    }

    #[test]
    fn names_are_counted_the_most_frequent_first() {
        let names = ["rusty", "eevdf", "eevdf"];
        assert_eq!(counted(names.into_iter()), "eevdf 2, rusty 1");
    }
}
