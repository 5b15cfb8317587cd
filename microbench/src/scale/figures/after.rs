// SPDX-License-Identifier: GPL-2.0-only
//! The while after a flip, against the rest of the time and against no flips.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{ensure, Result};
use evidence::raw::Raw;
use evidence::sample::Summary;
use evidence::table::{time_ns, Table};
use serde_json::{json, Map, Value};

use super::owners::time;
use super::records;
use crate::scale::after::AFTER;
use crate::scale::irq::Sums;
use crate::scale::record::{Interrupts, Programs, Record};

/// Interrupts in a part of the time.
#[derive(Default)]
struct Part {
    /// CPU time that this part had, all CPUs together.
    cpu_ns: f64,
    hard_ns: f64,
    soft_ns: f64,
    hard_max_ns: u64,
    soft_max_ns: u64,
    /// The latest timer: interrupts were off no longer than that.
    irq_off_upper_ns: u64,
}

impl Part {
    fn add(&mut self, sums: &Sums, cpu_ns: f64) {
        self.cpu_ns += cpu_ns;
        self.hard_ns += sums.hard_ns as f64;
        self.soft_ns += sums.soft_ns as f64;
        self.hard_max_ns = self.hard_max_ns.max(sums.hard_max_ns);
        self.soft_max_ns = self.soft_max_ns.max(sums.soft_max_ns);
        self.irq_off_upper_ns = self.irq_off_upper_ns.max(sums.late_max_ns);
    }

    /// Time in interrupts, as a part of all time.
    fn fraction(&self) -> f64 {
        (self.hard_ns + self.soft_ns) / self.cpu_ns
    }
}

/// Callbacks and the timer, summed up over segments.
#[derive(Default)]
struct Spent {
    wall_ns: f64,
    run_ns: f64,
    flips: f64,
    flip_ns: f64,
    handover_ns: f64,
}

/// One load under one way of handing over.
#[derive(Default)]
struct Case {
    flips: u64,
    after: Part,
    rest: Part,
    pinned: Part,
    turns: Spent,
    held: Spent,
    /// A probe's lateness.
    probe_after: Vec<f64>,
    probe_rest: Vec<f64>,
    probe_pinned: Vec<f64>,
    missing: Vec<String>,
}

impl Case {
    fn interrupts(&mut self, seen: &Interrupts, cpus: f64) {
        let ns = |values: &[u64]| values.iter().map(|&ns| ns as f64).collect::<Vec<_>>();
        let near_ns = seen.after_wall_ns as f64 * cpus;
        let far_ns = seen.wall_ns as f64 * cpus - near_ns;
        if seen.pinned.is_some() {
            self.pinned.add(&seen.rest, far_ns);
            self.probe_pinned.extend(ns(&seen.probe_rest_ns));
            return;
        }
        self.flips += seen.flips;
        self.after.add(&seen.after, near_ns);
        self.rest.add(&seen.rest, far_ns);
        self.probe_after.extend(ns(&seen.probe_after_ns));
        self.probe_rest.extend(ns(&seen.probe_rest_ns));
        self.missing.clone_from(&seen.missing);
    }

    fn programs(&mut self, ran: &Programs) {
        let spent = match ran.pinned {
            Some(_) => &mut self.held,
            None => &mut self.turns,
        };
        spent.wall_ns += ran.wall_ns as f64;
        spent.run_ns += ran.run_ns as f64;
        spent.flips += ran.flips as f64;
        spent.flip_ns += ran.flip_ns as f64;
        spent.handover_ns += ran.handover_ns as f64;
    }

    /// Time in callbacks in the while after a flip, beyond that of the same time when pinned.
    fn callbacks_extra_ns(&self) -> f64 {
        let rate = |spent: &Spent| spent.run_ns / spent.wall_ns;
        (rate(&self.turns) - rate(&self.held)) * AFTER.as_nanos() as f64
    }

    fn flip_ns(&self) -> f64 {
        self.turns.flip_ns / self.turns.flips
    }

    fn handover_ns(&self) -> f64 {
        self.turns.handover_ns / self.turns.flips
    }

    fn json(&self) -> Result<Value> {
        let part = |part: &Part| {
            json!({
                "interrupt_fraction": part.fraction(),
                "irq_off_upper_ns": part.irq_off_upper_ns,
                "hard_max_ns": part.hard_max_ns,
                "soft_max_ns": part.soft_max_ns,
            })
        };
        Ok(json!({
            "flips": self.flips,
            "after": part(&self.after),
            "rest": part(&self.rest),
            "pinned": part(&self.pinned),
            "interrupt_ratio": self.after.fraction() / self.rest.fraction(),
            "callbacks_extra_ns_per_flip": self.callbacks_extra_ns(),
            "flip_ns": self.flip_ns(),
            "handover_ns": self.handover_ns(),
            "probe_after": Summary::of(&self.probe_after)?,
            "probe_rest": Summary::of(&self.probe_rest)?,
            "probe_pinned": Summary::of(&self.probe_pinned)?,
            "tracepoints_missing": self.missing,
        }))
    }
}

/// A load and a way of handing over.
type Key = (String, String);

pub(super) struct After {
    cases: BTreeMap<Key, Case>,
    json: Map<String, Value>,
}

impl After {
    pub(super) fn of(raws: &[Raw<Record>]) -> Result<Self> {
        let mut cases: BTreeMap<Key, Case> = BTreeMap::new();
        for (machine, record) in records(raws) {
            let (load, handover) = match record {
                Record::Interrupts(seen) => (&seen.load, &seen.handover),
                Record::Programs(ran) => (&ran.load, &ran.handover),
                _ => continue,
            };
            let case = cases.entry((load.clone(), handover.clone())).or_default();
            match record {
                Record::Interrupts(seen) => case.interrupts(seen, machine.cpus as f64),
                Record::Programs(ran) => case.programs(ran),
                _ => {}
            }
        }
        ensure!(
            !cases.is_empty(),
            "raw data says nothing about the time after flips (part `after`)"
        );
        let mut json = Map::new();
        for ((load, handover), case) in &cases {
            ensure!(
                case.flips > 0 && case.turns.flips > 0.0 && case.held.wall_ns > 0.0,
                "{load} under {handover}: turns and pinned policies must both have been measured"
            );
            json.entry(load).or_insert_with(|| json!({}))[handover] = case.json()?;
        }
        Ok(Self { cases, json })
    }

    pub(super) fn json(&self) -> Value {
        Value::Object(self.json.clone())
    }
}

fn name((load, handover): &Key) -> String {
    format!("{load}, {handover}")
}

fn late(probe: &[f64], get: fn(&Summary) -> f64) -> String {
    time(Summary::of(probe).ok(), get)
}

impl fmt::Display for After {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let parts = self.cases.iter().flat_map(|(key, case)| {
            [
                (key, "after a flip", &case.after, &case.probe_after),
                (key, "rest of the turn", &case.rest, &case.probe_rest),
                (key, "pinned", &case.pinned, &case.probe_pinned),
            ]
        });
        let table = Table::list(
            parts,
            [
                ("20 ms after a flip", |(key, ..)| name(key)),
                ("", |(_, name, ..)| (*name).into()),
                ("in interrupts", |part| {
                    format!("{:.2} %", part.2.fraction() * 100.0)
                }),
                ("IRQs off, at most", |part| {
                    time_ns(part.2.irq_off_upper_ns as f64)
                }),
                ("longest IRQ", |part| time_ns(part.2.hard_max_ns as f64)),
                ("longest softirq", |part| time_ns(part.2.soft_max_ns as f64)),
                ("probe p50", |part| late(part.3, |late| late.median)),
                ("probe p99", |part| late(part.3, |late| late.p99)),
            ],
        );
        writeln!(f, "{table}")?;
        let table = Table::list(
            &self.cases,
            [
                ("per flip, in turns of 20 ms", |(key, _)| name(key)),
                ("flip", |(_, case)| time_ns(case.flip_ns())),
                ("hand-over", |(_, case)| time_ns(case.handover_ns())),
                ("callbacks, beyond pinned", |(_, case)| {
                    time_ns(case.callbacks_extra_ns())
                }),
            ],
        );
        writeln!(f, "{table}")?;
        writeln!(
            f,
            "IRQs off: the lateness of timers that run with interrupts off (the tick); an upper \
             bound,\nsince kernels here have no irqsoff tracer."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::raw;

    fn interrupts(pinned: Option<&str>, after_ns: u64, rest_ns: u64) -> Record {
        let sums = |hard_ns| Sums {
            hard_ns,
            late_max_ns: hard_ns / 10,
            ..Sums::default()
        };
        Record::Interrupts(Interrupts {
            load: "requests".into(),
            handover: "adopt".into(),
            pinned: pinned.map(Into::into),
            wall_ns: 100_000_000,
            after_wall_ns: if pinned.is_some() { 0 } else { 20_000_000 },
            flips: 1,
            after: sums(after_ns),
            rest: sums(rest_ns),
            missing: vec![],
            probe_after_ns: vec![5],
            probe_rest_ns: vec![4],
        })
    }

    fn programs(pinned: Option<&str>, run_ns: u64) -> Record {
        Record::Programs(Programs {
            load: "requests".into(),
            handover: "adopt".into(),
            pinned: pinned.map(Into::into),
            wall_ns: 100_000_000,
            flips: 5,
            runs: 1,
            run_ns,
            flip_ns: 5_000,
            handover_ns: 500,
        })
    }

    fn after(records: Vec<Record>) -> Result<After> {
        After::of(&[raw(1, records)])
    }

    #[test]
    fn fractions_are_of_the_time_that_each_part_had() {
        let after = after(vec![
            interrupts(None, 400_000, 800_000),
            interrupts(Some("fifo"), 0, 500_000),
            programs(None, 3_000_000),
            programs(Some("fifo"), 2_000_000),
        ])
        .unwrap();
        let value = &after.json()["requests"]["adopt"];
        assert_eq!(value["after"]["interrupt_fraction"], 0.02);
        assert_eq!(value["rest"]["interrupt_fraction"], 0.01);
        assert_eq!(value["pinned"]["interrupt_fraction"], 0.005);
        assert_eq!(value["interrupt_ratio"], 2.0);
        assert_eq!(value["after"]["irq_off_upper_ns"], 40_000);
        // 1 % of the time more than pinned, in 20 ms.
        assert!((value["callbacks_extra_ns_per_flip"].as_f64().unwrap() - 200_000.0).abs() < 1e-6);
        assert_eq!(value["flip_ns"], 1000.0);
    }

    #[test]
    fn turns_without_anything_pinned_are_no_comparison() {
        let error = after(vec![interrupts(None, 1, 1), programs(None, 1)]);
        let error = error.err().unwrap().to_string();
        assert!(error.contains("requests under adopt"), "{error}");
    }
}
