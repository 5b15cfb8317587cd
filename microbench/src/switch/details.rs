// SPDX-License-Identifier: GPL-2.0-only
//! Everything that the headlines are picked from: each thing measured, in rows.

use anyhow::{ensure, Context, Result};
use evidence::sample::{Interval, Summary};
use evidence::spec::Rows;
use serde::Serialize;

use super::costs::{Costs, RatioRow, PAIR};
use super::record::{Case, Counted, Load, Settings};
use super::samples::{self, Data, BYPASSES, ENABLE_SEQ, META, TIMER};
use super::windows::{self, Against, Comparison, Direction};

/// All that the headlines are picked from. Durations in nanoseconds.
#[derive(Serialize)]
pub(crate) struct Details {
    pub(crate) default_handover: String,
    settings: Vec<Settings>,
    pub(crate) replacements: Vec<ReplacementRow>,
    flips: Vec<FlipRow>,
    pub(crate) ratios: Vec<RatioRow>,
    pub(crate) counted: Vec<CountedRow>,
    pub(crate) probes: Vec<ProbeRow>,
}

/// By the name of the part.
type Parts = Vec<(String, Estimate)>;

#[derive(Clone, Copy, Serialize)]
pub(crate) struct Estimate {
    pub(crate) median: Interval,
    pub(crate) all: Summary,
    lower_bounds: usize,
    missing: usize,
}

/// A sort of replacement under a load.
#[derive(Serialize)]
pub(crate) struct ReplacementRow {
    pub(crate) sort: String,
    pub(crate) who: String,
    pub(crate) load: String,
    parts: Parts,
    pub(crate) enable_seq: f64,
    /// Bypasses of the new scheduler for each, as far as it can tell; the end of the old one
    /// bypasses once more.
    pub(crate) bypasses: Option<f64>,
}

#[derive(Serialize)]
struct FlipRow {
    case: Case,
    /// `timer`, or `user space` with the time since its decision.
    decided_by: String,
    parts: Parts,
}

/// The kernel's counts while a rotation ran.
#[derive(Serialize)]
pub(crate) struct CountedRow {
    pub(crate) case: Case,
    pub(crate) flips: usize,
    pub(crate) counted: Counted,
}

/// A probe beside a rotation; beside one policy, or as a real-time task, it is a control.
#[derive(Serialize)]
pub(crate) struct ProbeRow {
    case: Case,
    real_time: bool,
    pub(crate) flips: usize,
    /// How busy the CPUs were, 0 to 1.
    pub(crate) busy: f64,
    pub(crate) comparisons: Vec<Comparison>,
}

fn parts(rows: &Rows) -> Parts {
    let parts = rows.0.iter().map(|row| {
        let estimate = Estimate {
            median: row.about,
            all: row.all,
            lower_bounds: row.lower_bounds,
            missing: row.missing,
        };
        (row.key("part").to_owned(), estimate)
    });
    parts.collect()
}

impl Details {
    pub(crate) fn of(data: Data, costs: &Costs) -> Result<Self> {
        let replacements = Rows::all(&costs.replaced).split(&["sort", "load"]);
        let replacements = replacements.iter().map(|rows| {
            let (sort, load) = (rows.key("sort"), rows.key("load"));
            let counted = Rows::all(&costs.counted).of(&[("sort", sort), ("load", load)]);
            let bypasses = counted.find(&[("count", BYPASSES)]);
            let bypasses = bypasses.filter(|row| row.missing == 0);
            Ok(ReplacementRow {
                sort: sort.into(),
                who: data.who(sort, load),
                load: load.into(),
                parts: parts(rows),
                enable_seq: counted.get(&[("count", ENABLE_SEQ)])?.about.estimate,
                bypasses: bypasses.map(|row| row.about.estimate),
            })
        });
        let flips = costs.rotations().into_iter().map(|rows| FlipRow {
            case: data.rotations[rows.key("rotation")].clone(),
            decided_by: rows.key("decided_by").into(),
            parts: parts(&rows),
        });
        let probes = data.probes.iter().map(|probe| {
            Ok(ProbeRow {
                case: probe.case.clone(),
                real_time: probe.real_time,
                flips: probe.flips.len(),
                busy: probe.busy,
                comparisons: windows::compare_all(probe)
                    .with_context(|| format!("probe, {:?}", probe.case))?,
            })
        });
        Ok(Self {
            default_handover: data.default_handover()?.to_owned(),
            replacements: replacements.collect::<Result<_>>()?,
            flips: flips.collect(),
            ratios: costs.ratios()?,
            counted: counted(&data),
            probes: probes.collect::<Result<_>>()?,
            settings: data.settings,
        })
    }

    pub(crate) fn ratio(&self, what: &str) -> Result<f64> {
        let row = self.ratios.iter().find(|row| {
            row.what == what
                && row.against == META
                && row.decided_by == TIMER
                && row.handover == self.default_handover
                && row.load == Load::Saturated
        });
        let row = row.with_context(|| format!("no raw data for the ratio {what}"))?;
        Ok(row.ratio.estimate)
    }

    /// Beside which rotation the headline's probe ran.
    pub(crate) fn headline_probe(&self) -> Result<&ProbeRow> {
        let mut rows = self.probes.iter().filter(|row| {
            !row.is_control()
                && row.case.handover == self.default_handover
                && row.case.load == Load::Moderate
        });
        rows.next()
            .context("no raw data of a probe under the default hand-over, moderately loaded")
    }

    pub(crate) fn probe_upper(&self) -> Result<f64> {
        let uppers = self.headline_probe()?.against_rest();
        let uppers = uppers.filter(|c| matches!(c.direction, Direction::To(_)));
        let uppers: Vec<_> = uppers.map(|c| c.ratio_p99.high).collect();
        ensure!(
            uppers.len() == PAIR.len(),
            "the probe saw {} directions of {}",
            uppers.len(),
            PAIR.len()
        );
        Ok(uppers.into_iter().fold(0.0, f64::max))
    }
}

fn counted(data: &Data) -> Vec<CountedRow> {
    let flips = data.flips.iter();
    let flips = flips.map(|flips| (&flips.case, flips.turns.len(), flips.counted));
    let probes = data
        .probes
        .iter()
        .filter(|probe| probe.case.policies.len() > 1);
    let probes = probes.map(|probe| (&probe.case, probe.flips.len(), probe.counted));
    let rows = flips
        .chain(probes)
        .map(|(case, flips, counted)| CountedRow {
            case: case.clone(),
            flips,
            counted,
        });
    rows.collect()
}

impl CountedRow {
    pub(crate) fn name(&self) -> String {
        samples::name_of(&self.case)
    }
}

impl ReplacementRow {
    pub(crate) fn part(&self, name: &str) -> Option<&Estimate> {
        let part = self.parts.iter().find(|part| part.0 == name);
        part.map(|(_, estimate)| estimate)
    }
}

impl ProbeRow {
    /// Shows what there is without a switch, or without a policy.
    pub(crate) fn is_control(&self) -> bool {
        self.real_time || self.case.policies.len() < 2
    }

    pub(crate) fn name(&self) -> String {
        let load = self.case.load.name();
        match (self.real_time, &*self.case.policies) {
            (true, _) => format!("real-time probe (control), {load}"),
            (false, [held]) => format!("{held} held (control), {load}"),
            _ => format!("{}, {load}", self.case.handover),
        }
    }

    pub(crate) fn against_rest(&self) -> impl Iterator<Item = &Comparison> {
        let all = self.comparisons.iter();
        all.filter(|c| c.against == Against::Rest)
    }
}
