// SPDX-License-Identifier: GPL-2.0-only
//! `breakdown`: what more and more applications at once leave of the gain. Each n is a trial of its
//! own; here they stand side by side.

use anyhow::Result;
use evidence::figure::{Look, Run};
use evidence::sample::Interval;

use super::drawing::{Drawing, Frame, BAND};
use super::series::{self, Placed};
use crate::estimate::{best_held, Measure, EEVDF};
use crate::outcome::{Outcome, RowOutcome, SubjectOutcome};

const BEST: &str = "best policy held (picked afterwards)";

/// All subjects of all trials, by the number of their applications.
pub(crate) fn by_count<'a>(outcomes: &[&'a Outcome]) -> Vec<(usize, &'a SubjectOutcome)> {
    let subjects = outcomes.iter().flat_map(|outcome| &outcome.subjects);
    let mut all: Vec<_> = subjects.map(|s| (count(s), s)).collect();
    all.sort_by_key(|(count, _)| *count);
    all
}

/// Applications under load at the same time; one alone has no parts.
pub(crate) fn count(subject: &SubjectOutcome) -> usize {
    subject.eevdf.parts.len().max(1)
}

/// Over EEVDF by throughput and latency, and over the best policy.
pub(crate) fn drawings(outcomes: &[&Outcome], stem: &str) -> Result<Vec<Drawing>> {
    let Some(first) = outcomes.first() else {
        return Ok(vec![]);
    };
    let steps = Counted {
        first,
        subjects: by_count(outcomes),
    };
    let mut drawings = Vec::new();
    for measure in Measure::ALL {
        drawings.extend(steps.over_eevdf(stem, measure)?);
    }
    drawings.extend(steps.over_best(stem)?);
    Ok(drawings)
}

/// A step for each number of applications.
struct Counted<'a> {
    first: &'a Outcome,
    subjects: Vec<(usize, &'a SubjectOutcome)>,
}

impl Counted<'_> {
    fn over_eevdf(&self, stem: &str, measure: Measure) -> Result<Option<Drawing>> {
        let mut runs = self.runs(|_, row| measure.ratio(row));
        let best = |s: &SubjectOutcome| measure.ratio(best_held(s, measure)?);
        let floor = |s: &SubjectOutcome| measure.ratio(&s.eevdf);
        let more = [
            (BEST, Look::Hollow(runs.len()), self.points(best)),
            (BAND, Look::Floor, self.points(floor)),
        ];
        runs.extend(more.map(|(name, look, points)| Run {
            name: name.into(),
            look,
            points,
        }));
        let name = measure.name(self.subjects.iter().map(|(_, subject)| *subject));
        let file = format!("{stem}-{}.svg", measure.stem());
        let label = measure.towards_better(&format!("{name} against EEVDF"));
        self.drawing(
            file,
            &format!("{name} relative to EEVDF"),
            label,
            EEVDF,
            runs,
        )
    }

    fn over_best(&self, stem: &str) -> Result<Option<Drawing>> {
        let measure = Measure::Throughput;
        let runs = self.runs(|subject, row| over_best(row, subject, measure));
        let label = measure.towards_better("throughput against the best held");
        self.drawing(
            format!("{stem}-best.svg"),
            "throughput relative to the best policy held",
            label,
            "best held",
            runs,
        )
    }

    /// Of the rotations.
    fn runs(&self, value: impl Fn(&SubjectOutcome, &RowOutcome) -> Option<Interval>) -> Vec<Run> {
        let steps = self.subjects.iter().enumerate();
        let rows = steps.flat_map(|(step, (_, s))| s.rows.iter().map(move |row| (step, row)));
        let placed: Vec<Placed> = rows.collect();
        series::runs(&placed, |step, row| value(self.subjects[step].1, row))
    }

    fn points(
        &self,
        value: impl Fn(&SubjectOutcome) -> Option<Interval>,
    ) -> Vec<(usize, Interval)> {
        let steps = self.subjects.iter().enumerate();
        steps
            .filter_map(|(step, (_, subject))| Some((step, value(subject)?)))
            .collect()
    }

    fn drawing(
        &self,
        file: String,
        what: &str,
        label: String,
        one: &str,
        mut runs: Vec<Run>,
    ) -> Result<Option<Drawing>> {
        runs.retain(|run| !run.points.is_empty());
        let frame = Frame {
            file,
            title: format!("{}: n applications at once: {what}", self.first.workload),
            label,
            one,
            source: &self.first.source,
        };
        let names = self.subjects.iter().map(|(count, _)| count.to_string());
        frame.steps(
            "n, applications at the same time",
            names.collect(),
            None,
            runs,
        )
    }
}

/// A row against the policy that, held, was best. As wide as both intervals together allow: what
/// they have in common is not known here.
pub(crate) fn over_best(
    row: &RowOutcome,
    subject: &SubjectOutcome,
    measure: Measure,
) -> Option<Interval> {
    let of = measure.ratio(row)?;
    let to = measure.ratio(best_held(subject, measure)?)?;
    let quotient = Interval {
        estimate: of.estimate / to.estimate,
        low: of.low / to.high,
        high: of.high / to.low,
    };
    let bounds = [quotient.low, quotient.estimate, quotient.high];
    let is_finite = bounds.iter().all(|bound| bound.is_finite());
    is_finite.then_some(quotient)
}
