// SPDX-License-Identifier: GPL-2.0-only
//! `breakdown`: what more and more applications at once leave of the gain. Each n is a trial of its
//! own; here they stand side by side.

use anyhow::Result;
use evidence::figure::{Look, Run, Steps};
use evidence::sample::Interval;

use super::drawing::{Drawing, BAND};
use super::measure::Measure;
use super::series::Placed;
use super::{series, words};
use crate::estimate::EEVDF;
use crate::outcome::{Outcome, RowOutcome, SubjectOutcome};
use crate::trial::record::Role;

pub(crate) const BEST: &str = "best policy held (picked afterwards)";

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

pub(crate) fn best_held(subject: &SubjectOutcome, measure: Measure) -> Option<&RowOutcome> {
    let held = subject.rows.iter();
    let held = held.filter(|row| matches!(row.role, Some(Role::Single)));
    let ranked = held.filter_map(|row| {
        let ratio = measure.ratio(row)?.estimate;
        let loss = match measure {
            Measure::Throughput => -ratio,
            Measure::Latency => ratio,
        };
        Some((loss, row))
    });
    ranked
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, row)| row)
}

/// Over EEVDF by throughput and latency, and over the best policy.
pub(crate) fn drawings(outcomes: &[&Outcome], stem: &str) -> Result<Vec<Drawing>> {
    let counted = by_count(outcomes);
    let mut drawings = Vec::new();
    for measure in Measure::ALL {
        drawings.extend(over_eevdf(outcomes, &counted, stem, measure)?);
    }
    drawings.extend(over_best(outcomes, &counted, stem)?);
    Ok(drawings)
}

fn placed<'a>(counted: &[(usize, &'a SubjectOutcome)]) -> Vec<Placed<'a>> {
    let steps = counted.iter().enumerate();
    let rows = steps.map(|(step, (_, s))| s.rows.iter().map(move |row| (step, row)));
    rows.flatten().collect()
}

fn names(counted: &[(usize, &SubjectOutcome)]) -> Vec<String> {
    counted.iter().map(|(count, _)| count.to_string()).collect()
}

fn over_eevdf(
    outcomes: &[&Outcome],
    counted: &[(usize, &SubjectOutcome)],
    stem: &str,
    measure: Measure,
) -> Result<Option<Drawing>> {
    let mut runs = series::runs(&placed(counted), |row| measure.ratio(row));
    let best = |(step, (_, s)): (usize, &(usize, &SubjectOutcome))| {
        Some((step, measure.ratio(best_held(s, measure)?)?))
    };
    let floor =
        |(step, (_, s)): (usize, &(usize, &SubjectOutcome))| Some((step, measure.ratio(&s.eevdf)?));
    let steps = || counted.iter().enumerate();
    let more = [
        (
            BEST,
            Look::Hollow(runs.len()),
            steps().filter_map(best).collect(),
        ),
        (BAND, Look::Floor, steps().filter_map(floor).collect()),
    ];
    runs.extend(more.into_iter().map(|(name, look, points)| Run {
        name: name.into(),
        look,
        points,
    }));
    runs.retain(|run| !run.points.is_empty());
    let name = measure.name(counted.iter().map(|(_, subject)| *subject));
    let title = format!("n applications at once: {name} relative to EEVDF");
    let label = measure.towards_better(&format!("{name} against EEVDF"));
    let file = format!("{stem}-{}.svg", measure.stem());
    drawing(outcomes, counted, runs, (&title, &label, EEVDF), file)
}

fn over_best(
    outcomes: &[&Outcome],
    counted: &[(usize, &SubjectOutcome)],
    stem: &str,
) -> Result<Option<Drawing>> {
    let measure = Measure::Throughput;
    let mut runs = series::runs(&placed(counted), |row| measure.ratio(row));
    for run in &mut runs {
        let over = |(step, ratio): &(usize, Interval)| {
            let best = measure.ratio(best_held(counted[*step].1, measure)?)?;
            Some((*step, quotient(*ratio, best)?))
        };
        run.points = run.points.iter().filter_map(over).collect();
    }
    runs.retain(|run| !run.points.is_empty());
    let title = "n applications at once: throughput relative to the best policy held";
    let label = measure.towards_better("throughput against the best held");
    let file = format!("{stem}-best.svg");
    drawing(outcomes, counted, runs, (title, &label, "best held"), file)
}

/// As wide as both intervals together allow: what they have in common is not known here.
pub(crate) fn quotient(of: Interval, to: Interval) -> Option<Interval> {
    let quotient = Interval {
        estimate: of.estimate / to.estimate,
        low: of.low / to.high,
        high: of.high / to.low,
    };
    let bounds = [quotient.low, quotient.estimate, quotient.high];
    bounds
        .iter()
        .all(|bound| bound.is_finite())
        .then_some(quotient)
}

fn drawing(
    outcomes: &[&Outcome],
    counted: &[(usize, &SubjectOutcome)],
    runs: Vec<Run>,
    (title, label, one): (&str, &str, &str),
    file: String,
) -> Result<Option<Drawing>> {
    let Some(first) = outcomes.first().filter(|_| !runs.is_empty()) else {
        return Ok(None);
    };
    let title = format!("{}: {title}", first.workload);
    let values = runs
        .iter()
        .flat_map(|run| run.points.iter().map(|point| point.1));
    let steps = Steps {
        title: &title,
        x: "n, applications at the same time",
        steps: names(counted),
        y: words::axis(label, values),
        one,
        band: None,
        runs,
    };
    Drawing::new(file, &title, &first.source, |note| steps.svg(note)).map(Some)
}
