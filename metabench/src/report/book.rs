// SPDX-License-Identifier: GPL-2.0-only
//! The page's order: a part for each workload, in it a chapter for each stage.

use anyhow::Result;

use super::drawing::Drawing;
use super::{asked, rows, slices, together};
use crate::estimate::Measure;
use crate::outcome::Outcome;
use crate::record::Stage;
use crate::trial::files;

pub(crate) struct Part<'a> {
    pub(crate) workload: &'a str,
    /// In the order of stages.
    pub(crate) outcomes: Vec<&'a Outcome>,
    pub(crate) chapters: Vec<Chapter<'a>>,
}

pub(crate) struct Chapter<'a> {
    pub(crate) stage: Stage,
    /// One; of `breakdown` all.
    pub(crate) outcomes: Vec<&'a Outcome>,
    pub(crate) drawings: Vec<Drawing>,
}

/// Workloads in the order given, stages in the order of the pipeline.
pub(crate) fn parts(outcomes: &[Outcome]) -> Result<Vec<Part<'_>>> {
    let workloads = evidence::once(outcomes.iter().map(|outcome| outcome.workload.as_str()));
    let part = |workload| {
        let own = outcomes.iter().filter(|o| o.workload == workload);
        let mut own: Vec<_> = own.collect();
        let n = |outcome: &Outcome| outcome.subjects.first().map_or(0, together::count);
        own.sort_by_key(|outcome| (outcome.stage, n(outcome)));
        Ok(Part {
            workload,
            chapters: chapters(&own)?,
            outcomes: own,
        })
    };
    workloads.into_iter().map(part).collect()
}

fn chapters<'a>(outcomes: &[&'a Outcome]) -> Result<Vec<Chapter<'a>>> {
    let mut chapters: Vec<Chapter> = Vec::new();
    let together =
        |a: &&Outcome, b: &&Outcome| (a.stage, b.stage) == (Stage::Breakdown, Stage::Breakdown);
    for outcomes in outcomes.chunk_by(together) {
        let stage = outcomes[0].stage;
        // Two of one stage (two kernels, say) must not write the same files.
        let earlier = chapters.iter().filter(|c| c.stage == stage).count();
        let number = match earlier {
            0 => String::new(),
            n => format!("-{}", n + 1),
        };
        let workload = files::stem(&outcomes[0].workload);
        let stem = format!("{workload}-{}{number}", stage.command());
        chapters.push(Chapter {
            stage,
            drawings: drawings(stage, outcomes, &stem)?,
            outcomes: outcomes.to_vec(),
        });
    }
    Ok(chapters)
}

fn drawings(stage: Stage, outcomes: &[&Outcome], stem: &str) -> Result<Vec<Drawing>> {
    let first = outcomes[0];
    let mut all = Vec::new();
    let mut of_both = |drawing: fn(&Outcome, &str, Measure) -> Result<Option<Drawing>>| {
        for measure in Measure::ALL {
            all.extend(drawing(first, stem, measure)?);
        }
        anyhow::Ok(())
    };
    match stage {
        Stage::Try | Stage::Profile | Stage::Arena => of_both(rows::drawing)?,
        Stage::Tune => of_both(slices::drawing)?,
        Stage::Compare => {
            of_both(asked::drawing)?;
            of_both(rows::drawing)?;
            all.extend(asked::claims(first, stem)?);
        }
        Stage::Breakdown => all = together::drawings(outcomes, stem)?,
    }
    Ok(all)
}
