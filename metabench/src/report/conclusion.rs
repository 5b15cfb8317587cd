// SPDX-License-Identifier: GPL-2.0-only
//! What the data allow to say in words. Of tune's winner nothing is claimed: it is the best of
//! many, and `compare` measures it afresh.

use evidence::sample::Interval;

use super::{together, words};
use crate::estimate::{surest, Measure, Verdict, EEVDF, WINNER};
use crate::outcome::{Comparison, Outcome, RowOutcome, SubjectOutcome};
use crate::trial::record::{Role, Stage};

#[derive(Debug, PartialEq)]
pub(crate) enum Said {
    Sentence(String),
    /// A question with an answer for each thing it is asked of.
    Question(String, Vec<Answer>),
}

#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) what: String,
    pub(crate) verdict: Verdict,
    pub(crate) ratio: Interval,
}

#[derive(Debug, Default)]
pub(crate) struct Conclusion {
    pub(crate) before: Vec<String>,
    /// By throughput, and by latency.
    pub(crate) columns: Vec<Vec<Said>>,
    pub(crate) after: Vec<String>,
}

/// From what was asked beforehand if there is that; else from what there is.
pub(crate) fn conclude(outcomes: &[&Outcome]) -> Conclusion {
    let of = |stage| {
        outcomes
            .iter()
            .copied()
            .filter(move |outcome| outcome.stage == stage)
    };
    let mut conclusion = Conclusion::default();
    of(Stage::Compare).for_each(|outcome| conclusion.compared(outcome));
    if of(Stage::Compare).next().is_none() {
        conclusion.before.extend(of(Stage::Tune).map(tuned));
        let asked_of_all = of(Stage::Profile).chain(of(Stage::Try));
        asked_of_all.for_each(|outcome| conclusion.rows(outcome));
    }
    if conclusion.columns.is_empty() {
        let together: Vec<_> = of(Stage::Breakdown).collect();
        let counted = together::by_count(&together).into_iter();
        conclusion
            .columns
            .extend(counted.filter_map(at_once).map(|asked| vec![asked]));
    }
    let partial = outcomes.iter().filter(|outcome| outcome.partial);
    let partial: Vec<_> = partial
        .map(|outcome| outcome.stage.command().to_owned())
        .collect();
    if !partial.is_empty() {
        conclusion.after.push(format!(
            "Cut short: {}. What is shown comes from complete super-blocks only.",
            words::list(&partial)
        ));
    }
    conclusion
}

impl Conclusion {
    fn compared(&mut self, outcome: &Outcome) {
        let Some(whole) = outcome.whole() else {
            return self.before.push(nothing(outcome));
        };
        let winner = whole.rows.iter().find(|row| row.role == Some(Role::Winner));
        let setting = winner.map_or_else(String::new, |row| format!(" ({})", row.setting));
        self.before.push(format!(
            "The best metascheduler that tune found{setting}, measured afresh in {}, {}, with \
             none of tune's data:",
            words::count(whole.super_blocks, "super-block"),
            words::count(outcome.source.boots, "boot"),
        ));
        let columns = Measure::ALL.map(|measure| questions(outcome, whole, measure));
        self.columns
            .extend(columns.into_iter().filter(|column| !column.is_empty()));
        self.after.extend(too_few(outcome, whole));
    }

    fn rows(&mut self, outcome: &Outcome) {
        let Some(whole) = outcome.whole() else {
            return self.before.push(nothing(outcome));
        };
        for measure in Measure::ALL {
            let answers = whole
                .rows
                .iter()
                .filter_map(|row| answer(row, whole, measure));
            let name = measure.name([whole]);
            let asked = format!(
                "Under {}, what beats {EEVDF} by {name}?",
                whole.subject.name
            );
            self.columns
                .extend(question(asked, answers.collect()).map(|asked| vec![asked]));
        }
        if whole.rows.len() > 1 {
            self.after.push(format!(
                "Each of these intervals is of 95 % by itself, in {}: of {}, one in twenty may \
                 stand out by chance.",
                words::count(whole.super_blocks, "super-block"),
                words::count(whole.rows.len(), "row")
            ));
        }
    }
}

/// What `compare` asked of the winner, and of others beside it.
fn questions(outcome: &Outcome, whole: &SubjectOutcome, measure: Measure) -> Vec<Said> {
    let name = measure.name([whole]);
    let beats = asked(outcome, measure, of_winner);
    let others = asked(outcome, measure, of_others);
    let beats_all = beats.iter().all(|answer| answer.verdict == Verdict::Better);
    let mut said: Vec<Said> = question(format!("Does it beat these by {name}?"), beats)
        .into_iter()
        .flat_map(|asked| [asked, Said::Sentence(synergy(beats_all, &name))])
        .collect();
    said.extend(question(format!("Is the first better by {name}?"), others));
    said
}

/// What the winner is compared with, if it is the winner that is.
pub(crate) fn of_winner(comparison: &Comparison) -> Option<&str> {
    comparison
        .what
        .strip_prefix(WINNER)?
        .strip_prefix(" against ")
}

pub(crate) fn of_others(comparison: &Comparison) -> Option<&str> {
    match of_winner(comparison) {
        Some(_) => None,
        None => Some(&comparison.what),
    }
}

fn synergy(beats_all: bool, name: &str) -> String {
    match beats_all {
        true => format!("So by {name} it exceeds all of them, the controls included."),
        false => format!(
            "So by {name} there is no synergy to claim: for that it would have to exceed all of \
             them, the best policy and the controls too."
        ),
    }
}

fn asked<'a>(
    outcome: &'a Outcome,
    measure: Measure,
    what: impl Fn(&'a Comparison) -> Option<&'a str>,
) -> Vec<Answer> {
    let eevdf = outcome.eevdf();
    let answer = |comparison: &'a Comparison| {
        Some(Answer {
            what: what(comparison)?.to_owned(),
            verdict: measure.answer(comparison, eevdf)?,
            ratio: measure.compared(comparison)?,
        })
    };
    outcome.comparisons.iter().filter_map(answer).collect()
}

/// An interval cannot be surer than from the smallest to the largest of its values.
fn too_few(outcome: &Outcome, whole: &SubjectOutcome) -> Option<String> {
    let level = outcome.comparisons.first()?.level;
    let sure = surest(whole.super_blocks);
    (sure < level).then(|| {
        format!(
            "{} are too few for intervals of {:.2} %: from the smallest to the largest ratio is \
             one of {:.2} %.",
            words::count(whole.super_blocks, "super-block"),
            100.0 * level,
            100.0 * sure
        )
    })
}

fn tuned(outcome: &Outcome) -> String {
    let rows = outcome.whole().map_or(0, |whole| whole.rows.len());
    format!(
        "Nothing is claimed of tune's best: it is the best of {}, so it looks better than it is, \
         and compare has not measured it afresh.",
        words::count(rows, "row")
    )
}

fn at_once((n, subject): (usize, &SubjectOutcome)) -> Option<Said> {
    let rotations = subject
        .rows
        .iter()
        .filter(|row| row.setting.period_us().is_some());
    let answers = rotations.filter_map(|row| answer(row, subject, Measure::Throughput));
    let applications = words::count(n, "application");
    let asked = format!("With {applications} at once, what beats {EEVDF} by throughput?");
    question(asked, answers.collect())
}

fn answer(row: &RowOutcome, subject: &SubjectOutcome, measure: Measure) -> Option<Answer> {
    Some(Answer {
        what: row.label.clone(),
        verdict: measure.verdict(row, &subject.eevdf)?,
        ratio: measure.ratio(row)?,
    })
}

fn nothing(outcome: &Outcome) -> String {
    let command = outcome.stage.command();
    format!("{command}: no super-block is complete, so there is nothing to say.")
}

fn question(asked: String, answers: Vec<Answer>) -> Option<Said> {
    (!answers.is_empty()).then_some(Said::Question(asked, answers))
}
