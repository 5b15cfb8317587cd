// SPDX-License-Identifier: GPL-2.0-only
//! Whole trials: what is known to be in the records must come out, and nothing else.

use evidence::sample::Interval;

use super::made::{held, winner, Kind, Made, Says, BATCH, BOTH, WEB};
use super::*;
use crate::outcome::Comparison;
use crate::record::Latency;
use crate::trial::files;

fn covers(interval: Interval, value: f64) -> bool {
    interval.low <= value && value <= interval.high
}

#[track_caller]
fn assert_near(interval: Interval, value: f64, tolerance: f64) {
    let distance = (interval.estimate - value).abs();
    assert!(distance < tolerance, "{value}: {interval:?}");
}

#[track_caller]
fn assert_noted(outcome: &Outcome, expected: &str) {
    let notes = outcome.source.notes.join("\n");
    assert!(notes.contains(expected), "{notes}");
}

/// The requests of all blocks of one row.
fn bins(raw: &Raw<Record>, rows: &[Option<&str>]) -> Vec<f64> {
    let mut all = Vec::new();
    for block in files::blocks(raw) {
        if let (true, Some(Latency::Histogram(bins))) = (
            rows.contains(&block.row.as_deref()),
            &block.parts[0].latency,
        ) {
            all.extend(bins.iter().flat_map(|&(us, n)| vec![us; n as usize]));
        }
    }
    all.sort_unstable_by(f64::total_cmp);
    all
}

/// Eight super-blocks in forty trials of 80 rows. The limits are what 300 other trials came to,
/// and three standard errors: intervals of 95 % from so few super-blocks held 93 % of the known
/// throughput ratios and 89 % of the latencies, and 5 % of rows without any effect got a verdict.
#[test]
fn known_ratios_lie_within_their_intervals() {
    let (mut throughputs, mut latencies) = (0, 0);
    for seed in 0..40 {
        let made = Made {
            seed,
            noise: 0.02,
            ..Made::default()
        };
        let subject = made.subject();
        assert_eq!((subject.super_blocks, subject.eevdf.n), (8, 16));
        for (row, effect) in subject.rows.iter().zip(&made.rows) {
            assert_eq!((row.n, row.requests), (8, 16_000));
            assert_eq!(row.parts, []);
            let latency = row.latency_ratio.unwrap();
            throughputs += usize::from(!covers(row.throughput_ratio, effect.throughput));
            latencies += usize::from(!covers(latency, effect.latency));
        }
    }
    assert!(throughputs <= 12, "{throughputs} of 80");
    assert!(latencies <= 17, "{latencies} of 80");
}

#[test]
fn noise_alone_is_inside_the_noise() {
    let mut wrong = 0;
    for seed in 0..40 {
        let subject = Made {
            seed,
            noise: 0.02,
            subjects: vec![BATCH],
            rows: vec![held("fifo", 1.0, 1.0), held("vtime", 1.0, 1.0)],
            ..Made::default()
        }
        .subject();
        for row in &subject.rows {
            wrong += usize::from(
                Measure::Throughput.verdict(row, &subject.eevdf) != Some(Verdict::InsideNoise),
            );
        }
    }
    assert!(wrong <= 10, "{wrong} of 80");
}

#[test]
fn effects_larger_than_the_noise_are_seen_as_what_they_are() {
    let subject = Made::default().subject();
    let verdicts: Vec<_> = subject
        .rows
        .iter()
        .map(|row| Measure::ALL.map(|measure| measure.verdict(row, &subject.eevdf).unwrap()))
        .collect();
    assert_eq!(
        verdicts,
        [
            [Verdict::Better, Verdict::Better],
            [Verdict::Worse, Verdict::Worse]
        ]
    );
}

#[test]
fn a_machine_that_grows_slower_favours_nobody() {
    // 64 blocks, in all of which it loses half of its speed.
    let subject = Made {
        drift: 0.01,
        rounds: 16,
        ..Made::default()
    }
    .subject();
    assert_near(subject.rows[0].throughput_ratio, 1.05, 0.01);
    // It is seen where it should be: from the first to the last block of a super-block.
    assert_near(subject.eevdf.throughput_ratio, 0.99_f64.powi(3), 0.01);
    let [first, .., last] = &subject.positions[..] else {
        panic!("{:?}", subject.positions);
    };
    assert!(first.estimate > last.estimate, "{:?}", subject.positions);
}

#[test]
fn without_drift_places_do_not_matter() {
    let subject = Made::default().subject();
    assert_eq!(subject.positions.len(), 4);
    for place in subject.positions {
        assert_near(place, 1.0, 0.01);
    }
}

#[test]
fn pooled_quantiles_are_those_of_all_requests() {
    let made = Made::default();
    let (raw, subject) = (made.raw(), made.subject());
    assert_eq!(subject.quantile, Some(99));
    let p99 = |sorted: Vec<f64>| sorted[(sorted.len() * 99).div_ceil(100) - 1] / 1000.0;
    let fifo = p99(bins(&raw, &[Some("fifo")]));
    let eevdf = p99(bins(&raw, &[None]));
    let row = &subject.rows[0];
    assert_eq!(row.latency_ms.unwrap().estimate, fifo);
    assert_eq!(subject.eevdf.latency_ms.unwrap().estimate, eevdf);
    assert_near(row.latency_ratio.unwrap(), fifo / eevdf, 1e-12);
}

#[test]
fn p99_needs_ten_thousand_requests_in_each_row() {
    let quantile = |requests| {
        let subject = Made {
            requests,
            ..Made::default()
        }
        .subject();
        assert_eq!(subject.rows[0].requests, 8 * requests);
        subject.quantile
    };
    // 8 blocks of 1,200 are 9,600; of 1,400 they are 11,200.
    assert_eq!(quantile(1_200), Some(90));
    assert_eq!(quantile(1_400), Some(99));
    let exactly = Made {
        rounds: 10,
        requests: 1_000,
        ..Made::default()
    };
    assert_eq!(exactly.subject().quantile, Some(99));
}

#[test]
fn what_loads_say_themselves_is_not_pooled() {
    let says = |percents| Kind {
        says: Says::Quantiles(percents),
        ..WEB
    };
    let of = |percents| {
        let made = Made {
            subjects: vec![says(percents)],
            ..Made::default()
        };
        made.outcome()
    };
    let subject = of(&[50.0, 90.0, 99.0]).subjects.remove(0);
    assert_eq!(subject.quantile, Some(99));
    let row = &subject.rows[0];
    // 1 ms + 99 %, times 0.9 and the noise.
    assert_near(row.latency_ms.unwrap(), 1.99 * 0.9, 0.02);
    assert_near(row.latency_ratio.unwrap(), 0.9, 0.01);
    assert_eq!(of(&[50.0, 90.0]).subjects[0].quantile, Some(90));
    let untold = of(&[50.0, 95.0]);
    assert_eq!(untold.subjects[0].quantile, None);
    assert_eq!(untold.subjects[0].rows[0].latency_ms, None);
    assert_noted(&untold, "web: its load says neither p99 nor p90");
}

#[test]
fn several_parts_count_the_same() {
    let outcome = Made {
        subjects: vec![BOTH],
        noise: 0.0,
        ..Made::default()
    }
    .outcome();
    let subject = &outcome.subjects[0];
    let row = &subject.rows[0];
    // The parts do 100 and 200 a second under EEVDF.
    assert_near(subject.eevdf.throughput, 20_000_f64.sqrt(), 1e-9);
    assert_near(row.throughput_ratio, 1.05, 1e-9);
    let names: Vec<_> = row.parts.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["batch", "web"]);
    assert_near(row.parts[1].1, 1.05, 1e-9);
    // The first part says no latencies, the second does.
    assert!(row.latency_ms.is_some());
    assert_noted(&outcome, "geometric mean of batch, web");
}

#[test]
fn a_trial_that_was_cut_is_partial_and_keeps_what_is_complete() {
    let made = Made {
        subjects: vec![WEB, BATCH],
        ..Made::default()
    };
    assert!(!made.outcome().partial);
    let mut raw = made.raw();
    // The plan, all of `web`, and three blocks of `batch`.
    raw.records.truncate(1 + 8 * 4 + 3);
    let cut = outcome(&[raw]).unwrap();
    assert!(cut.partial);
    let names: Vec<_> = cut.subjects.iter().map(|s| &*s.subject.name).collect();
    assert_eq!(names, ["web"]);
    assert_eq!(cut.subjects[0], made.outcome().subjects[0]);
    assert_noted(&cut, "batch: no super-block is complete");
}

#[test]
fn the_same_records_give_the_same_figures() {
    let made = Made {
        subjects: vec![WEB, BATCH, BOTH],
        ..Made::default()
    };
    assert_eq!(made.outcome(), made.outcome());
}

fn question(to: Against) -> Question {
    Question {
        what: "winner".into(),
        of: "winner".into(),
        to,
    }
}

fn with_winner(throughput: f64, latency: f64) -> Made {
    let mut made = Made::default();
    made.rows.push(winner(throughput, latency));
    made
}

#[test]
fn questions_are_answered_within_super_blocks_and_corrected() {
    let raws = [with_winner(1.10, 0.8).raw()];
    let row = |label: &str| question(Against::Row(label.into()));
    let answers = comparisons(
        &raws,
        &[question(Against::Eevdf), row("fifo"), row("vtime")],
    )
    .unwrap();
    // Within four standard errors of a ratio of two rows.
    for (answer, (throughput, latency)) in answers.iter().zip([
        (1.10, 0.8),
        (1.10 / 1.05, 0.8 / 0.9),
        (1.10 / 0.97, 0.8 / 1.1),
    ]) {
        assert_near(answer.throughput_ratio, throughput, 0.013);
        assert_near(answer.latency_ratio.unwrap(), latency, 0.013);
        // Three questions, each about throughput and latency.
        assert!((answer.level - (1.0 - 0.05 / 6.0)).abs() < 1e-12);
    }
    let alone = comparisons(&raws, &[row("fifo")]).unwrap();
    let width = |interval: Interval| interval.high - interval.low;
    assert!(width(alone[0].throughput_ratio) <= width(answers[1].throughput_ratio));
    let error = comparisons(&raws, &[row("nest")]).unwrap_err();
    assert!(format!("{error:#}").contains("no row `nest`, only fifo, vtime, winner"));
}

/// Synergy is the winner's ratio to EEVDF divided by the one that its policies predict.
#[test]
fn what_is_predicted_is_the_share_weighted_mean() {
    let weights = vec![("fifo".to_string(), 3), ("vtime".to_string(), 1)];
    let asked = |effect, to| {
        let raws = [with_winner(effect, 0.9).raw()];
        comparisons(&raws, &[question(Against::Eevdf), question(to)])
    };
    // 0.75 × 1.05 + 0.25 × 0.97
    for (effect, synergy) in [(1.03, 1.0), (1.10, 1.10 / 1.03)] {
        let answers = asked(effect, Against::Predicted(weights.clone())).unwrap();
        let [eevdf, predicted] = &answers[..] else {
            panic!("{answers:?}");
        };
        assert_near(predicted.throughput_ratio, synergy, 0.01);
        // Between those of its parts, 0.9 and 1.1, and nearer to the one it has more of.
        let latency = |answer: &Comparison| answer.latency_ratio.unwrap().estimate;
        let of_prediction = latency(eevdf) / latency(predicted);
        assert!((0.95..1.1).contains(&of_prediction), "{of_prediction}");
    }
    let unknown = Against::Predicted(vec![("nest".to_string(), 1)]);
    let error = format!("{:#}", asked(1.0, unknown).unwrap_err());
    assert!(error.contains("no row in which nest is held"), "{error}");
}

#[test]
fn a_mixture_of_one_policy_is_that_policy() {
    let itself = Question {
        what: "fifo".into(),
        of: "fifo".into(),
        to: Against::Predicted(vec![("fifo".to_string(), 7)]),
    };
    let answer = comparisons(&[Made::default().raw()], &[itself])
        .unwrap()
        .remove(0);
    for ratio in [answer.throughput_ratio, answer.latency_ratio.unwrap()] {
        let all = [ratio.low, ratio.estimate, ratio.high];
        assert!(
            all.iter().all(|bound| (bound - 1.0).abs() < 1e-9),
            "{ratio:?}"
        );
    }
}

#[test]
fn quantiles_of_loads_have_no_mixture() {
    let mut made = with_winner(1.0, 1.0);
    made.subjects = vec![Kind {
        says: Says::Quantiles(&[90.0]),
        ..WEB
    }];
    let weights = vec![("fifo".to_string(), 1)];
    let answer = comparisons(&[made.raw()], &[question(Against::Predicted(weights))]).unwrap();
    assert_eq!(answer[0].latency_ratio, None);
    assert_eq!(answer[0].level, 0.95);
}
