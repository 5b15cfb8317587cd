// SPDX-License-Identifier: GPL-2.0-only
//! `--strategy`: weights from what was measured. Pure: it never knows what the
//! weights do.
//!
//! Each of n applications has a preferred policy and a share w_i of every
//! rotation, which lasts n · t_b (the base slice): t_i = n · t_b · w_i.
//! Applications that prefer the same policy add up.

use std::cmp::Ordering;
use std::fmt;
use std::fmt::Write;
use std::time::Duration;

use anyhow::ensure;
use anyhow::Context;
use anyhow::Result;
use clap::ValueEnum;
use serde_json::json;
use serde_json::Map;
use serde_json::Value;

use crate::policy::join;
use crate::policy::Policy;
use crate::profile::Application;
use crate::profile::Figures;
use crate::profile::Quantile;
use crate::weights;
use crate::weights::PolicyList;
use crate::weights::Weights;
use crate::weights::WEIGHT_TOTAL;

/// How applications share the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Strategy {
    /// The same for each; without a profile, for each policy
    RoundRobin,
    /// By latency under EEVDF: the slowest gets most
    Delta,
    /// By throughput under the preferred policy, relative to EEVDF: the paper's
    /// formula, literally; almost round-robin
    Benefit,
    /// By what the preferred policy gains over EEVDF; who gains nothing gets none
    BenefitGain,
    /// delta × benefit
    DeltaBenefit,
    /// delta × benefit-gain
    DeltaBenefitGain,
}

impl Strategy {
    /// Whether there is anything to compute from without measurements.
    pub fn needs_profile(self) -> bool {
        self != Self::RoundRobin
    }

    fn compares_latencies(self) -> bool {
        matches!(
            self,
            Self::Delta | Self::DeltaBenefit | Self::DeltaBenefitGain
        )
    }

    fn counts_gains(self) -> bool {
        matches!(self, Self::BenefitGain | Self::DeltaBenefitGain)
    }

    /// The numerator of w_i.
    fn claim(self, basis: &Basis) -> f64 {
        let ratio = basis.throughput_ratio;
        let gain = (ratio - 1.0).max(0.0);
        match self {
            Self::RoundRobin => 1.0,
            Self::Delta => basis.latency_ms,
            Self::Benefit => ratio,
            Self::BenefitGain => gain,
            Self::DeltaBenefit => basis.latency_ms * ratio,
            Self::DeltaBenefitGain => basis.latency_ms * gain,
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_option_value(self, f)
    }
}

/// What makes a policy the preferred one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Prefer {
    /// The highest throughput; of equals the lowest latency
    Throughput,
    /// The lowest latency; of equals the highest throughput
    P99,
}

impl Prefer {
    /// Less is better.
    fn order(self, a: &Figures, b: &Figures) -> Ordering {
        let throughput = b.throughput.total_cmp(&a.throughput);
        let latency = a.latency_ms.total_cmp(&b.latency_ms);
        match self {
            Self::Throughput => throughput.then(latency),
            Self::P99 => latency.then(throughput),
        }
    }

    fn beats(self, policy: &Figures, eevdf: &Figures) -> bool {
        match self {
            Self::Throughput => policy.throughput > eevdf.throughput,
            Self::P99 => policy.latency_ms < eevdf.latency_ms,
        }
    }

    fn of(self, quantile: Quantile) -> String {
        match self {
            Self::Throughput => "throughput".into(),
            Self::P99 => quantile.to_string(),
        }
    }
}

impl fmt::Display for Prefer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_option_value(self, f)
    }
}

/// As people type it.
fn write_option_value(value: &impl ValueEnum, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match value.to_possible_value() {
        Some(value) => f.pad(value.get_name()),
        None => Ok(()),
    }
}

/// What a strategy knows of an application.
#[derive(Clone, Debug, PartialEq)]
pub struct Basis {
    /// The application's name.
    pub name: String,
    /// Throughput under the preferred policy ÷ under EEVDF.
    pub throughput_ratio: f64,
    /// Under EEVDF.
    pub latency_ms: f64,
    /// Which latency that is.
    pub latency_quantile: Quantile,
    /// The preferred policy is better than EEVDF in what it is preferred for.
    pub beats_eevdf: bool,
}

/// One of the n that share the time.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The preferred policy.
    pub policy: Policy,
    /// None without a profile: then the policy stands for itself.
    pub basis: Option<Basis>,
    /// w_i; the sum of all is 1.
    pub weight: f64,
    /// t_i
    pub timeslice_ms: f64,
}

/// What a strategy came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Allotment {
    /// Which one.
    pub strategy: Strategy,
    /// The n, in the profile's order.
    pub rows: Vec<Row>,
    /// Of the loaded policies, in table order; the sum is `WEIGHT_TOTAL`.
    pub weights: Vec<(Policy, u32)>,
    /// n · t_b
    pub period_us: u32,
    /// What a person should know before trusting it.
    pub warnings: Vec<String>,
}

impl Allotment {
    /// Each policy that takes turns when nobody says otherwise gets the same.
    pub fn round_robin(loaded: &PolicyList, base_slice: Duration) -> Result<Self> {
        let default = loaded.default_weights();
        let turning = in_table_order(loaded)
            .into_iter()
            .filter(|policy| default.get(*policy) > 0);
        let claims = turning.map(|policy| (policy, None, 1.0)).collect();
        Self::share_out(Strategy::RoundRobin, claims, loaded, base_slice)
    }

    /// By what was measured; only loaded policies are considered.
    pub fn from_profile(
        strategy: Strategy,
        prefer: Prefer,
        applications: &[Application],
        loaded: &PolicyList,
        base_slice: Duration,
    ) -> Result<Self> {
        let mut warnings = Vec::new();
        if strategy.compares_latencies() {
            warnings.extend(warn_of_unlike_latencies(strategy, applications));
        }
        let mut claims = Vec::new();
        for application in applications {
            let (policy, basis) = preferred(application, prefer, loaded)?;
            if !basis.beats_eevdf {
                let what = prefer.of(application.latency_quantile);
                warnings.push(format!(
                    "{}: no policy beats EEVDF by {what}; {policy} is the best of them",
                    basis.name
                ));
            }
            claims.push((policy, strategy.claim(&basis), basis));
        }
        if strategy.counts_gains() && claims.iter().all(|(_, claim, _)| *claim == 0.0) {
            warnings.push(format!(
                "{}: no application gains any throughput, so all get the same",
                strategy
            ));
            claims.iter_mut().for_each(|(_, claim, _)| *claim = 1.0);
        }
        let claims = claims
            .into_iter()
            .map(|(policy, claim, basis)| (policy, Some(basis), claim))
            .collect();
        let mut allotment = Self::share_out(strategy, claims, loaded, base_slice)?;
        warnings.append(&mut allotment.warnings);
        Ok(Self {
            warnings,
            ..allotment
        })
    }

    fn share_out(
        strategy: Strategy,
        claims: Vec<(Policy, Option<Basis>, f64)>,
        loaded: &PolicyList,
        base_slice: Duration,
    ) -> Result<Self> {
        let period = u32::try_from(claims.len())
            .ok()
            .and_then(|n| base_slice.checked_mul(n));
        let period = period.context("--base-slice: too long")?;
        let period_us = weights::period_us(period)
            .with_context(|| format!("--base-slice times n = {} of --strategy", claims.len()))?;
        let sum: f64 = claims.iter().map(|(_, _, claim)| claim).sum();
        ensure!(
            sum.is_finite() && sum > 0.0,
            "--strategy {}: the profile's figures are too large or too small to compare",
            strategy
        );
        let row = |(policy, basis, claim)| Row {
            policy,
            basis,
            weight: claim / sum,
            timeslice_ms: period.as_secs_f64() * 1000.0 * claim / sum,
        };
        let rows: Vec<Row> = claims.into_iter().map(row).collect();
        let weights = policy_weights(&rows, loaded)?;
        Ok(Self {
            strategy,
            warnings: warn_of_idle_policies(&rows, &weights),
            rows,
            weights,
            period_us,
        })
    }

    /// As the loader writes them to the map.
    pub fn weights(&self) -> Weights {
        Weights::new(self.weights.iter().copied())
    }

    /// A line an application, and what that comes to for each policy.
    pub fn table(&self) -> String {
        let mut lines =
            vec![["application", "policy", "r_i", "l_i", "w_i", "t_i", ""].map(String::from)];
        lines.extend(self.rows.iter().map(Row::cells));
        let widths: [usize; 7] = std::array::from_fn(|column| {
            let lengths = lines.iter().map(|cells| cells[column].chars().count());
            lengths.max().unwrap_or_default()
        });
        let mut text = String::new();
        for [application, policy, numbers @ .., note] in &lines {
            let mut line = format!("{application:<0$}  {policy:<1$}", widths[0], widths[1]);
            for (number, width) in numbers.iter().zip(&widths[2..]) {
                // Writing to a string cannot fail.
                let _ = write!(line, "  {number:>width$}");
            }
            let _ = write!(line, "  {note}");
            text.push_str(line.trim_end());
            text.push('\n');
        }
        if self.rows.iter().any(|row| row.basis.is_some()) {
            text.push_str("r_i: throughput ÷ that under EEVDF; l_i: latency under EEVDF\n");
        }
        let period = Duration::from_micros(self.period_us.into());
        let (period, weights) = (
            humantime::format_duration(period),
            self.weights().describe(),
        );
        let _ = writeln!(text, "weights: {weights}; a rotation takes {period}");
        text
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let applications: Vec<_> = self.rows.iter().map(Row::json).collect();
        let weights: Map<_, _> = self
            .weights
            .iter()
            .map(|(policy, weight)| (policy.name().to_owned(), json!(weight)))
            .collect();
        json!({
            "applications": applications,
            "weights": weights,
            "period_us": self.period_us,
        })
    }
}

impl Row {
    fn cells(&self) -> [String; 7] {
        let basis = self.basis.as_ref();
        let of_basis = |cell: fn(&Basis) -> String| basis.map_or_else(|| "-".into(), cell);
        let loses = basis.is_some_and(|basis| !basis.beats_eevdf);
        let note = if loses { "does not beat EEVDF" } else { "" };
        [
            of_basis(|basis| basis.name.clone()),
            self.policy.to_string(),
            of_basis(|basis| format!("{:.4}", basis.throughput_ratio)),
            of_basis(|basis| format!("{} {} ms", basis.latency_quantile, basis.latency_ms)),
            format!("{:.4}", self.weight),
            format!("{:.2} ms", self.timeslice_ms),
            note.into(),
        ]
    }

    fn json(&self) -> Value {
        json!({
            "name": self.basis.as_ref().map(|basis| &basis.name),
            "policy": self.policy.name(),
            "weight": self.weight,
            "timeslice_ms": self.timeslice_ms,
        })
    }
}

fn in_table_order(loaded: &PolicyList) -> Vec<Policy> {
    let mut policies: Vec<_> = loaded.iter().collect();
    policies.sort_by_key(|policy| policy.id());
    policies
}

fn preferred(
    application: &Application,
    prefer: Prefer,
    loaded: &PolicyList,
) -> Result<(Policy, Basis)> {
    let measured = application.policies.iter();
    let (policy, figures) = measured
        .filter(|(policy, _)| loaded.contains(*policy))
        .min_by(|(p, a), (q, b)| prefer.order(a, b).then(p.id().cmp(&q.id())))
        .with_context(|| {
            let (name, loaded) = (&application.name, join(loaded.iter()));
            format!("application `{name}` was measured under none of {loaded}")
        })?;
    let eevdf = &application.eevdf;
    let basis = Basis {
        name: application.name.clone(),
        throughput_ratio: figures.throughput / eevdf.throughput,
        latency_ms: eevdf.latency_ms,
        latency_quantile: application.latency_quantile,
        beats_eevdf: prefer.beats(figures, eevdf),
    };
    Ok((*policy, basis))
}

fn policy_weights(rows: &[Row], loaded: &PolicyList) -> Result<Vec<(Policy, u32)>> {
    let policies = in_table_order(loaded);
    let share = |policy: &Policy| {
        let rows = rows.iter().filter(|row| row.policy == *policy);
        rows.map(|row| row.weight).sum()
    };
    let shares: Vec<f64> = policies.iter().map(share).collect();
    let weights = weights::largest_remainder(&shares, WEIGHT_TOTAL)?;
    Ok(policies.into_iter().zip(weights).collect())
}

/// A latency under more load is longer whatever the scheduler does.
fn warn_of_unlike_latencies(strategy: Strategy, applications: &[Application]) -> Vec<String> {
    let differ = |of: fn(&Application) -> String| {
        let first = applications.first().map(of);
        let unlike = applications.iter().any(|app| Some(of(app)) != first);
        unlike.then(|| {
            let each = applications
                .iter()
                .map(|app| format!("{} {}", app.name, of(app)));
            each.collect::<Vec<_>>().join(", ")
        })
    };
    let concurrency = differ(|app| app.concurrency.to_string())
        .map(|each| format!("{strategy} compares latencies, but at different concurrency: {each}"));
    let quantile = differ(|app| app.latency_quantile.to_string())
        .map(|each| format!("{strategy} compares latencies, but different quantiles: {each}"));
    concurrency.into_iter().chain(quantile).collect()
}

fn warn_of_idle_policies(rows: &[Row], weights: &[(Policy, u32)]) -> Vec<String> {
    let idle = weights
        .iter()
        .filter(|(policy, weight)| *weight == 0 && rows.iter().any(|row| row.policy == *policy));
    idle.map(|(policy, _)| {
        format!("{policy} is preferred, but its weight comes to 0: it never runs")
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    const BASE: Duration = Duration::from_millis(1800);

    /// Three policies of the table stand for any, in table order.
    fn policies() -> [Policy; 3] {
        let all: Vec<_> = Policy::all().collect();
        [all[0], all[1], all[3]]
    }

    fn loaded() -> PolicyList {
        let [a, b, c] = policies();
        // Not in table order, as people may type it.
        format!("{c},{a},{b}").parse().unwrap()
    }

    fn figures((throughput, latency_ms): (f64, f64)) -> Figures {
        Figures {
            throughput,
            throughput_interval: None,
            latency_ms,
            n: NonZeroU32::MIN,
        }
    }

    /// Throughput and latency under EEVDF and under each of `policies()`.
    fn application(name: &str, eevdf: (f64, f64), under: [(f64, f64); 3]) -> Application {
        Application {
            name: name.into(),
            throughput_unit: "requests/s".into(),
            latency_quantile: Quantile::P99,
            concurrency: NonZeroU32::MIN,
            eevdf: figures(eevdf),
            policies: policies().into_iter().zip(under.map(figures)).collect(),
        }
    }

    /// 1.0662 under the first policy, and 1.0291 under the second.
    fn two() -> [Application; 2] {
        let slow = (1.0, 500.0);
        [
            application("x", (1000.0, 30.0), [(1066.2, 28.0), slow, slow]),
            application("y", (1000.0, 90.0), [slow, (1029.1, 80.0), slow]),
        ]
    }

    fn by(strategy: Strategy, prefer: Prefer, applications: &[Application]) -> Allotment {
        Allotment::from_profile(strategy, prefer, applications, &loaded(), BASE).unwrap()
    }

    fn choice(prefer: Prefer, application: &Application) -> (Policy, bool) {
        let (policy, basis) = preferred(application, prefer, &loaded()).unwrap();
        (policy, basis.beats_eevdf)
    }

    #[test]
    fn each_strategy_gives_what_was_computed_by_hand() {
        // w_i of x is the first claim ÷ their sum; t_i = 1800 ms × 2 × w_i.
        for (strategy, times_ms, weights) in [
            (Strategy::RoundRobin, [1800.0, 1800.0], [500_000, 500_000]),
            // 30 : 90
            (Strategy::Delta, [900.0, 2700.0], [250_000, 750_000]),
            // 1.0662 : 1.0291
            (Strategy::Benefit, [1831.87, 1768.13], [508_853, 491_147]),
            // 0.0662 : 0.0291
            (
                Strategy::BenefitGain,
                [2500.73, 1099.27],
                [694_648, 305_352],
            ),
            // 31.986 : 92.619
            (
                Strategy::DeltaBenefit,
                [924.12, 2675.88],
                [256_699, 743_301],
            ),
            // 1.986 : 2.619
            (
                Strategy::DeltaBenefitGain,
                [1552.57, 2047.43],
                [431_270, 568_730],
            ),
        ] {
            let [first, second, third] = policies();
            let got = by(strategy, Prefer::Throughput, &two());
            assert_eq!(got.period_us, 3_600_000);
            for (row, expected) in got.rows.iter().zip(times_ms) {
                let off = row.timeslice_ms - expected;
                assert!(off.abs() < 0.005, "{strategy}: {row:?}: {expected}");
                let share = row.timeslice_ms / 3600.0;
                assert!((row.weight - share).abs() < 1e-12, "{strategy}: {row:?}");
            }
            let weights = [(first, weights[0]), (second, weights[1]), (third, 0)];
            assert_eq!(got.weights, weights, "{strategy}");
            assert_eq!(got.warnings, [""; 0], "{strategy}");
        }
        let gain = by(Strategy::BenefitGain, Prefer::Throughput, &two());
        let percent: Vec<_> = gain.rows.iter().map(|row| 100.0 * row.weight).collect();
        assert!((percent[0] - 69.46).abs() < 0.01, "{percent:?}");
        assert!((percent[1] - 30.54).abs() < 0.01, "{percent:?}");
    }

    #[test]
    fn applications_with_the_same_policy_add_up_and_count_as_many() {
        let [x, y] = two();
        let mut z = x.clone();
        z.name = "z".into();
        z.eevdf.latency_ms = 60.0;
        let got = by(Strategy::Delta, Prefer::Throughput, &[x, y, z]);
        // 30 + 60 and 90 of 180, in a rotation of three base slices.
        let [first, second, third] = policies();
        assert_eq!(
            got.weights,
            [(first, 500_000), (second, 500_000), (third, 0)]
        );
        assert_eq!(got.period_us, 5_400_000);
        let times: Vec<_> = got
            .rows
            .iter()
            .map(|row| row.timeslice_ms.round())
            .collect();
        assert_eq!(times, [900.0, 2700.0, 1800.0]);
    }

    #[test]
    fn policy_weights_sum_exactly_whatever_the_shares() {
        let [x, y] = two();
        for latency in 1..200 {
            let mut z = x.clone();
            z.policies[2].1.throughput = 5000.0;
            z.eevdf.latency_ms = f64::from(latency) / 7.0;
            let all = [x.clone(), y.clone(), z];
            for strategy in Strategy::value_variants() {
                let got = by(*strategy, Prefer::Throughput, &all);
                let sum: u32 = got.weights.iter().map(|(_, weight)| weight).sum();
                assert_eq!(sum, WEIGHT_TOTAL, "{strategy}, {latency}");
            }
        }
        let [a, b, c] = policies();
        let thirds = Allotment::round_robin(&loaded(), BASE).unwrap();
        assert_eq!(thirds.weights, [(a, 333_334), (b, 333_333), (c, 333_333)]);
    }

    #[test]
    fn the_preferred_policy_is_best_in_what_was_asked_for() {
        let [first, second, _] = policies();
        let application = application(
            "x",
            (100.0, 50.0),
            [(120.0, 60.0), (110.0, 40.0), (90.0, 45.0)],
        );
        assert_eq!(choice(Prefer::Throughput, &application), (first, true));
        assert_eq!(choice(Prefer::P99, &application), (second, true));
        let got = by(Strategy::Benefit, Prefer::P99, &[application]);
        let ratio = got.rows[0].basis.as_ref().unwrap().throughput_ratio;
        assert_eq!(ratio, 1.1, "of the preferred policy, not of the fastest");
    }

    #[test]
    fn ties_go_to_the_other_figure_and_then_to_table_order() {
        let [first, second, third] = policies();
        let eevdf = (100.0, 50.0);
        let same_throughput =
            application("x", eevdf, [(120.0, 45.0), (120.0, 44.0), (120.0, 44.5)]);
        assert_eq!(choice(Prefer::Throughput, &same_throughput).0, second);
        let same_latency = application("x", eevdf, [(120.0, 40.0), (121.0, 40.0), (122.0, 40.0)]);
        assert_eq!(choice(Prefer::P99, &same_latency).0, third);
        let mut same = application("x", eevdf, [(120.0, 40.0); 3]);
        for prefer in [Prefer::Throughput, Prefer::P99] {
            assert_eq!(choice(prefer, &same).0, first);
        }
        same.policies.reverse();
        for prefer in [Prefer::Throughput, Prefer::P99] {
            assert_eq!(choice(prefer, &same).0, first);
        }
    }

    #[test]
    fn only_loaded_policies_are_chosen() {
        let [first, second, third] = policies();
        let application = application("x", (1.0, 1.0), [(5.0, 1.0), (4.0, 1.0), (3.0, 1.0)]);
        let some: PolicyList = format!("{third},{second}").parse().unwrap();
        assert_eq!(
            preferred(&application, Prefer::Throughput, &some)
                .unwrap()
                .0,
            second
        );
        let measured = Application {
            policies: vec![(first, application.eevdf)],
            ..application
        };
        let error = preferred(&measured, Prefer::Throughput, &some).unwrap_err();
        assert!(error.to_string().contains("`x`"), "{error}");
    }

    #[test]
    fn who_does_not_beat_eevdf_gets_the_best_policy_a_warning_and_a_mark() {
        let [_, second, _] = policies();
        // As good as EEVDF is not better.
        let x = application(
            "x",
            (100.0, 50.0),
            [(90.0, 55.0), (100.0, 50.0), (80.0, 51.0)],
        );
        for (prefer, what) in [(Prefer::Throughput, "throughput"), (Prefer::P99, "p99")] {
            assert_eq!(choice(prefer, &x), (second, false));
            let got = by(Strategy::RoundRobin, prefer, &[x.clone(), two()[0].clone()]);
            let expected =
                format!("x: no policy beats EEVDF by {what}; {second} is the best of them");
            assert_eq!(got.warnings, [expected]);
            let table = got.table();
            let row = table
                .lines()
                .find(|line| line.ends_with("does not beat EEVDF"));
            assert_eq!(
                row.and_then(|row| row.split(' ').next()),
                Some("x"),
                "{table}"
            );
            assert_eq!(table.matches("does not beat EEVDF").count(), 1, "{table}");
        }
    }

    #[test]
    fn who_gains_nothing_gets_no_time_by_gain_unless_nobody_gains() {
        let [first, second, _] = policies();
        let x = application("x", (100.0, 50.0), [(1.0, 55.0), (99.0, 50.0), (1.0, 51.0)]);
        let y = application(
            "y",
            (100.0, 50.0),
            [(102.0, 55.0), (1.0, 50.0), (1.0, 51.0)],
        );
        for strategy in [Strategy::BenefitGain, Strategy::DeltaBenefitGain] {
            let got = by(strategy, Prefer::Throughput, &[x.clone(), y.clone()]);
            assert_eq!(got.weights[0], (first, WEIGHT_TOTAL));
            assert_eq!(got.rows[0].weight, 0.0);
            let never = format!("{second} is preferred, but its weight comes to 0: it never runs");
            assert!(got.warnings.contains(&never), "{:?}", got.warnings);

            let mut z = x.clone();
            z.policies[2].1.throughput = 100.0;
            let got = by(strategy, Prefer::Throughput, &[x.clone(), z]);
            let weights: Vec<_> = got.rows.iter().map(|row| row.weight).collect();
            assert_eq!(weights, [0.5, 0.5]);
            let none = format!("{strategy}: no application gains any throughput");
            assert!(
                got.warnings.iter().any(|w| w.starts_with(&none)),
                "{:?}",
                got.warnings
            );
        }
    }

    #[test]
    fn latencies_taken_differently_are_warned_of_where_they_are_compared() {
        let [x, mut y] = two();
        y.concurrency = NonZeroU32::new(7).unwrap();
        y.latency_quantile = Quantile::P90;
        let all = [x, y];
        for strategy in [
            Strategy::Delta,
            Strategy::DeltaBenefit,
            Strategy::DeltaBenefitGain,
        ] {
            let expected = [
                format!("{strategy} compares latencies, but at different concurrency: x 1, y 7"),
                format!("{strategy} compares latencies, but different quantiles: x p99, y p90"),
            ];
            let got = by(strategy, Prefer::Throughput, &all);
            assert_eq!(got.warnings, expected);
        }
        for strategy in [
            Strategy::RoundRobin,
            Strategy::Benefit,
            Strategy::BenefitGain,
        ] {
            let got = by(strategy, Prefer::Throughput, &all);
            assert_eq!(got.warnings, [""; 0], "{strategy}");
        }
    }

    #[test]
    fn without_a_profile_n_is_the_number_of_policies_in_rotation() {
        let all = PolicyList::all();
        let got = Allotment::round_robin(&all, BASE).unwrap();
        let turning = all.default_weights().in_rotation();
        assert_eq!(got.rows.len() as u32, turning);
        assert_eq!(got.period_us, turning * 1_800_000);
        assert_eq!(got.weights.len(), Policy::all().count());
        for (policy, weight) in got.weights {
            let share = match all.default_weights().get(policy) {
                0 => 0,
                _ => WEIGHT_TOTAL / turning,
            };
            assert!(weight.abs_diff(share) <= 1, "{policy} {weight}");
        }
        assert!(got.rows.iter().all(|row| row.basis.is_none()));
    }

    #[test]
    fn periods_out_of_range_are_refused_with_n() {
        let of = |base| {
            let error = Allotment::from_profile(
                Strategy::Delta,
                Prefer::Throughput,
                &two(),
                &loaded(),
                base,
            );
            format!("{:#}", error.unwrap_err())
        };
        for base in [Duration::from_micros(499), Duration::from_secs(1801)] {
            let error = of(base);
            assert!(error.contains("--base-slice times n = 2"), "{error}");
            assert!(error.contains("1ms to 1h"), "{error}");
        }
        assert!(of(Duration::MAX).contains("--base-slice: too long"));
        let shortest = Allotment::round_robin(&loaded(), Duration::from_micros(500));
        assert_eq!(shortest.unwrap().period_us, 1500);
    }

    #[test]
    fn figures_that_overflow_are_refused() {
        let [mut x, y] = two();
        x.eevdf.latency_ms = f64::MAX;
        x.policies[0].1.throughput = f64::MAX;
        let error = Allotment::from_profile(
            Strategy::DeltaBenefit,
            Prefer::Throughput,
            &[x, y],
            &loaded(),
            BASE,
        );
        let error = error.unwrap_err().to_string();
        assert!(error.contains("--strategy delta-benefit"), "{error}");
    }

    #[test]
    fn the_table_and_the_json_say_the_same() {
        let [first, second, third] = policies().map(Policy::name);
        let got = by(Strategy::Benefit, Prefer::Throughput, &two());
        let table = got.table();
        let words: Vec<Vec<_>> = table
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(
            words[0],
            ["application", "policy", "r_i", "l_i", "w_i", "t_i"]
        );
        assert_eq!(
            words[1],
            ["x", first, "1.0662", "p99", "30", "ms", "0.5089", "1831.87", "ms"]
        );
        assert_eq!(
            words[2],
            ["y", second, "1.0291", "p99", "90", "ms", "0.4911", "1768.13", "ms"]
        );
        let weights =
            format!("weights: {first} 508853, {second} 491147; a rotation takes 3s 600ms");
        assert_eq!(table.lines().last(), Some(weights.as_str()));

        let json = got.json();
        assert_eq!(json["period_us"], 3_600_000);
        assert_eq!(
            json["weights"],
            json!({ first: 508_853, second: 491_147, third: 0 })
        );
        let y = &json["applications"][1];
        assert_eq!((&y["name"], &y["policy"]), (&json!("y"), &json!(second)));
        assert_eq!(y["timeslice_ms"], got.rows[1].timeslice_ms);
        assert_eq!(y["weight"], got.rows[1].weight);
    }
}
