// SPDX-License-Identifier: GPL-2.0-only
//! Trials made up for tests, with effects that are known.

use evidence::raw::Raw;
use evidence::sample;
use fastrand::Rng;
use labkit::charge::setting::Setting;
use labkit::clock::Clock;
use labkit::machine::Machine;

use crate::estimate;
use crate::outcome::{Outcome, SubjectOutcome};
use crate::record::{Block, Latency, Part, Plan, Record, Role, Row, Stage, Subject};
use crate::trial::fake;

#[derive(Clone, Copy)]
pub(crate) enum Says {
    Histogram,
    /// At these percents.
    Quantiles(&'static [f64]),
    Nothing,
}

#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) whole: bool,
    /// Its loads; more than one where several run at once.
    pub(crate) parts: &'static [&'static str],
    pub(crate) says: Says,
}

pub(crate) const WEB: Kind = Kind {
    name: "web",
    whole: false,
    parts: &["web"],
    says: Says::Histogram,
};

pub(crate) const BATCH: Kind = Kind {
    name: "batch",
    whole: false,
    parts: &["batch"],
    says: Says::Nothing,
};

pub(crate) const BOTH: Kind = Kind {
    name: "both",
    whole: true,
    parts: &["batch", "web"],
    says: Says::Histogram,
};

/// A row, and what it is made to do relative to EEVDF.
#[derive(Clone)]
pub(crate) struct Effect {
    pub(crate) label: String,
    pub(crate) setting: Setting,
    pub(crate) role: Role,
    pub(crate) throughput: f64,
    pub(crate) latency: f64,
}

pub(crate) fn held(policy: &'static str, throughput: f64, latency: f64) -> Effect {
    Effect {
        label: policy.into(),
        setting: Setting::Hold {
            policy: policy.into(),
        },
        role: Role::Single,
        throughput,
        latency,
    }
}

/// fifo and vtime in rotation.
pub(crate) fn winner(throughput: f64, latency: f64) -> Effect {
    Effect {
        label: "winner".into(),
        setting: Setting::Rotate {
            weights: vec![("fifo".into(), 3), ("vtime".into(), 1)],
            period_us: 100_000,
        },
        role: Role::Winner,
        throughput,
        latency,
    }
}

/// Strategies that came to the same, of fifo and vtime at a base slice.
pub(crate) fn strategies(
    names: &[&str],
    base_slice_us: u32,
    throughput: f64,
    latency: f64,
) -> Effect {
    let strategies: Vec<String> = names.iter().map(|&name| name.into()).collect();
    let ms = f64::from(base_slice_us) / 1000.0;
    Effect {
        label: format!("{} @ {ms}ms", strategies.join(" = ")),
        setting: Setting::Rotate {
            weights: vec![("fifo".into(), 3), ("vtime".into(), 1)],
            period_us: 2 * base_slice_us,
        },
        role: Role::Strategy {
            strategies,
            base_slice_us,
            named: None,
        },
        throughput,
        latency,
    }
}

#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) stage: Stage,
    pub(crate) seed: u64,
    pub(crate) accel: &'static str,
    pub(crate) clock: Clock,
    pub(crate) rounds: u32,
    pub(crate) subjects: Vec<Kind>,
    pub(crate) rows: Vec<Effect>,
    /// Standard deviation of a block, relative.
    pub(crate) noise: f64,
    /// By this part each block is slower than the one before.
    pub(crate) drift: f64,
    /// Of each block.
    pub(crate) requests: u64,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            stage: Stage::Profile,
            seed: 1,
            accel: "tcg",
            clock: Clock::Serial,
            rounds: 8,
            subjects: vec![WEB],
            rows: vec![held("fifo", 1.05, 0.9), held("vtime", 0.97, 1.1)],
            noise: 0.005,
            drift: 0.0,
            requests: 2_000,
        }
    }
}

impl Made {
    pub(crate) fn raw(&self) -> Raw<Record> {
        let mut rng = Rng::with_seed(self.seed);
        let mut records = vec![Record::Plan(self.plan())];
        for kind in &self.subjects {
            let mut speed = 100.0;
            for round in 0..self.rounds {
                let mut order: Vec<_> = self.rows.iter().map(Some).collect();
                rng.shuffle(&mut order);
                order.insert(0, None);
                order.push(None);
                for (position, row) in (0..).zip(order) {
                    speed *= 1.0 - self.drift;
                    let parts = self.parts(kind, row, speed, &mut rng);
                    records.push(Record::Block(Block {
                        subject: kind.name.into(),
                        round,
                        position,
                        row: row.map(|row| row.label.clone()),
                        parts,
                        ..fake::block(&[])
                    }));
                }
            }
        }
        records.push(Record::End {
            complete: true,
            reason: None,
        });
        Raw {
            machine: self.machine(),
            records,
        }
    }

    pub(crate) fn outcome(&self) -> Outcome {
        estimate::outcome(&[self.raw()]).unwrap()
    }

    /// The first.
    pub(crate) fn subject(&self) -> SubjectOutcome {
        self.outcome().subjects.remove(0)
    }

    fn machine(&self) -> Machine {
        Machine {
            kernel: "6.18.15".into(),
            accel: self.accel.into(),
            cpus: 2,
            clock: self.clock,
        }
    }

    fn plan(&self) -> Plan {
        let subject = |kind: &Kind| Subject {
            name: kind.name.into(),
            whole: kind.whole,
            unit: "requests/s".into(),
            concurrency: 20,
            commands: vec![format!("wrk -c 20 http://{}/", kind.name)],
            closed_loop: true,
            contest: None,
        };
        let row = |effect: &Effect| Row {
            label: effect.label.clone(),
            setting: effect.setting.clone(),
            role: effect.role.clone(),
        };
        Plan {
            stage: self.stage,
            workload: "made".into(),
            notes: vec!["Made for tests.".into()],
            subjects: self.subjects.iter().map(subject).collect(),
            rows: self.rows.iter().map(row).collect(),
            rounds: self.rounds,
            command: ["scx_metabench", "profile", "my work.toml"]
                .map(String::from)
                .into(),
            seed: self.seed,
            boot_id: format!("boot {}", self.seed),
            date: "2026-11-23T18:00:00Z".into(),
        }
    }

    fn parts(&self, kind: &Kind, row: Option<&Effect>, speed: f64, rng: &mut Rng) -> Vec<Part> {
        let (throughput, latency) = row.map_or((1.0, 1.0), |row| (row.throughput, row.latency));
        let make = |(number, name): (usize, &&str)| {
            let by_luck = 1.0 + self.noise * sample::normal(rng);
            Part {
                name: (*name).into(),
                throughput: speed * throughput * by_luck * (number + 1) as f64,
                // The first of several parts says nothing.
                latency: (number + 1 == kind.parts.len())
                    .then(|| self.latency(kind.says, latency / by_luck))
                    .flatten(),
            }
        };
        kind.parts.iter().enumerate().map(make).collect()
    }

    /// From 1 ms to 2 ms times `factor`, evenly: p90 is 1.9 ms.
    fn latency(&self, says: Says, factor: f64) -> Option<Latency> {
        let at = |percent: f64| (1000.0 + 10.0 * percent) * factor;
        match says {
            Says::Histogram => {
                let bins = 1..=200;
                let each = self.requests / 200;
                Some(Latency::Histogram(
                    bins.map(|i| (at(f64::from(i) / 2.0), each)).collect(),
                ))
            }
            Says::Quantiles(percents) => Some(Latency::Quantiles {
                n: self.requests,
                at: percents.iter().map(|&p| (p, at(p))).collect(),
            }),
            Says::Nothing => None,
        }
    }
}
