// SPDX-License-Identifier: GPL-2.0-only
//! Made-up outcomes for tests: wins, losses and noise, of names that need escaping.

use evidence::sample::Interval;
use labkit::charge::setting::Setting;

use crate::outcome::{Claim, Comparison, Outcome, RowOutcome, Source, SubjectOutcome};
use crate::trial::record::{Role, Stage, Subject};

pub(crate) const POLICIES: [&str; 8] = [
    "fifo", "vtime", "central", "nest", "rusty", "pair", "qmap", "rustland",
];
pub(crate) const STRATEGIES: [&str; 6] = [
    "round-robin",
    "delta",
    "benefit",
    "benefit-gain",
    "delta-benefit",
    "delta-benefit-gain",
];
pub(crate) const SLICES_US: [u32; 5] = [1000, 20_000, 100_000, 450_000, 1_800_000];

pub(crate) fn ratio(estimate: f64) -> Interval {
    wide(estimate, 0.015)
}

pub(crate) fn wide(estimate: f64, half: f64) -> Interval {
    Interval {
        estimate,
        low: estimate - half,
        high: estimate + half,
    }
}

pub(crate) fn row(
    label: &str,
    setting: Setting,
    role: Option<Role>,
    throughput: Interval,
) -> RowOutcome {
    let scaled = |by: f64| Interval {
        estimate: 412.0 * by,
        low: 400.0 * by,
        high: 420.0 * by,
    };
    // Latency goes the other way, and is less sure.
    let latency = wide(1.0 / throughput.estimate.max(0.05).powi(2), 0.05);
    RowOutcome {
        label: label.into(),
        n: if role.is_none() { 32 } else { 16 },
        setting,
        role,
        requests: 26_112,
        throughput: scaled(throughput.estimate),
        throughput_ratio: throughput,
        latency_ms: Some(wide(31.0 * latency.estimate, 1.5)),
        latency_ratio: Some(latency),
        parts: vec![],
    }
}

pub(crate) fn single(policy: &str, throughput: Interval) -> RowOutcome {
    let setting = Setting::Hold {
        policy: policy.into(),
    };
    row(policy, setting, Some(Role::Single), throughput)
}

pub(crate) fn rotation(names: &[&str], base_slice_us: u32, throughput: Interval) -> RowOutcome {
    let setting = Setting::Rotate {
        weights: vec![("fifo".into(), 694_600), ("vtime".into(), 305_400)],
        period_us: 2 * base_slice_us,
    };
    let strategies: Vec<String> = names.iter().map(|&name| name.into()).collect();
    let ms = f64::from(base_slice_us) / 1000.0;
    let label = format!("{} @ {ms}ms", strategies.join(" = "));
    let role = Role::Strategy {
        strategies,
        base_slice_us,
        named: None,
    };
    row(&label, setting, Some(role), throughput)
}

pub(crate) fn subject(name: &str, whole: bool, rows: Vec<RowOutcome>) -> SubjectOutcome {
    SubjectOutcome {
        subject: Subject {
            name: name.into(),
            whole,
            unit: "requests/s".into(),
            concurrency: 20,
            commands: vec![format!(
                "wrk -t10 -c20 -s ask.lua http://127.0.0.1:8000/{name}?a=<b>&c"
            )],
            closed_loop: true,
        },
        quantile: Some(99),
        super_blocks: 16,
        eevdf: RowOutcome {
            latency_ratio: Some(wide(1.01, 0.06)),
            ..row("EEVDF", Setting::Eevdf, None, wide(1.002, 0.012))
        },
        rows,
        positions: [0.997, 1.001, 1.003, 0.999]
            .map(|place| wide(place, 0.004))
            .to_vec(),
    }
}

pub(crate) fn outcome(stage: Stage, subjects: Vec<SubjectOutcome>) -> Outcome {
    Outcome {
        stage,
        workload: "rag <&> \"questions\"".into(),
        source: Source {
            kernel: "6.18.15+deb13-cloud-amd64".into(),
            machine: "2 CPUs, emulated, reproducible mode: time counts instructions".into(),
            emulated: true,
            boots: 3,
            date: "2026-11-23T14:05:09Z".into(),
            command: format!(
                "scx_metabench {} workloads/rag/rag.toml --rounds 16 --seed 7 --set \
                 'questions=<all> & more'",
                stage.command()
            ),
            method: "Super-blocks of EEVDF, 8 rows in an order of a Williams design, and EEVDF \
                     again, in 3 boots. In each block the scheduler is put in charge, 512 ms or \
                     more pass until no task waits in a queue of its predecessor, and the load \
                     runs for 3.0 s. A ratio is a block's to the mean of the two EEVDF blocks of \
                     its own super-block; the noise floor is the last EEVDF block's to the \
                     first's. Figures are medians over super-blocks, intervals are 95 % bootstrap \
                     over super-blocks."
                .into(),
            notes: vec![
                "Emulated: there is no model of CPU frequency or of caches, so nest cannot show \
                 its benefit, and no time is that of a real machine."
                    .into(),
                "Serial virtual clock: virtual CPUs take turns and an idle CPU costs nothing, \
                 so work conservation and balancing are understated."
                    .into(),
                "Closed-loop load: a new request begins only when one ends, so a slow scheduler \
                 is asked less."
                    .into(),
                "The embedding is static (mean of token vectors of all-MiniLM-L6-v2), the index \
                 has 5,000 chunks: <small> & emulated."
                    .into(),
            ],
        },
        partial: false,
        subjects,
        comparisons: vec![],
        claimed: vec![],
    }
}

/// Every policy: two win, two lose, the rest is noise.
pub(crate) fn singles(shift: f64) -> Vec<RowOutcome> {
    let effects = [0.066, 0.029, -0.19, -0.045, 0.006, -0.012, 0.014, -0.003];
    let rows = POLICIES.iter().zip(effects);
    rows.map(|(policy, effect)| single(policy, ratio(1.0 + effect * shift)))
        .collect()
}

pub(crate) fn profile() -> Outcome {
    let subjects = vec![
        subject("frontend", false, singles(1.0)),
        subject("backend", false, singles(-0.6)),
        subject("rag", true, singles(0.5)),
    ];
    outcome(Stage::Profile, subjects)
}

/// Six strategies at five slices, two of which are the same, and one by replacing processes.
pub(crate) fn tune() -> Outcome {
    let mut rows = singles(0.5);
    for (i, &slice) in SLICES_US.iter().enumerate() {
        let at = |k: usize| ratio(1.03 + 0.006 * k as f64 - 0.012 * (i as f64 - 1.5).abs());
        rows.push(rotation(&["round-robin", "benefit"], slice, at(0)));
        rows.push(rotation(&["delta"], slice, at(1)));
        for (k, name) in STRATEGIES[3..].iter().enumerate() {
            rows.push(rotation(&[name], slice, at(2 + k)));
        }
        if i > 1 {
            let mut process = rotation(&["delta"], slice, ratio(0.84 + 0.03 * i as f64));
            process.label.push_str(", processes");
            process.setting = Setting::Replace {
                weights: process.setting.weights().to_vec(),
                period_us: 2 * slice,
            };
            rows.push(process);
        }
    }
    rows.push(rotation(
        &["delta of fifo with vtime"],
        1_800_000,
        ratio(0.97),
    ));
    outcome(Stage::Tune, vec![subject("rag", true, rows)])
}

pub(crate) fn compare() -> Outcome {
    let winner = RowOutcome {
        label: "winner".into(),
        role: Some(Role::Winner),
        ..rotation(&["delta-benefit-gain"], 20_000, ratio(1.034))
    };
    let swapped = RowOutcome {
        label: "weights swapped".into(),
        role: Some(Role::Swapped),
        ..rotation(&["delta"], 20_000, ratio(1.021))
    };
    let rows = vec![
        winner,
        single("fifo", ratio(1.031)),
        single("vtime", ratio(1.012)),
        swapped,
    ];
    let mut outcome = outcome(Stage::Compare, vec![subject("rag", true, rows)]);
    let asked = [
        ("winner against EEVDF", 1.034, Some(0.94)),
        ("winner against the best policy, fifo", 1.003, Some(0.99)),
        (
            "winner against predicted: its policies held, by their shares",
            1.009,
            None,
        ),
        ("winner against weights swapped", 1.013, Some(1.14)),
        (
            "switching by itself: fifo by turns with fifo against fifo held",
            0.985,
            Some(1.0),
        ),
    ];
    outcome.comparisons = asked
        .map(|(what, throughput, latency)| Comparison {
            what: what.into(),
            throughput_ratio: wide(throughput, 0.014),
            latency_ratio: latency.map(|latency| wide(latency, 0.07)),
            level: 1.0 - 0.05 / 9.0,
        })
        .to_vec();
    outcome.claimed = vec![
        Claim {
            label: "winner: delta-benefit-gain @ 20ms".into(),
            tune: ratio(1.058),
            compare: ratio(1.034),
        },
        Claim {
            label: "fifo".into(),
            tune: ratio(1.033),
            compare: ratio(1.031),
        },
    ];
    outcome
}

pub(crate) fn breakdown(n: usize, gain: f64) -> Outcome {
    let parts = |row: RowOutcome| RowOutcome {
        parts: match n {
            1 => vec![],
            n => (0..n)
                .map(|i| (format!("part{i}"), row.throughput_ratio))
                .collect(),
        },
        ..row
    };
    let mut rows = singles(0.5);
    rows.push(rotation(&["round-robin"], 20_000, ratio(1.0 + gain)));
    rows.push(rotation(&["benefit-gain"], 20_000, ratio(1.01 + gain)));
    let mut subject = subject(
        &super::words::count(n, "application"),
        true,
        rows.into_iter().map(parts).collect(),
    );
    subject.eevdf = parts(subject.eevdf);
    outcome(Stage::Breakdown, vec![subject])
}

pub(crate) fn pipeline() -> Vec<Outcome> {
    vec![
        breakdown(4, -0.03),
        compare(),
        profile(),
        tune(),
        breakdown(1, 0.05),
        breakdown(2, 0.03),
    ]
}

/// Another workload, on a real machine, cut short, without latencies, with large ratios.
pub(crate) fn messaging() -> Outcome {
    let rows = vec![
        single("fifo", wide(0.31, 0.02)),
        single("vtime", ratio(0.9995)),
        single("nest", wide(3.4, 0.3)),
    ];
    let mut only = subject("messaging", true, rows);
    only.quantile = None;
    for row in only.rows.iter_mut().chain([&mut only.eevdf]) {
        row.latency_ms = None;
        row.latency_ratio = None;
        row.requests = 0;
    }
    let mut outcome = outcome(Stage::Try, vec![only]);
    outcome.workload = "messaging".into();
    outcome.partial = true;
    outcome.source.emulated = false;
    outcome.source.machine = "16 CPUs, none".into();
    outcome.source.notes = vec![];
    outcome
}
