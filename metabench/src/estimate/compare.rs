// SPDX-License-Identifier: GPL-2.0-only
//! Questions that were asked before the data came. Of many, some are answered by chance, so
//! their intervals are wider: all of them together hold with 95 % (Bonferroni).

use anyhow::{ensure, Context, Result};
use evidence::raw::Raw;
use evidence::sample;
use labkit::charge::setting::{Setting, Weight};

use super::blocks::{SubjectBlocks, Trial};
use super::latency::Latencies;
use super::side::Side;
use crate::outcome::Comparison;
use crate::record::Record;

/// Label of the row that `tune` froze, and the first word of each question about it.
pub(crate) const WINNER: &str = "winner";

/// How much better is one row than something else?
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Question {
    pub(crate) what: String,
    /// Label of a row.
    pub(crate) of: String,
    pub(crate) to: Against,
}

/// The other side of a question, within the same super-block.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Against {
    Eevdf,
    Row(String),
    /// The sum of policies held alone, at these shares: the control that a claim of synergy
    /// must exceed.
    Predicted(Vec<Weight>),
}

/// Answers, in the questions' order. With several subjects, each is asked of each.
///
/// Corrected for every interval that is stated: a question about throughput and latency is two.
pub(crate) fn comparisons(raws: &[Raw<Record>], questions: &[Question]) -> Result<Vec<Comparison>> {
    let trial = Trial::of(raws)?;
    let mut asked = Vec::new();
    for subject in &trial.subjects {
        let latencies = Latencies::of(subject)?;
        for question in questions {
            let what = match trial.subjects.len() {
                1 => question.what.clone(),
                _ => format!("{}: {}", subject.subject.name, question.what),
            };
            let asked_of = Asked::new(subject, latencies, question);
            asked.push((asked_of.with_context(|| what.clone())?, what));
        }
    }
    let intervals = asked.iter().map(|(asked, _)| asked.intervals()).sum();
    let level = sample::corrected_level(intervals);
    let answers = asked
        .into_iter()
        .map(|(asked, what)| asked.answer(&what, level).context(what));
    answers.collect()
}

/// A question, with what it is about found.
struct Asked<'a> {
    subject: &'a SubjectBlocks<'a>,
    latencies: Option<Latencies<'a>>,
    of: Side,
    to: Side,
}

impl<'a> Asked<'a> {
    fn new(
        subject: &'a SubjectBlocks,
        latencies: Option<Latencies<'a>>,
        question: &Question,
    ) -> Result<Self> {
        let to = match &question.to {
            Against::Eevdf => Side::Eevdf,
            Against::Row(label) => Side::Row(subject.row(label)?),
            Against::Predicted(weights) => mix(subject, weights)?,
        };
        let of = Side::Row(subject.row(&question.of)?);
        // Quantiles that loads say themselves cannot be mixed.
        let mixes = matches!(to, Side::Mix(_));
        Ok(Self {
            subject,
            latencies: latencies.filter(|latencies| latencies.are_pooled() || !mixes),
            of,
            to,
        })
    }

    fn intervals(&self) -> usize {
        1 + usize::from(self.latencies.is_some())
    }

    fn answer(&self, what: &str, level: f64) -> Result<Comparison> {
        let Self {
            subject, of, to, ..
        } = self;
        let latency_ratio = self
            .latencies
            .map(|latencies| latencies.ratio(of, to, level));
        Ok(Comparison {
            what: what.into(),
            throughput_ratio: subject.throughput_ratio(of, to, &subject.all_parts(), level)?,
            latency_ratio: latency_ratio.transpose()?,
            level,
        })
    }
}

/// How surely the median lies between the smallest and the largest of `n` values: no interval can
/// be surer.
pub(crate) fn surest(n: usize) -> f64 {
    1.0 - 2.0 * 0.5_f64.powi(n as i32)
}

/// The rows in which the policies of a rotation are held.
fn mix(subject: &SubjectBlocks, weights: &[Weight]) -> Result<Side> {
    let total: f64 = weights.iter().map(|(_, weight)| f64::from(*weight)).sum();
    ensure!(total > 0.0, "nothing can be predicted without weights");
    let running = weights.iter().filter(|(_, weight)| *weight > 0);
    let shares = running.map(|(name, weight)| {
        let held =
            |setting: &Setting| matches!(setting, Setting::Hold { policy } if policy == name);
        let row = subject.rows.iter().position(|row| held(&row.setting));
        let row = row.with_context(|| format!("there is no row in which {name} is held"))?;
        Ok((row, f64::from(*weight) / total))
    });
    Ok(Side::Mix(shares.collect::<Result<_>>()?))
}
