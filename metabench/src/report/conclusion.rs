// SPDX-License-Identifier: GPL-2.0-only
//! The verdict: what the data allow to say. Of tune's winner nothing is claimed: it is the best of
//! many, and `compare` measures it afresh.

use maud::{html, Markup};

use super::answer::{self, Answer};
use super::{table, together, words};
use crate::estimate::{surest, Measure, Verdict, EEVDF};
use crate::outcome::{Outcome, SubjectOutcome};
use crate::record::{Role, Stage};

/// On one workload: from what was asked beforehand if there is that; else from what there is.
pub(crate) fn conclusion(outcomes: &[&Outcome]) -> Markup {
    let of = |stage| {
        let outcomes = outcomes.iter().copied();
        outcomes.filter(move |outcome| outcome.stage == stage)
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
        conclusion.columns.extend(counted.filter_map(at_once));
    }
    let partial = outcomes.iter().filter(|outcome| outcome.partial);
    let partial: Vec<_> = partial.map(|o| o.stage.command().to_owned()).collect();
    if !partial.is_empty() {
        conclusion.after.push(format!(
            "Cut short: {}. What is shown comes from complete super-blocks only.",
            words::list(&partial)
        ));
    }
    conclusion.shown()
}

#[derive(Default)]
struct Conclusion {
    before: Vec<String>,
    /// By throughput, and by latency.
    columns: Vec<Markup>,
    after: Vec<String>,
}

impl Conclusion {
    fn shown(&self) -> Markup {
        html! {
            div.verdict {
                @for text in &self.before { p { (text) } }
                div.columns { @for column in &self.columns { div { (column) } } }
                @for text in &self.after { p { (text) } }
            }
        }
    }

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
        let columns = Measure::ALL.into_iter();
        self.columns
            .extend(columns.filter_map(|measure| beforehand(outcome, whole, measure)));
        self.after.extend(too_few(outcome, whole));
    }

    /// Every row of the whole.
    fn rows(&mut self, outcome: &Outcome) {
        let Some(whole) = outcome.whole() else {
            return self.before.push(nothing(outcome));
        };
        for measure in Measure::ALL {
            let rows = whole.rows.iter();
            let answers: Vec<_> = rows
                .filter_map(|row| Answer::of(row, whole, measure))
                .collect();
            let (subject, name) = (&whole.subject.name, measure.name([whole]));
            let asked = format!("Under {subject}, what beats {EEVDF} by {name}?");
            self.columns.extend(question(&asked, &answers));
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

/// The answers to `compare`'s questions about the winner, and about others.
fn beforehand(outcome: &Outcome, whole: &SubjectOutcome, measure: Measure) -> Option<Markup> {
    let name = measure.name([whole]);
    let [beats, others] = answer::asked(outcome, measure);
    let beats_all = beats.iter().all(|answer| answer.verdict == Verdict::Better);
    let beats = question(&format!("Does it beat these by {name}?"), &beats);
    let others = question(&format!("Is the first better by {name}?"), &others);
    (beats.is_some() || others.is_some()).then(|| {
        html! {
            @if let Some(beats) = beats { (beats) p { (synergy(beats_all, &name)) } }
            @if let Some(others) = others { (others) }
        }
    })
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

/// The rotations of one n.
fn at_once((n, subject): (usize, &SubjectOutcome)) -> Option<Markup> {
    let rows = subject.rows.iter();
    let rotations = rows.filter(|row| row.setting.period_us().is_some());
    let answers: Vec<_> = rotations
        .filter_map(|row| Answer::of(row, subject, Measure::Throughput))
        .collect();
    let applications = words::count(n, "application");
    let asked = format!("With {applications} at once, what beats {EEVDF} by throughput?");
    question(&asked, &answers)
}

fn nothing(outcome: &Outcome) -> String {
    let command = outcome.stage.command();
    format!("{command}: no super-block is complete, so there is nothing to say.")
}

/// A question, with an answer for each thing it is asked of; nothing without answers.
fn question(asked: &str, answers: &[Answer]) -> Option<Markup> {
    let word = |verdict: Verdict| match verdict {
        Verdict::Better => "yes",
        Verdict::Worse => "no, worse",
        Verdict::InsideNoise => "inside the noise",
    };
    (!answers.is_empty()).then(|| {
        html! {
            p.question { (asked) }
            ul.answers { @for answer in answers { li {
                span.what { (answer.what) }
                " " span.badge.(table::class(answer.verdict)) { (word(answer.verdict)) }
                " " span.number { (words::with_interval(answer.ratio)) }
            } } }
        }
    })
}
