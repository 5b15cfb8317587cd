// SPDX-License-Identifier: GPL-2.0-only
//! Everything that the headlines are picked from: each thing measured, in rows.

use anyhow::{Context, Result};
use serde::Serialize;

use super::costs::{of_decisions, preloaded, replacement, Durations, Estimate};
use super::data::{Data, LONG_US, PAIR, SHORT_US};
use super::ratios::RatioRow;
use super::record::{Case, Counted, Decided, Flips, Load, Preloaded, Replacement, Settings};
use super::windows::Comparison;
use super::{ratios, windows};

/// All that the headlines are picked from.
#[derive(Serialize)]
pub struct Details {
    pub default_handover: String,
    pub settings: Vec<Settings>,
    pub replacements: Vec<ReplacementRow>,
    pub flips: Vec<FlipRow>,
    pub ratios: Vec<RatioRow>,
    pub counted: Vec<CountedRow>,
    pub probes: Vec<ProbeRow>,
}

/// A sort of replacement under a load. Durations in nanoseconds.
#[derive(Serialize)]
pub struct ReplacementRow {
    /// `scx_meta`, `others` (real schedulers) or `preloaded`.
    pub sort: &'static str,
    /// Who replaced whom.
    pub who: String,
    /// What else ran.
    pub load: Load,
    /// By the name of the part, in the order of a replacement.
    pub parts: Vec<(&'static str, Estimate)>,
    /// Schedulers that the kernel enabled for each.
    pub enable_seq: f64,
    /// Bypasses of the new scheduler for each, as far as it can tell; the end of the old one
    /// bypasses once more.
    pub bypasses: Option<f64>,
}

/// A rotation. Durations in nanoseconds.
#[derive(Serialize)]
pub struct FlipRow {
    /// Which.
    pub case: Case,
    /// `timer`, or `user space` with the time since its decision.
    pub decided_by: &'static str,
    /// Cost, effect and adoption.
    pub parts: Vec<(&'static str, Estimate)>,
}

/// What the kernel counted while a rotation ran.
#[derive(Serialize)]
pub struct CountedRow {
    /// Which.
    pub case: Case,
    /// Flips meanwhile.
    pub flips: usize,
    /// What it counted.
    pub counted: Counted,
}

/// A probe beside a rotation.
#[derive(Serialize)]
pub struct ProbeRow {
    /// Which; one policy is a control.
    pub case: Case,
    /// The probe was a real-time task: a control, too.
    pub real_time: bool,
    /// Flips in the time.
    pub flips: usize,
    /// How busy the CPUs were, 0 to 1.
    pub busy: f64,
    /// What lies between after a flip and otherwise.
    pub comparisons: Vec<Comparison>,
}

/// A replacement's sorts.
pub const META: &str = "scx_meta";
/// Real schedulers.
pub const OTHERS: &str = "others";
/// Loaded beforehand.
pub const PRELOADED: &str = "preloaded";

/// Parts of a replacement, in their order.
pub const REPLACEMENT_PARTS: [&str; 10] = [
    STOP, EXIT, LOADING, ENABLING, START, WHOLE, NONE, BYPASS, EFFECT, ADOPTION,
];
const STOP: &str = "stop";
const EXIT: &str = "exit";
const LOADING: &str = "loading";
const ENABLING: &str = "enabling";
const START: &str = "start";
const NONE: &str = "no scheduler";
const BYPASS: &str = "bypass";

/// Names of parts that others ask for.
pub const WHOLE: &str = "whole";
/// Of a flip.
pub const FLIP: &str = "flip";
/// Until the first task.
pub const EFFECT: &str = "effect";
/// Until most CPUs.
pub const ADOPTION: &str = "adoption";

/// Who decides.
pub const TIMER: &str = "timer";
/// With `set_pin` and `apply`.
pub const USER: &str = "user space";

/// Makes the rows.
pub fn details(data: &Data) -> Result<Details> {
    let default_handover = data.default_handover()?.to_owned();
    Ok(Details {
        replacements: replacement_rows(data)?,
        flips: flip_rows(data)?,
        ratios: ratios::rows(data)?,
        counted: counted_rows(data),
        probes: probe_rows(data)?,
        settings: data.settings.clone(),
        default_handover,
    })
}

fn mean(values: impl Iterator<Item = u64>) -> f64 {
    let values: Vec<_> = values.collect();
    values.iter().sum::<u64>() as f64 / values.len().max(1) as f64
}

fn estimates(
    parts: impl IntoIterator<Item = (&'static str, Durations)>,
) -> Result<Vec<(&'static str, Estimate)>> {
    let measured = parts.into_iter().filter(|part| !part.1.blocks.is_empty());
    measured
        .map(|(name, durations)| Ok((name, durations.estimate().context(name)?)))
        .collect()
}

fn who(pairs: impl Iterator<Item = (String, String)>) -> String {
    let mut names: Vec<_> = pairs.flat_map(|(from, to)| [from, to]).collect();
    names.sort();
    names.dedup();
    names.join(" <-> ")
}

fn replacement_rows(data: &Data) -> Result<Vec<ReplacementRow>> {
    let mut rows = Vec::new();
    for load in [Load::Idle, Load::Saturated] {
        for (sort, is_meta) in [(META, true), (OTHERS, false)] {
            let all = || {
                let replacements = data.replacements.iter();
                replacements.filter(move |r| r.load == load && r.is_meta == is_meta)
            };
            if all().next().is_none() {
                continue;
            }
            let some = |f: fn(&Replacement) -> u64| Durations::single(all().map(|r| Some(f(r))));
            let maybe = |f: fn(&Replacement) -> Option<u64>| Durations::single(all().map(f));
            rows.push(ReplacementRow {
                sort,
                who: who(all().map(|r| (r.from.clone(), r.to.clone()))),
                load,
                parts: estimates([
                    (STOP, some(replacement::stop)),
                    (EXIT, some(replacement::exit)),
                    (LOADING, maybe(replacement::loading)),
                    (ENABLING, maybe(replacement::enabling)),
                    (START, some(replacement::start)),
                    (WHOLE, some(replacement::whole)),
                    (NONE, maybe(replacement::without)),
                    (BYPASS, Durations::single(all().map(|r| r.bypass_ns))),
                    (EFFECT, maybe(replacement::effect)),
                    (ADOPTION, maybe(replacement::adoption)),
                ])?,
                enable_seq: mean(all().map(|r| r.enable_seq)),
                bypasses: all()
                    .all(|r| r.bypasses.is_some())
                    .then(|| mean(all().filter_map(|r| r.bypasses))),
            });
        }
        let all = || data.preloaded.iter().filter(move |p| p.load == load);
        let some = |f: fn(&Preloaded) -> u64| Durations::single(all().map(|p| Some(f(p))));
        let maybe = |f: fn(&Preloaded) -> Option<u64>| Durations::single(all().map(f));
        rows.push(ReplacementRow {
            sort: PRELOADED,
            who: who(all().map(|p| (p.from.clone(), p.to.clone()))),
            load,
            parts: estimates([
                (STOP, some(preloaded::stop)),
                (START, some(preloaded::start)),
                (WHOLE, some(preloaded::whole)),
                (EFFECT, maybe(preloaded::effect)),
                (ADOPTION, maybe(preloaded::adoption)),
            ])?,
            enable_seq: mean(all().map(|p| p.enable_seq)),
            bypasses: None,
        });
    }
    Ok(rows)
}

fn flip_rows(data: &Data) -> Result<Vec<FlipRow>> {
    let mut rows = Vec::new();
    for Flips { case, turns, .. } in &data.flips {
        let took: Durations = Durations::of_turns(turns, |turn| turn.flip_ns);
        rows.push(FlipRow {
            case: case.clone(),
            decided_by: TIMER,
            parts: estimates([
                (FLIP, took),
                (EFFECT, Durations::of_turns(turns, |turn| turn.first_ns)),
                (ADOPTION, Durations::of_turns(turns, |turn| turn.most_ns)),
            ])?,
        });
    }
    for Decided { case, decisions } in &data.decided {
        rows.push(FlipRow {
            case: case.clone(),
            decided_by: USER,
            parts: estimates([
                (EFFECT, of_decisions(decisions, |turn| turn.first_ns)?),
                (ADOPTION, of_decisions(decisions, |turn| turn.most_ns)?),
            ])?,
        });
    }
    Ok(rows)
}

fn counted_rows(data: &Data) -> Vec<CountedRow> {
    let flips = data.flips.iter().map(|flips| CountedRow {
        case: flips.case.clone(),
        flips: flips.turns.len(),
        counted: flips.counted,
    });
    let rotations = data.probes.iter();
    let rotations = rotations.filter(|probe| probe.case.policies.len() > 1);
    let probes = rotations.map(|probe| CountedRow {
        case: probe.case.clone(),
        flips: probe.flips.len(),
        counted: probe.counted,
    });
    flips.chain(probes).collect()
}

fn probe_rows(data: &Data) -> Result<Vec<ProbeRow>> {
    let rows = data.probes.iter().map(|probe| {
        Ok(ProbeRow {
            case: probe.case.clone(),
            real_time: probe.real_time,
            flips: probe.flips.len(),
            busy: probe.busy,
            comparisons: windows::compare_all(probe)
                .with_context(|| format!("probe, {:?}", probe.case))?,
        })
    });
    rows.collect()
}

impl ProbeRow {
    /// Shows what there is without a switch, or without a policy.
    pub fn is_control(&self) -> bool {
        self.real_time || self.case.policies.len() < 2
    }

    /// For tables and figures.
    pub fn name(&self) -> String {
        let load = self.case.load.name();
        match (self.real_time, &*self.case.policies) {
            (true, _) => format!("real-time probe (control), {load}"),
            (false, [held]) => format!("{held} held (control), {load}"),
            _ => format!("{}, {load}", self.case.handover),
        }
    }
}

impl Details {
    /// A part of a sort of replacement.
    pub fn replaced(&self, sort: &str, load: Load, part: &str) -> Result<&Estimate> {
        let rows = self.replacements.iter();
        let mut rows = rows.filter(|row| row.sort == sort && row.load == load);
        part_of(rows.next().map(|row| &row.parts), part)
            .with_context(|| format!("no raw data: {sort}, {}, {part}", load.name()))
    }

    /// A part of flips of the pair of policies.
    pub fn flipped(
        &self,
        (decided_by, part): (&str, &str),
        handover: &str,
        load: Load,
    ) -> Result<&Estimate> {
        let turn_us = match (decided_by, part) {
            (USER, _) => 0,
            (_, FLIP) => SHORT_US,
            _ => LONG_US,
        };
        let mut rows = self.flips.iter().filter(|row| {
            row.case.policies == PAIR
                && row.decided_by == decided_by
                && row.case.handover == handover
                && row.case.load == load
                && row.case.turn_us == turn_us
        });
        part_of(rows.next().map(|row| &row.parts), part).with_context(|| {
            format!(
                "no raw data: flips by {decided_by}, {handover}, {}, {part}",
                load.name()
            )
        })
    }

    /// Beside which rotation the headline's probe ran.
    pub fn headline_probe(&self) -> Result<&ProbeRow> {
        let mut rows = self.probes.iter().filter(|row| {
            !row.is_control()
                && row.case.handover == self.default_handover
                && row.case.load == Load::Moderate
        });
        rows.next()
            .context("no raw data of a probe under the default hand-over, moderately loaded")
    }
}

fn part_of<'a>(
    parts: Option<&'a Vec<(&'static str, Estimate)>>,
    part: &str,
) -> Option<&'a Estimate> {
    let found = parts?.iter().find(|(name, _)| *name == part);
    found.map(|(_, estimate)| estimate)
}
