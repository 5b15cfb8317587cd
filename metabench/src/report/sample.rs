// SPDX-License-Identifier: GPL-2.0-only
//! Made-up outcomes for tests: wins, losses and noise, of names that need escaping.

use evidence::sample::Interval;
use labkit::charge::setting::Setting;

use crate::estimate::made::{held, strategies, winner, Effect, Kind, Made, Says};
use crate::estimate::{self, Against, Question, EEVDF, WINNER};
use crate::outcome::{Claim, Outcome};
use crate::record::{Role, Stage};

const FRONTEND: Kind = Kind {
    name: "frontend",
    whole: false,
    parts: &["frontend"],
    says: Says::Quantiles(&[90.0, 99.0]),
};
const BACKEND: Kind = Kind {
    name: "backend",
    parts: &["backend"],
    ..FRONTEND
};
const RAG: Kind = Kind {
    name: "rag",
    whole: true,
    parts: &["backend", "frontend"],
    says: Says::Quantiles(&[90.0, 99.0]),
};

const SLICES_US: [u32; 3] = [20_000, 100_000, 1_800_000];

/// Two policies win, one loses, one is noise.
fn singles() -> Vec<Effect> {
    [
        ("fifo", 1.04, 0.93),
        ("vtime", 1.02, 0.97),
        ("central", 0.9, 1.2),
        ("rusty", 1.0, 1.0),
    ]
    .map(|(policy, throughput, latency)| held(policy, throughput, latency))
    .into()
}

fn outcome(stage: Stage, subjects: Vec<Kind>, rows: Vec<Effect>) -> Outcome {
    named(&Made {
        stage,
        subjects,
        rows,
        ..Made::default()
    })
}

fn named(made: &Made) -> Outcome {
    let mut outcome = made.outcome();
    outcome.workload = "rag <&> \"questions\"".into();
    for subject in &mut outcome.subjects {
        subject.subject.commands[0].push_str("?a=<b>&c");
    }
    outcome
}

pub(crate) fn profile() -> Outcome {
    outcome(Stage::Profile, vec![FRONTEND, BACKEND, RAG], singles())
}

/// Strategies at three slices, two of which are the same, and one by replacing processes.
pub(crate) fn tune() -> Outcome {
    let mut rows = singles();
    for (i, &slice_us) in SLICES_US.iter().enumerate() {
        let at = |k: f64| 1.03 + 0.006 * k - 0.012 * (i as f64 - 0.5).abs();
        rows.push(strategies(
            &["round-robin", "benefit"],
            slice_us,
            at(0.0),
            1.0,
        ));
        rows.push(strategies(&["delta"], slice_us, at(1.0), 0.96));
        rows.push(strategies(&["delta-benefit-gain"], slice_us, at(2.0), 0.94));
        if i > 0 {
            let flip = strategies(&["delta"], slice_us, 0.84 + 0.03 * i as f64, 1.2);
            rows.push(Effect {
                label: format!("{}, processes", flip.label),
                setting: Setting::Replace {
                    weights: flip.setting.weights().to_vec(),
                    period_us: 2 * slice_us,
                },
                ..flip
            });
        }
    }
    outcome(Stage::Tune, vec![RAG], rows)
}

/// Of few super-blocks for so many questions.
pub(crate) fn compare() -> Outcome {
    let swapped = Effect {
        label: "weights swapped".into(),
        setting: Setting::Rotate {
            weights: vec![("fifo".into(), 1), ("vtime".into(), 3)],
            period_us: 100_000,
        },
        role: Role::Swapped,
        ..winner(1.035, 0.8)
    };
    let made = Made {
        stage: Stage::Compare,
        subjects: vec![RAG],
        rows: vec![
            winner(1.035, 0.94),
            held("fifo", 1.02, 0.95),
            held("vtime", 1.01, 1.0),
            swapped,
        ],
        ..Made::default()
    };
    let mut outcome = named(&made);
    let row = |label: &str| Against::Row(label.into());
    let questions = [
        (WINNER, EEVDF, Against::Eevdf),
        (WINNER, "the best policy, fifo", row("fifo")),
        (WINNER, "weights swapped", row("weights swapped")),
        ("vtime", "fifo", row("fifo")),
    ];
    let questions = questions.map(|(of, what, to)| Question {
        what: format!("{of} against {what}"),
        of: of.into(),
        to,
    });
    outcome.comparisons = estimate::comparisons(&[made.raw()], &questions).unwrap();
    let whole = outcome.whole().unwrap();
    let claim = |label: &str, tune: f64| Claim {
        label: label.into(),
        tune: wide(tune, 0.01),
        compare: whole.row(label).unwrap().throughput_ratio,
    };
    outcome.claimed = vec![claim(WINNER, 1.058), claim("fifo", 1.018)];
    outcome
}

/// n applications at once.
pub(crate) fn breakdown(n: usize) -> Outcome {
    const PARTS: [&str; 4] = ["part0", "part1", "part2", "part3"];
    const NAMES: [&str; 4] = [
        "1 application",
        "2 applications",
        "3 applications",
        "4 applications",
    ];
    let kind = Kind {
        name: NAMES[n - 1],
        parts: &PARTS[..n],
        ..RAG
    };
    let gain = 1.06 - 0.02 * n as f64;
    let mut rows = singles();
    rows.push(strategies(&["round-robin"], 20_000, gain, 1.0));
    rows.push(strategies(&["benefit-gain"], 20_000, gain + 0.01, 0.97));
    outcome(Stage::Breakdown, vec![kind], rows)
}

pub(crate) fn pipeline() -> Vec<Outcome> {
    vec![
        breakdown(4),
        compare(),
        profile(),
        tune(),
        breakdown(1),
        breakdown(2),
    ]
}

/// Another workload, on a real machine, cut short, without latencies, with large ratios.
pub(crate) fn messaging() -> Outcome {
    let kind = Kind {
        name: "messaging",
        parts: &["messaging"],
        says: Says::Nothing,
        ..RAG
    };
    let rows = vec![
        held("fifo", 0.31, 1.0),
        held("vtime", 1.0, 1.0),
        held("nest", 3.4, 1.0),
    ];
    let mut outcome = outcome(Stage::Try, vec![kind], rows);
    outcome.workload = "messaging".into();
    outcome.partial = true;
    outcome.source.emulated = false;
    outcome.source.machine = "16 CPUs, none".into();
    outcome.source.notes = vec![];
    outcome
}

pub(crate) fn wide(estimate: f64, half: f64) -> Interval {
    Interval {
        estimate,
        low: estimate - half,
        high: estimate + half,
    }
}
