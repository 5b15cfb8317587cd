// SPDX-License-Identifier: GPL-2.0-only
//! The paper's first figure: each part and the whole under each row, relative to EEVDF.

use anyhow::Result;
use evidence::figure::{Dot, Dots, Group, Standing};

use super::drawing::{standing, Drawing, BAND, KEY};
use super::measure::Measure;
use super::words;
use crate::estimate::EEVDF;
use crate::outcome::{Outcome, RowOutcome, SubjectOutcome};

/// One for each measure there is; files begin with `stem`.
pub(crate) fn drawings(outcome: &Outcome, stem: &str) -> Result<Vec<Drawing>> {
    let of = |measure| drawing(outcome, stem, measure).transpose();
    Measure::ALL.into_iter().filter_map(of).collect()
}

fn drawing(outcome: &Outcome, stem: &str, measure: Measure) -> Result<Option<Drawing>> {
    let shown = |s: &&SubjectOutcome| s.rows.iter().any(|row| measure.ratio(row).is_some());
    let subjects: Vec<_> = outcome.subjects.iter().filter(shown).collect();
    if subjects.is_empty() {
        return Ok(None);
    }
    let name = measure.name(subjects.iter().copied());
    let title = format!("{}: {name} relative to EEVDF", outcome.workload);
    let label = measure.towards_better(&format!("{name} against EEVDF"));
    let rows = subjects
        .iter()
        .flat_map(|s| s.rows.iter().chain([&s.eevdf]));
    let dots = Dots {
        title: &title,
        axis: words::axis(&label, rows.filter_map(|row| measure.ratio(row))),
        one: EEVDF,
        groups: subjects
            .iter()
            .map(|subject| group(subject, measure))
            .collect(),
        key: KEY.to_vec(),
        band: BAND,
    };
    let file = format!("{stem}-{}.svg", measure.stem());
    Drawing::new(file, &title, &outcome.source, |note| dots.svg(note)).map(Some)
}

fn group(subject: &SubjectOutcome, measure: Measure) -> Group {
    let eevdf = &subject.eevdf;
    let floor = dot("EEVDF again", eevdf, measure, Some(Standing::Floor));
    let rows = subject.rows.iter().filter_map(|row| {
        let verdict = measure.verdict(row, eevdf);
        dot(&row.label, row, measure, verdict.map(standing))
    });
    Group {
        name: heading(subject),
        band: measure.ratio(eevdf),
        dots: floor.into_iter().chain(rows).collect(),
    }
}

/// `frontend`, `rag, the whole`
pub(crate) fn heading(subject: &SubjectOutcome) -> String {
    let about = &subject.subject;
    let whole = if about.whole { ", the whole" } else { "" };
    format!("{}{whole}", about.name)
}

fn dot(label: &str, row: &RowOutcome, measure: Measure, standing: Option<Standing>) -> Option<Dot> {
    let value = measure.ratio(row)?;
    Some(Dot {
        label: label.to_owned(),
        value,
        shown: words::change(value.estimate),
        standing: standing.unwrap_or(Standing::Unclear),
    })
}
