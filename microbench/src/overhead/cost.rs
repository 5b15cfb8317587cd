// SPDX-License-Identifier: GPL-2.0-only
//! From windows to the cost of a call: robust within a phase, the same mix of phases for everybody,
//! and one value a round.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use evidence::sample::Statistic;
use evidence::spec::{case, Blocks, Row, Sample, Spec, NS};

use super::contender::Contender;
use super::mix::Phase;
use super::record::{Mix, Window};

/// Of the calls, this part with the lowest and with the highest means is left out.
const TRIMMED: f64 = 0.25;

/// With fewer calls in a phase and round its mean says little, and the phase is left out.
const FEWEST_CALLS: u64 = 20;

/// One callback of one policy: windows by contender, phase and round.
pub(super) struct Callback<'a> {
    windows: BTreeMap<Contender, BTreeMap<Phase, BTreeMap<usize, &'a [Window]>>>,
    seconds: BTreeMap<Contender, f64>,
}

#[derive(Clone, Debug)]
pub(super) struct Cost {
    /// Nanoseconds a call, one value a round.
    pub(super) ns: Row,
    pub(super) calls: u64,
    /// Calls a second while the mix ran.
    pub(super) calls_per_second: f64,
}

impl Cost {
    pub(super) fn ns(&self) -> f64 {
        self.ns.about.estimate
    }
}

const ROUNDS: Spec = Spec {
    by: &["contender"],
    blocks: Blocks::By("round"),
    statistic: Statistic::Median,
};

impl<'a> Callback<'a> {
    pub(super) fn of(mixes: &'a [Mix], policy: &str, callback: &str) -> Self {
        let mut found = Self {
            windows: BTreeMap::new(),
            seconds: BTreeMap::new(),
        };
        for mix in mixes.iter().filter(|mix| mix.policy == policy) {
            *found.seconds.entry(mix.contender).or_default() += mix.seconds;
            let Some(windows) = mix.windows.get(callback) else {
                continue;
            };
            let phases = found.windows.entry(mix.contender).or_default();
            let rounds = phases.entry(mix.phase).or_default();
            rounds.insert(mix.round, windows);
        }
        found
    }

    /// The costs of those of `wanted` that have this callback. A phase counts for all of them by
    /// its calls under all of them, so that a path which one takes more often than another does
    /// not pass for a slower callback.
    pub(super) fn costs(&self, wanted: &[Contender]) -> Result<BTreeMap<Contender, Cost>> {
        let present: Vec<_> = wanted
            .iter()
            .filter(|contender| self.windows.contains_key(contender))
            .collect();
        let weights = self.weights(&present);
        let mut costs = BTreeMap::new();
        if weights.is_empty() {
            return Ok(costs);
        }
        for contender in present {
            costs.insert(*contender, self.cost(*contender, &weights)?);
        }
        Ok(costs)
    }

    /// Calls by phase, of the phases in which every one of `present` has enough in each round.
    fn weights(&self, present: &[&Contender]) -> BTreeMap<Phase, u64> {
        let phases: BTreeSet<Phase> = present
            .iter()
            .flat_map(|contender| self.windows[contender].keys().copied())
            .collect();
        let rounds = |contender: &Contender, phase: &Phase| -> Vec<u64> {
            let rounds = self.windows[contender].get(phase);
            let rounds = rounds.into_iter().flat_map(BTreeMap::values);
            rounds.map(|windows| calls(windows)).collect()
        };
        let most = self
            .windows
            .values()
            .flat_map(BTreeMap::values)
            .map(BTreeMap::len)
            .max();
        let weight = |phase: &Phase| {
            let mut sum = 0;
            for contender in present {
                let counts = rounds(contender, phase);
                let enough = counts.iter().all(|count| *count >= FEWEST_CALLS);
                if !enough || Some(counts.len()) != most {
                    return None;
                }
                sum += counts.iter().sum::<u64>();
            }
            Some(sum)
        };
        let weights = phases
            .iter()
            .filter_map(|phase| Some((*phase, weight(phase)?)));
        weights.collect()
    }

    fn cost(&self, contender: Contender, weights: &BTreeMap<Phase, u64>) -> Result<Cost> {
        let phases = &self.windows[&contender];
        let all: u64 = weights.values().sum();
        let mut rounds: BTreeMap<usize, f64> = BTreeMap::new();
        for (phase, weight) in weights {
            for (round, windows) in &phases[phase] {
                let share = *weight as f64 / all as f64;
                *rounds.entry(*round).or_default() += share * trimmed_mean(windows)?;
            }
        }
        let samples = rounds.into_iter().map(|(round, ns)| {
            let round = round.to_string();
            let case = case(&[("contender", contender.name()), ("round", &round)]);
            Sample::new(NS, case, [ns])
        });
        let mut rows = ROUNDS.rows(&samples.collect::<Vec<_>>())?;
        let calls = phases
            .values()
            .flat_map(BTreeMap::values)
            .map(|windows| calls(windows))
            .sum();
        Ok(Cost {
            ns: rows.pop().context("no round to take a median of")?,
            calls,
            calls_per_second: calls as f64 / self.seconds[&contender],
        })
    }
}

fn calls(windows: &[Window]) -> u64 {
    windows.iter().map(|window| window.calls).sum()
}

/// The mean of a call, without the quarter in the slowest and the quarter in the fastest windows.
fn trimmed_mean(windows: &[Window]) -> Result<f64> {
    let mut sorted: Vec<(f64, u64)> = windows
        .iter()
        .map(|window| (window.time_ns as f64 / window.calls as f64, window.calls))
        .collect();
    sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let all = calls(windows) as f64;
    let (from, to) = (all * TRIMMED, all * (1.0 - TRIMMED));
    let (mut before, mut time, mut kept) = (0.0, 0.0, 0.0);
    for (ns, calls) in sorted {
        let after = before + calls as f64;
        let part = (after.min(to) - f64::max(before, from)).max(0.0);
        time += part * ns;
        kept += part;
        before = after;
    }
    let mean = time / kept;
    mean.is_finite()
        .then_some(mean)
        .context("no calls to take a mean of")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(pairs: &[(u64, u64)]) -> Vec<Window> {
        pairs.iter().map(|pair| Window::from(*pair)).collect()
    }

    fn mix(contender: Contender, round: usize, phase: Phase, pairs: &[(u64, u64)]) -> Mix {
        Mix {
            policy: "fifo".into(),
            contender,
            round,
            phase,
            seconds: 0.5,
            windows: [("dispatch".to_string(), windows(pairs))].into(),
        }
    }

    #[test]
    fn one_window_with_the_other_cpus_turn_changes_nothing() {
        let clean = windows(&[(10, 5000); 10]);
        assert_eq!(trimmed_mean(&clean).unwrap(), 500.0);
        let mut dirty = clean;
        dirty.push(Window::from((10, 900_000)));
        assert_eq!(trimmed_mean(&dirty).unwrap(), 500.0);
        // A quarter of the calls at each end, by calls and not by windows.
        let sparse = windows(&[(1, 100), (2, 400), (1, 900)]);
        assert_eq!(trimmed_mean(&sparse).unwrap(), 200.0);
        assert!(trimmed_mean(&[]).is_err());
    }

    #[test]
    fn phases_weigh_the_same_for_everybody() {
        // Each phase costs both the same; the single build is in the dear one more often.
        let (multi, single) = (Contender::Multi, Contender::Single);
        let mixes = [
            mix(multi, 0, Phase::Pipe, &[(100, 50_000)]),
            mix(multi, 0, Phase::Busy, &[(100, 200_000)]),
            mix(single, 0, Phase::Pipe, &[(100, 50_000)]),
            mix(single, 0, Phase::Busy, &[(900, 1_800_000)]),
        ];
        let callback = Callback::of(&mixes, "fifo", "dispatch");
        let costs = callback.costs(&[multi, single, Contender::Stock]).unwrap();
        assert_eq!(costs.len(), 2);
        let ratio = costs[&multi].ns.ratio_to(&costs[&single].ns);
        assert_eq!(ratio.unwrap().estimate, 1.0);
        assert_eq!(
            (costs[&single].calls, costs[&multi].calls_per_second),
            (1000, 200.0)
        );
    }

    #[test]
    fn phases_with_few_calls_are_left_out_for_everybody() {
        let (multi, single) = (Contender::Multi, Contender::Single);
        let mixes = [
            mix(multi, 0, Phase::Pipe, &[(100, 50_000)]),
            mix(multi, 0, Phase::Busy, &[(100, 900_000)]),
            mix(single, 0, Phase::Pipe, &[(100, 50_000)]),
            mix(single, 0, Phase::Busy, &[(3, 9)]),
        ];
        let callback = Callback::of(&mixes, "fifo", "dispatch");
        let costs = callback.costs(&[multi, single]).unwrap();
        assert_eq!(costs[&multi].ns.about.estimate, 500.0);
        assert!(Callback::of(&mixes, "fifo", "tick")
            .costs(&[multi, single])
            .unwrap()
            .is_empty());
    }
}
