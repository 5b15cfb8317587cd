// SPDX-License-Identifier: GPL-2.0-only
//! Which of scx_meta's own signals rank the policies as the scenario itself does.

use evidence::table::Table;
use labkit::charge::signals::Signals;
use scx_meta::auto::Goal;

use super::standing::Scene;

/// Fewer policies have no ranks worth comparing.
const LEAST_POLICIES: usize = 3;

/// Added to rates of events, as the program does: a few events a second say little.
const FEW_A_SECOND: f64 = 16.0;

/// A signal, by what it is of: more is better, as a logarithm.
type Signal = (&'static str, fn(&Signals) -> f64);

const SIGNALS: [Signal; 9] = [
    ("bursts", bursts),
    ("busy", busy),
    ("prompt", prompt),
    ("CPU time", |of| of.cpu_ns as f64 / of.ns as f64),
    ("short queues", |of| {
        -(of.queued as f64 / of.looks.max(1) as f64)
    }),
    ("no idling", |of| {
        -(of.missed as f64 / of.looks.max(1) as f64)
    }),
    ("throughput", |of| score(Goal::Throughput, of)),
    ("latency", |of| score(Goal::Latency, of)),
    ("balanced", |of| score(Goal::Balanced, of)),
];

/// As the program makes it, of signals whose logarithms are natural here.
fn score(goal: Goal, of: &Signals) -> f64 {
    let [of_bursts, of_busy, of_prompt, _] = goal.signals().map(|weight| f64::from(weight) / 256.0);
    of_bursts * bursts(of) + of_busy * busy(of) + of_prompt * prompt(of)
}

fn bursts(of: &Signals) -> f64 {
    (of.bursts as f64 / seconds(of) + FEW_A_SECOND).ln()
}

/// Per mille of a CPU and more are told apart.
fn busy(of: &Signals) -> f64 {
    (of.hog_ns as f64 / of.ns as f64 + 1e-3).ln()
}

fn prompt(of: &Signals) -> f64 {
    -(of.wait_ns as f64 / of.wakes.max(1) as f64 + 1000.0).ln()
}

fn seconds(of: &Signals) -> f64 {
    of.ns as f64 / 1e9
}

/// A line for each scenario in which the signals were on, and their means; none without any.
pub(super) fn table(scenes: &[Scene]) -> Option<Table> {
    let rows: Vec<(&Scene, Vec<f64>)> = scenes
        .iter()
        .filter_map(|scene| Some((scene, correlations(scene)?)))
        .collect();
    if rows.is_empty() {
        return None;
    }
    let heads = SIGNALS.iter().map(|(name, _)| *name);
    let mut table = Table::new(["scenario"].into_iter().chain(heads));
    let shown = |of: &f64| format!("{of:+.2}");
    for (scene, of) in &rows {
        table.row([scene.name.clone()].into_iter().chain(of.iter().map(shown)));
    }
    let mean =
        |signal: usize| rows.iter().map(|(_, of)| of[signal]).sum::<f64>() / rows.len() as f64;
    let means: Vec<f64> = (0..SIGNALS.len()).map(mean).collect();
    table.row(
        ["mean".to_owned()]
            .into_iter()
            .chain(means.iter().map(shown)),
    );
    Some(table)
}

/// Of each signal.
fn correlations(scene: &Scene) -> Option<Vec<f64>> {
    let held = scene.lanes.iter().filter(|lane| lane.is_held);
    let seen: Vec<(f64, Vec<&Signals>)> = held
        .filter_map(|lane| {
            let own = scene
                .signals
                .iter()
                .filter(|(label, _)| *label == lane.label);
            let own: Vec<&Signals> = own.map(|(_, of)| of).filter(|of| of.ns > 0).collect();
            (!own.is_empty()).then_some((lane.gain.estimate, own))
        })
        .collect();
    if seen.len() < LEAST_POLICIES {
        return None;
    }
    let gains: Vec<f64> = seen.iter().map(|(gain, _)| *gain).collect();
    let of_signal = |(_, signal): &Signal| {
        let mean =
            |of: &Vec<&Signals>| of.iter().map(|of| signal(of)).sum::<f64>() / of.len() as f64;
        let values: Vec<f64> = seen.iter().map(|(_, of)| mean(of)).collect();
        spearman(&values, &gains)
    };
    Some(SIGNALS.iter().map(of_signal).collect())
}

/// 0 where one of them is always the same.
fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (ranks(a), ranks(b));
    let mean = (a.len() as f64 - 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| -> f64 {
        let pairs = a.iter().zip(b);
        pairs.map(|(a, b)| (a - mean) * (b - mean)).sum()
    };
    let scale = (product(&a, &a) * product(&b, &b)).sqrt();
    if scale == 0.0 {
        return 0.0;
    }
    product(&a, &b) / scale
}

/// From 0; those that are equal share their mean.
fn ranks(values: &[f64]) -> Vec<f64> {
    let rank = |value: &f64| {
        let below = values.iter().filter(|other| *other < value).count();
        let same = values.iter().filter(|other| *other == value).count();
        below as f64 + (same as f64 - 1.0) / 2.0
    };
    values.iter().map(rank).collect()
}

#[cfg(test)]
mod tests {
    use super::super::standing::tests::scene;
    use super::*;

    #[test]
    fn ranks_are_compared_not_sizes() {
        assert_eq!(ranks(&[5.0, 1.0, 5.0]), [1.5, 0.0, 1.5]);
        assert_eq!(spearman(&[1.0, 2.0, 9.0], &[3.0, 4.0, 5.0]), 1.0);
        assert_eq!(spearman(&[9.0, 2.0, 1.0], &[3.0, 4.0, 5.0]), -1.0);
        assert_eq!(spearman(&[1.0, 1.0, 1.0], &[3.0, 4.0, 5.0]), 0.0);
    }

    fn signals(bursts: u64, wait_ns: u64) -> Signals {
        Signals {
            ns: 1_000_000_000,
            bursts,
            wakes: 100,
            wait_ns,
            ..Signals::default()
        }
    }

    #[test]
    fn a_signal_that_misleads_shows() {
        let mut scene = scene("web", 1.2);
        assert!(table(std::slice::from_ref(&scene)).is_none());
        // fifo is best and eevdf worst; the more bursts, the worse.
        for lane in &mut scene.lanes {
            lane.is_held = true;
        }
        scene.signals = vec![
            ("eevdf".into(), signals(3000, 9_000_000)),
            ("fifo".into(), signals(1000, 1_000_000)),
            ("auto".into(), signals(2000, 4_000_000)),
        ];
        let text = table(std::slice::from_ref(&scene)).unwrap().markdown();
        assert!(text.contains("| web | -1.00 | +0.00 | +1.00 |"), "{text}");
        assert!(text.contains("| mean | -1.00 |"), "{text}");
    }
}
