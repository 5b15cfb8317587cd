// SPDX-License-Identifier: GPL-2.0-only
//! The end of `try`: the table, one sentence, and the line to paste.

use std::fmt::Write;

use evidence::table::{time_ns, Table};

use crate::advice;
use crate::estimate::{Measure, Verdict};
use crate::metric::Metric;
use crate::outcome::{Outcome, RowOutcome, SubjectOutcome};
use crate::report::terminal;
use crate::trial::window::ROTATIONS;

/// A 95 % interval of a median has no ends within fewer values: with five, all of them lie on one
/// side of it once in sixteen times.
const LEAST_SUPER_BLOCKS: usize = 6;

/// All that is said at the end; `rotation_s` is how long a block of the rotation took.
pub(crate) fn text(outcome: &Outcome, subject: &SubjectOutcome, rotation_s: Option<f64>) -> String {
    let metric = Metric::of(&subject.subject.unit);
    let mut text = terminal::header(outcome);
    let _ = writeln!(text, "{}", table(subject, metric));
    if let Some(warning) = rotation_s.and_then(|block_s| short_block(subject, block_s)) {
        let _ = writeln!(text, "{warning}");
    }
    let (sentence, advice) = conclusion(subject, metric);
    let _ = writeln!(text, "{sentence}\n\n    {advice}");
    text
}

fn table(subject: &SubjectOutcome, metric: Metric) -> Table {
    let mut table = Table::new(["under", &metric.head(), "95 % interval", "against EEVDF"]);
    let noise = subject.eevdf.throughput_ratio;
    let mut add = |row: &RowOutcome, against: String| {
        let shown = metric.value(row.throughput);
        table.row([
            row.label.clone(),
            metric.number(shown.estimate),
            format!(
                "{} to {}",
                metric.number(shown.low),
                metric.number(shown.high)
            ),
            against,
        ]);
    };
    let itself = format!("itself: {}: the noise", metric.range(noise));
    add(&subject.eevdf, itself);
    for row in &subject.rows {
        let change = metric.change(row.throughput_ratio);
        let against = match Measure::Throughput.verdict(row, &subject.eevdf) {
            Some(noise @ Verdict::InsideNoise) => {
                format!("{noise} ({})", metric.range(row.throughput_ratio))
            }
            _ => change,
        };
        add(row, against);
    }
    table
}

/// In a sentence; and what to do.
fn conclusion(subject: &SubjectOutcome, metric: Metric) -> (String, String) {
    let stay = "stay with EEVDF".to_owned();
    let n = subject.super_blocks;
    if n < LEAST_SUPER_BLOCKS {
        let sentence = format!(
            "{n} super-blocks are too few to tell: it takes {LEAST_SUPER_BLOCKS} and more (--rounds)"
        );
        return (sentence, stay);
    }
    match best(subject) {
        None => ("nothing beats EEVDF beyond the noise".into(), stay),
        Some(row) => {
            let change = metric.change_to(row.throughput_ratio, " than EEVDF");
            let rows = subject.rows.len();
            let sentence = format!(
                "{}: {change}\nIt is the best of {rows}, and looks a little better than it is for that.",
                row.label
            );
            (sentence, advice::command(&row.setting))
        }
    }
}

/// The row that gains most, if it gains anything beyond the noise.
fn best(subject: &SubjectOutcome) -> Option<&RowOutcome> {
    let measure = Measure::Throughput;
    let gains = |row: &&RowOutcome| measure.verdict(row, &subject.eevdf) == Some(Verdict::Better);
    measure.best(subject.rows.iter().filter(gains))
}

/// A warning if a rotation had too little time in its blocks.
fn short_block(subject: &SubjectOutcome, block_s: f64) -> Option<String> {
    let periods = subject
        .rows
        .iter()
        .filter_map(|row| row.setting.period_us());
    let longest_s = f64::from(periods.max()?) / 1e6;
    (block_s < f64::from(ROTATIONS) * longest_s).then(|| {
        format!(
            "A block of {} is shorter than {ROTATIONS} rotations of {}: take a longer command, a longer --block, or a shorter --period.",
            time_ns(block_s * 1e9),
            time_ns(longest_s * 1e9)
        )
    })
}

#[cfg(test)]
mod tests {
    use evidence::sample::Interval;

    use super::*;
    use crate::estimate::made::{held, winner, Kind, Made, BATCH};
    use crate::metric::RUNS;

    fn interval(estimate: f64, low: f64, high: f64) -> Interval {
        Interval {
            estimate,
            low,
            high,
        }
    }

    /// Policies a, b and c held, and a rotation, as far as there are ratios for them.
    fn subject(unit: &str, ratios: &[Interval]) -> SubjectOutcome {
        let all = [
            held("a", 1.0, 1.0),
            held("b", 1.0, 1.0),
            held("c", 1.0, 1.0),
            winner(1.0, 1.0),
        ];
        let whole = Kind {
            whole: true,
            ..BATCH
        };
        let made = Made {
            subjects: vec![whole],
            rows: all[..ratios.len()].to_vec(),
            ..Made::default()
        };
        let mut subject = made.subject();
        subject.subject.unit = unit.into();
        subject.eevdf.throughput_ratio = interval(1.0, 0.98, 1.02);
        for (row, ratio) in subject.rows.iter_mut().zip(ratios) {
            row.throughput = interval(0.5, 0.4, 0.625);
            row.throughput_ratio = *ratio;
        }
        subject
    }

    fn said(subject: &SubjectOutcome) -> (String, String) {
        let (sentence, advice) = conclusion(subject, Metric::of(&subject.subject.unit));
        let first = sentence.lines().next().unwrap_or_default();
        (first.to_owned(), advice)
    }

    #[test]
    fn the_best_beyond_the_noise_wins_with_the_line_to_paste() {
        let a = interval(1.2, 0.9, 1.5);
        let b = interval(1.031, 1.025, 1.044);
        let c = interval(1.03, 1.021, 1.04);
        let (sentence, advice) = said(&subject("requests/s", &[a, b, c]));
        assert_eq!(sentence, "b: 3.1 % more than EEVDF (2.5 to 4.4 %)");
        assert_eq!(advice, "sudo scx_meta --weights b=1");
        // A rotation is pasted with the base slice that makes it.
        let rotation = interval(1.25, 1.2, 1.3);
        let (sentence, advice) = said(&subject(RUNS, &[a, b, c, rotation]));
        assert_eq!(
            sentence,
            "winner: 25.0 % faster than EEVDF (20.0 to 30.0 %)"
        );
        assert_eq!(
            advice,
            "sudo scx_meta --weights fifo=3,vtime=1 --base-slice 50000us"
        );
    }

    #[test]
    fn without_a_gain_beyond_the_noise_eevdf_stays() {
        for ratio in [
            interval(1.05, 0.99, 1.1),
            interval(1.01, 1.005, 1.015),
            interval(0.8, 0.7, 0.9),
        ] {
            let (sentence, advice) = said(&subject("x/s", &[ratio]));
            assert_eq!(sentence, "nothing beats EEVDF beyond the noise");
            assert_eq!(advice, "stay with EEVDF");
        }
    }

    #[test]
    fn a_few_super_blocks_decide_nothing() {
        let mut few = subject("x/s", &[interval(2.0, 2.0, 2.0)]);
        few.super_blocks = 5;
        let (sentence, advice) = said(&few);
        assert!(
            sentence.starts_with("5 super-blocks are too few"),
            "{sentence}"
        );
        assert_eq!(advice, "stay with EEVDF");
    }

    #[test]
    fn the_table_says_what_is_noise_and_what_is_not() {
        let ratios = [interval(0.9, 0.88, 0.92), interval(1.01, 0.99, 1.03)];
        insta::assert_snapshot!(table(&subject(RUNS, &ratios), Metric::RunTime));
    }

    /// 1 ÷ the metric rose by a quarter: the metric fell by a fifth.
    #[test]
    fn of_what_should_be_little_less_is_said_where_more_was_measured() {
        let less = subject("1 ÷ ms", &[interval(1.25, 1.0 / 0.9, 2.0)]);
        let (sentence, _) = said(&less);
        assert_eq!(sentence, "a: 20.0 % less than EEVDF (10.0 to 50.0 %)");
        insta::assert_snapshot!(table(&less, Metric::of("1 ÷ ms")));
    }

    #[test]
    fn blocks_shorter_than_five_rotations_are_warned_of() {
        let none = interval(1.0, 0.9, 1.1);
        let with = subject(RUNS, &[none; 4]);
        assert!(short_block(&with, 0.49).unwrap().contains("490 ms"));
        assert_eq!(short_block(&with, 0.5), None);
        assert_eq!(short_block(&subject(RUNS, &[none]), 0.01), None);
    }
}
