// SPDX-License-Identifier: GPL-2.0-only
//! The report on callbacks: tables, JSON, figures.

use std::collections::BTreeMap;

use anyhow::{ensure, Result};
use evidence::figure::ruler::Axis;
use evidence::figure::{Bar, Bars};
use evidence::files::File;
use evidence::once;
use evidence::provenance::Measured;
use evidence::sample::Interval;
use evidence::spec::{range, RATIO};
use evidence::table::{self, Table};
use serde_json::{json, Map, Value};

use super::callback::CALLBACKS;
use super::callbacks::{BESIDE, MAIN};
use super::contender::Contender;
use super::cost::{Callback, Cost};
use super::reason;
use super::record::Mix;

/// A callback may cost so much more than in a build of its policy alone.
pub(super) const LIMIT: f64 = 1.10;

/// A callback that does less than this part of what an empty one takes does nothing: its ratio
/// without that would be one of two rounding errors.
const LEAST_NET: f64 = 0.05;

/// Calls a second under two schedulers further apart than this are pointed out.
const LIKE_CALLS: f64 = 1.25;

const MISSING: &str = "–";

pub(super) struct Row {
    policy: String,
    callback: &'static str,
    costs: BTreeMap<Contender, Cost>,
    /// ÷ the build of its policy alone, and ÷ the stock scheduler.
    pub(super) to_single: Option<Interval>,
    pub(super) to_stock: Option<Interval>,
}

pub(super) struct Report {
    /// By policy and callback.
    rows: Vec<Row>,
    beside: Vec<Row>,
}

impl Report {
    pub(super) fn of(mixes: &[Mix]) -> Result<Self> {
        let mut rows = Vec::new();
        let mut beside = Vec::new();
        let with_beside: Vec<_> = [Contender::Multi].into_iter().chain(BESIDE).collect();
        for policy in once(mixes.iter().map(|mix| &*mix.policy)) {
            let of_policy = || mixes.iter().filter(|mix| mix.policy == policy);
            let is_beside = of_policy().any(|mix| mix.contender == Contender::Alone);
            for callback in CALLBACKS {
                let found = Callback::of(mixes, policy, callback);
                rows.extend(Row::of(policy, callback, found.costs(&MAIN)?)?);
                if is_beside {
                    beside.extend(Row::of(policy, callback, found.costs(&with_beside)?)?);
                }
            }
        }
        ensure!(
            rows.iter().any(|row| row.to_single.is_some()),
            "no callback ran often enough under scx_meta and under the build of its policy alone"
        );
        Ok(Self { rows, beside })
    }

    /// The cheapest callback of all: it takes no more than the kernel's own clock readings and a
    /// return. Without it ratios are larger.
    fn floor_ns(&self) -> f64 {
        let all = self.rows.iter().flat_map(|row| row.costs.values());
        all.map(Cost::ns).fold(f64::INFINITY, f64::min)
    }

    pub(super) fn ratios(&self, to: impl Fn(&Row) -> Option<Interval>) -> Map<String, Value> {
        let ratios = self.rows.iter().filter_map(|row| {
            let key = format!("{}/{}", row.policy, row.callback);
            Some((key, json!(to(row)?.estimate)))
        });
        ratios.collect()
    }

    /// Repetitions and spread of the callback whose rounds differ most.
    pub(super) fn measured(&self) -> Option<Measured> {
        Measured::widest(self.rows.iter().filter_map(|row| {
            let what = format!("{} (widest of all callbacks)", row.name());
            Some((what, &row.costs.get(&Contender::Multi)?.ns.all))
        }))
    }

    pub(super) fn details(&self) -> Value {
        let floor_ns = self.floor_ns();
        let rows = |rows: &[Row]| -> Value { rows.iter().map(|row| row.json(floor_ns)).collect() };
        json!({
            "floor_ns": floor_ns,
            "rows": rows(&self.rows),
            "beside": rows(&self.beside),
        })
    }

    pub(super) fn text(&self) -> String {
        let (table, verdict) = (self.main_table(), self.verdict());
        let (beside, reasons) = (self.beside_text(), self.reasons());
        format!("Callbacks, a call:\n{table}{verdict}{beside}{reasons}")
    }

    fn main_table(&self) -> Table {
        let floor_ns = self.floor_ns();
        let [multi, single, stock] = MAIN;
        let mut table = Table::new([
            "policy / callback",
            "scx_meta",
            "only it",
            "stock",
            "÷ only it",
            "95 %",
            "net",
            "÷ stock",
            "calls/s",
            "only it",
            "stock",
        ]);
        for row in &self.rows {
            let ns = |contender| row.cell(contender, |cost| cost.ns.show());
            let calls = |contender| row.cell(contender, |cost| count(cost.calls_per_second));
            table.row([
                row.name(),
                ns(multi),
                ns(single),
                ns(stock),
                shown(row.to_single.map(|ratio| ratio.estimate), RATIO.show),
                row.to_single
                    .map_or(String::new(), |ratio| range(ratio, RATIO, "–")),
                shown(row.net(floor_ns), RATIO.show),
                shown(row.to_stock.map(|ratio| ratio.estimate), table::ratio),
                calls(multi),
                calls(single),
                calls(stock),
            ]);
        }
        table
    }

    fn verdict(&self) -> String {
        let mut text =
            String::from("\n–: that scheduler does not have the callback, or it ran too rarely.\n");
        let above: Vec<_> = self.rows.iter().filter(|row| row.is_above()).collect();
        if above.is_empty() {
            text.push_str(&format!(
                "All callbacks are within {LIMIT:.2} × the build of one policy.\n"
            ));
        }
        for row in above {
            text.push_str(&format!(
                "ABOVE {LIMIT:.2} × the build of one policy: {}\n",
                row.name()
            ));
        }
        for policy in self.policies() {
            let mut rows = self.rows.iter().filter(|row| row.policy == policy);
            if rows.all(|row| row.to_stock.is_none()) {
                text.push_str(&format!("No stock scheduler to compare {policy} with.\n"));
            }
        }
        for row in &self.rows {
            text.extend(row.differing_calls());
            text.extend(row.only_ours());
        }
        text
    }

    fn beside_text(&self) -> String {
        let Some(first) = self.beside.first() else {
            return String::new();
        };
        let [alone, _, _, visited] = BESIDE.map(Contender::name);
        let multi = Contender::Multi;
        let heads = [&format!("{} / callback", first.policy), "pinned"];
        let mut table = Table::new(
            heads
                .into_iter()
                .chain(["alone", "÷", "no stats", "÷", "drain", "÷", "visited", "÷"]),
        );
        for row in &self.beside {
            let base = row.costs.get(&multi).map(Cost::ns);
            let mut cells = vec![row.callback.into(), row.cell(multi, |cost| cost.ns.show())];
            for contender in BESIDE {
                let cost = row.costs.get(&contender).map(Cost::ns);
                let ratio = cost.zip(base).map(|(cost, base)| cost / base);
                cells.push(row.cell(contender, |cost| cost.ns.show()));
                cells.push(shown(ratio, RATIO.show));
            }
            table.row(cells);
        }
        format!(
            "\nOther ways to run scx_meta, a call (alone: {alone}; visited: {visited}):\n{table}\n"
        )
    }

    fn reasons(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            if let Some((ratio, reason)) = row.reason() {
                text.push_str(&format!(
                    "  {}, {} × stock: {reason}\n",
                    row.name(),
                    table::ratio(ratio)
                ));
            }
        }
        match text.is_empty() {
            true => text,
            false => format!(
                "\nWhy more than {} × the stock scheduler:\n{text}",
                reason::EXPLAINED_ABOVE
            ),
        }
    }

    fn policies(&self) -> Vec<&str> {
        once(self.rows.iter().map(|row| &*row.policy))
    }

    pub(super) fn figures(&self, footnote: &str) -> Result<Vec<File>> {
        let to_single = self.ratio_bars(
            "scx_meta ÷ a build of one policy, each callback",
            |row| row.to_single,
            (LIMIT, "1.10"),
        );
        let to_stock = self.ratio_bars(
            "scx_meta ÷ the stock scheduler, each callback",
            |row| row.to_stock,
            (1.0, "1"),
        );
        let ratios = [
            to_single.file("overhead-ratios.svg", footnote),
            to_stock.file("overhead-ratios-stock.svg", footnote),
        ];
        let callbacks = self.policies().into_iter().map(|policy| {
            let name = format!("overhead-callbacks-{policy}.svg");
            self.ns_bars(policy).file(name, footnote)
        });
        ratios.into_iter().chain(callbacks).collect()
    }

    fn ratio_bars<'a>(
        &self,
        title: &'a str,
        ratio: impl Fn(&Row) -> Option<Interval>,
        limit: (f64, &'a str),
    ) -> Bars<'a> {
        let policies = self.policies();
        let bars = self.rows.iter().filter_map(|row| {
            Some(Bar {
                label: row.name(),
                value: ratio(row)?,
                group: policies.iter().position(|policy| *policy == row.policy)?,
            })
        });
        Bars {
            title,
            axis: Axis::linear("ratio of nanoseconds a call", RATIO.tick),
            bars: bars.collect(),
            limit: Some(limit),
        }
    }

    fn ns_bars(&self, policy: &str) -> Bars<'static> {
        let rows = self.rows.iter().filter(|row| row.policy == policy);
        let bars = rows.flat_map(|row| {
            let contenders = MAIN.into_iter().enumerate();
            contenders.filter_map(|(group, contender)| {
                Some(Bar {
                    label: format!("{}, {}", row.name(), contender.name()),
                    value: row.costs.get(&contender)?.ns.about,
                    group,
                })
            })
        });
        Bars {
            title: "What a call of each callback takes",
            axis: Axis::linear("a call", table::brief_time_ns),
            bars: bars.collect(),
            limit: None,
        }
    }
}

impl Row {
    fn of(
        policy: &str,
        callback: &'static str,
        costs: BTreeMap<Contender, Cost>,
    ) -> Result<Option<Self>> {
        let Some(multi) = costs.get(&Contender::Multi) else {
            return Ok(None);
        };
        let ratio = |contender| {
            let other = costs.get(&contender);
            other.map(|other| multi.ns.ratio_to(&other.ns)).transpose()
        };
        let (to_single, to_stock) = (ratio(Contender::Single)?, ratio(Contender::Stock)?);
        Ok(Some(Self {
            policy: policy.into(),
            callback,
            to_single,
            to_stock,
            costs,
        }))
    }

    /// `fifo / dispatch`
    fn name(&self) -> String {
        format!("{} / {}", self.policy, self.callback)
    }

    fn cell(&self, contender: Contender, show: impl Fn(&Cost) -> String) -> String {
        self.costs.get(&contender).map_or(MISSING.into(), show)
    }

    /// ÷ the build of its policy alone, both without what an empty callback takes. None where
    /// that leaves next to nothing to divide by.
    fn net(&self, floor_ns: f64) -> Option<f64> {
        let multi = self.costs.get(&Contender::Multi)?.ns() - floor_ns;
        let single = self.costs.get(&Contender::Single)?.ns() - floor_ns;
        (single > LEAST_NET * floor_ns).then(|| multi / single)
    }

    fn is_above(&self) -> bool {
        self.to_single.is_some_and(|ratio| ratio.estimate > LIMIT)
    }

    fn reason(&self) -> Option<(f64, &'static str)> {
        let ratio = self.to_stock?.estimate;
        (ratio > reason::EXPLAINED_ABOVE).then(|| (ratio, reason::of(&self.policy, self.callback)))
    }

    /// A callback that only scx_meta has is a cost without a ratio.
    fn only_ours(&self) -> Option<String> {
        let multi = self.costs.get(&Contender::Multi)?;
        (self.costs.len() == 1).then(|| {
            format!(
                "Only scx_meta with all policies has {}: {} × {} calls a second = {} a second.\n",
                self.name(),
                multi.ns.show(),
                count(multi.calls_per_second),
                table::time_ns(multi.ns() * multi.calls_per_second)
            )
        })
    }

    fn differing_calls(&self) -> Option<String> {
        let multi = self.costs.get(&Contender::Multi)?.calls_per_second;
        let single = self.costs.get(&Contender::Single)?.calls_per_second;
        let ratio = multi / single;
        (ratio.max(1.0 / ratio) > LIKE_CALLS).then(|| {
            format!(
                "Calls differ: {} ran {} times a second under scx_meta and {} under only it.\n",
                self.name(),
                count(multi),
                count(single)
            )
        })
    }

    fn json(&self, floor_ns: f64) -> Value {
        let costs = self.costs.iter().map(|(contender, cost)| {
            let value = json!({
                "ns": cost.ns.about,
                "n": cost.ns.all.n,
                "calls": cost.calls,
                "calls_per_second": cost.calls_per_second,
            });
            (contender.key(), value)
        });
        json!({
            "policy": self.policy,
            "callback": self.callback,
            "costs": Value::Object(costs.collect()),
            "ratio_to_single": self.to_single,
            "ratio_to_single_net": self.net(floor_ns),
            "ratio_to_stock": self.to_stock,
            "within_limit": self.to_single.map(|ratio| ratio.estimate <= LIMIT),
            "reason": self.reason().map(|reason| reason.1),
        })
    }
}

fn shown(value: Option<f64>, show: fn(f64) -> String) -> String {
    value.map_or(MISSING.into(), show)
}

fn count(per_second: f64) -> String {
    table::count(per_second.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::super::mix::Phase;
    use super::super::record::Window;
    use super::super::windows::Windows;
    use super::*;

    /// 100 calls of `enqueue` in each of two rounds.
    fn mixes(policy: &str, contender: Contender, ns: u64) -> Vec<Mix> {
        let window = Window::from((100, 100 * ns));
        let windows = || Windows::from([("enqueue".to_string(), vec![window])]);
        let mix = |round| Mix {
            policy: policy.into(),
            contender,
            round,
            phase: Phase::Pipe,
            seconds: 0.5,
            windows: windows(),
        };
        vec![mix(0), mix(1)]
    }

    #[test]
    fn a_callback_above_the_limit_is_named_and_one_within_it_is_not() {
        let all = [
            mixes("fifo", Contender::Multi, 545),
            mixes("fifo", Contender::Single, 500),
            mixes("fifo", Contender::Stock, 400),
            mixes("nest", Contender::Multi, 555),
            mixes("nest", Contender::Single, 500),
        ];
        let report = Report::of(&all.into_iter().flatten().collect::<Vec<_>>()).unwrap();
        let ratios = report.ratios(|row| row.to_single);
        assert_eq!(ratios["fifo/enqueue"], json!(1.09));
        assert_eq!(ratios["nest/enqueue"], json!(1.11));
        let stock = report.ratios(|row| row.to_stock);
        assert_eq!(stock.keys().collect::<Vec<_>>(), ["fifo/enqueue"]);
        let text = report.text();
        let above: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("ABOVE"))
            .collect();
        assert_eq!(above.len(), 1, "{text}");
        assert!(above[0].ends_with("nest / enqueue"), "{text}");
        // 545 ÷ 400 is above 1.2.
        assert!(text.contains(reason::of("fifo", "enqueue")), "{text}");
        // Without the floor of 400: 145 ÷ 100.
        assert_eq!(
            report.details()["rows"][0]["ratio_to_single_net"],
            json!(1.45)
        );
    }

    #[test]
    fn a_callback_that_does_nothing_has_no_net_ratio() {
        let all = [
            mixes("fifo", Contender::Multi, 500),
            mixes("fifo", Contender::Single, 500),
            mixes("central", Contender::Multi, 222),
            mixes("central", Contender::Single, 200),
            mixes("nest", Contender::Multi, 222),
            mixes("nest", Contender::Single, 201),
        ];
        let report = Report::of(&all.into_iter().flatten().collect::<Vec<_>>()).unwrap();
        let rows = &report.details()["rows"];
        assert_eq!(rows[0]["ratio_to_single_net"], json!(1.0));
        for row in [&rows[1], &rows[2]] {
            assert_eq!(row["ratio_to_single_net"], Value::Null, "{row}");
        }
    }

    #[test]
    fn without_anything_to_compare_there_is_no_report() {
        let alone = mixes("fifo", Contender::Multi, 500);
        assert!(Report::of(&alone).is_err());
    }
}
