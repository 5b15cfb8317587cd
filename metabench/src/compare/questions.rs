// SPDX-License-Identifier: GPL-2.0-only
//! Questions of `compare`, fixed before the data come. The first decides when there is enough.

use anyhow::Result;
use evidence::raw::Raw;

use super::rows::{SAME, SWAPPED, TWIN};
use crate::estimate::{self, Against, Choice, Question, WINNER};
use crate::outcome::{Comparison, Outcome};
use crate::record::Record;

pub(crate) fn answers(
    raws: &[Raw<Record>],
    outcome: &Outcome,
    choice: &Choice,
) -> Result<Vec<Comparison>> {
    let has = |label: &str| {
        outcome
            .whole()
            .is_some_and(|whole| whole.row(label).is_some())
    };
    estimate::comparisons(raws, &questions(choice, has))
}

fn questions(choice: &Choice, has: impl Fn(&str) -> bool) -> Vec<Question> {
    let single = &choice.single.label;
    let winner = |what: String, to| Question {
        what: format!("{WINNER} against {what}"),
        of: WINNER.into(),
        to,
    };
    let mut questions = vec![
        winner("EEVDF".into(), Against::Eevdf),
        winner(
            format!("the best policy, {single}"),
            Against::Row(single.clone()),
        ),
        winner(
            "predicted: its policies held, by their shares".into(),
            Against::Predicted(choice.winner.setting.weights().to_vec()),
        ),
    ];
    if has(SWAPPED) {
        questions.push(winner(SWAPPED.into(), Against::Row(SWAPPED.into())));
    }
    if has(SAME) {
        // An effect of rotation by itself is no synergy of policies.
        questions.push(winner(SAME.into(), Against::Row(SAME.into())));
        questions.push(Question {
            what: format!("switching by itself: {TWIN} by turns with {TWIN} against {TWIN} held"),
            of: SAME.into(),
            to: Against::Row(TWIN.into()),
        });
    }
    questions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::rows;
    use crate::estimate::choice::tests::choice;
    use crate::estimate::Measure;

    #[test]
    fn every_row_that_is_asked_for_is_measured() {
        for has_twins in [false, true] {
            let choice = choice(Measure::Throughput);
            let rows = rows::rows(&choice, has_twins);
            let has = |label: &str| rows.iter().any(|row| row.label == label);
            let questions = questions(&choice, has);
            assert_eq!(questions.len(), 4 + 2 * usize::from(has_twins));
            for question in questions {
                assert!(has(&question.of));
                match question.to {
                    Against::Eevdf => {}
                    Against::Row(label) => assert!(has(&label), "{label}"),
                    Against::Predicted(weights) => {
                        assert!(weights.iter().all(|(policy, _)| has(policy)));
                    }
                }
            }
        }
    }
}
