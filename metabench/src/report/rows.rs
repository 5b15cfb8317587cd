// SPDX-License-Identifier: GPL-2.0-only
//! The paper's first figure: each part and the whole under each row, relative to EEVDF.

use anyhow::Result;
use evidence::figure::{Group, Standing};

use super::answer::{dot, Answer};
use super::drawing::{Drawing, Frame, KEY};
use super::words;
use crate::estimate::{Measure, EEVDF};
use crate::outcome::{Outcome, SubjectOutcome};

pub(crate) fn drawing(outcome: &Outcome, stem: &str, measure: Measure) -> Result<Option<Drawing>> {
    let shown = |s: &&SubjectOutcome| s.rows.iter().any(|row| measure.ratio(row).is_some());
    let subjects: Vec<_> = outcome.subjects.iter().filter(shown).collect();
    let name = measure.name(subjects.iter().copied());
    let frame = Frame {
        file: format!("{stem}-{}.svg", measure.stem()),
        title: format!("{}: {name} relative to EEVDF", outcome.workload),
        label: measure.towards_better(&format!("{name} against EEVDF")),
        one: EEVDF,
        source: &outcome.source,
    };
    let groups = subjects.into_iter().map(|s| group(s, measure));
    frame.dots(groups.collect(), KEY.to_vec())
}

fn group(subject: &SubjectOutcome, measure: Measure) -> Group {
    let noise = measure.ratio(&subject.eevdf);
    let floor = noise.map(|noise| dot("EEVDF again", noise, Standing::Floor));
    let rows = subject.rows.iter();
    let answers = rows.filter_map(|row| Answer::of(row, subject, measure));
    Group {
        name: words::heading(subject),
        band: noise,
        dots: floor.into_iter().chain(answers.map(|a| a.dot())).collect(),
    }
}
