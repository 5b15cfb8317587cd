// SPDX-License-Identifier: GPL-2.0-only
//! How every scheduler did in a scenario, and in all of them: relative to EEVDF, more is better.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use evidence::raw::Raw;
use evidence::sample::Interval;
use labkit::charge::signals::Signals;

use super::rows::AUTO;
use crate::estimate::{Measure, Verdict, EEVDF};
use crate::outcome::{Outcome, RowOutcome, Source, SubjectOutcome};
use crate::record::{Chosen, Contest, Record, Role};
use crate::trial::files;

/// Half a 95 % interval, in standard errors.
const HALF: f64 = 1.96;

/// A scenario that was measured.
pub(super) struct Scene {
    pub(super) name: String,
    pub(super) contest: Contest,
    pub(super) source: Source,
    /// What is judged, in words: `requests/s`, `p99 latency`.
    pub(super) judged: String,
    pub(super) super_blocks: usize,
    /// EEVDF against itself.
    pub(super) floor: Interval,
    /// In the plan's order; of those under which it was measured.
    pub(super) lanes: Vec<Lane>,
    /// The best policy held, or the best of each turn: picked after the fact, so nobody can be better
    /// but by chance.
    pub(super) oracle: f64,
    /// Of policies held, block by block: what scx_meta saw, if it was asked to.
    pub(super) signals: Vec<(String, Signals)>,
    /// What was chosen in each block: at its end, or at that of each turn.
    pub(super) chosen: Vec<Vec<Chosen>>,
}

/// A scheduler in a scenario.
pub(super) struct Lane {
    pub(super) label: String,
    pub(super) is_held: bool,
    pub(super) gain: Interval,
    pub(super) verdict: Verdict,
}

impl Scene {
    pub(super) fn of(outcome: Outcome, raws: &[Raw<Record>]) -> Result<Self> {
        let whole = outcome.whole().context("nothing was measured")?;
        let contest = whole.subject.contest.clone();
        let contest = contest.context("it is no scenario of the arena")?;
        let metric = contest.metric;
        let lane = |row: &RowOutcome| {
            Some(Lane {
                label: row.label.clone(),
                is_held: matches!(row.role, Some(Role::Single)),
                gain: metric.gain(row)?,
                verdict: metric.verdict(row, &whole.eevdf)?,
            })
        };
        let lanes: Vec<Lane> = whole.rows.iter().filter_map(lane).collect();
        let floor = metric
            .gain(&whole.eevdf)
            .context("there are no latencies")?;
        Ok(Self {
            name: outcome.workload.clone(),
            judged: match metric {
                Measure::Throughput => whole.subject.unit.clone(),
                Measure::Latency => metric.name([whole]),
            },
            super_blocks: whole.super_blocks,
            floor,
            oracle: oracle(whole, &lanes, &contest),
            lanes,
            signals: signals(raws),
            chosen: chosen(raws),
            source: outcome.source.clone(),
            contest,
        })
    }

    pub(super) fn lane(&self, label: &str) -> Option<&Lane> {
        self.lanes.iter().find(|lane| lane.label == label)
    }

    /// From 1, among all of them and EEVDF.
    pub(super) fn rank(&self, lane: &Lane) -> usize {
        let all = self.lanes.iter().map(|other| other.gain.estimate);
        let better = all.chain([1.0]).filter(|gain| *gain > lane.gain.estimate);
        1 + better.count()
    }

    /// The best policy held, after the fact.
    pub(super) fn best(&self) -> Option<&Lane> {
        let held = self.lanes.iter().filter(|lane| lane.is_held);
        held.max_by(|a, b| a.gain.estimate.total_cmp(&b.gain.estimate))
    }

    /// How much of what somebody who knew would have got is missing.
    pub(super) fn regret(&self, lane: &Lane) -> f64 {
        1.0 - lane.gain.estimate / self.oracle
    }
}

/// Of loads that change, the best of each turn; EEVDF is nobody's choice here.
fn oracle(whole: &SubjectOutcome, lanes: &[Lane], contest: &Contest) -> f64 {
    let largest = |gains: &mut dyn Iterator<Item = f64>| gains.fold(0.0_f64, f64::max);
    if contest.turns_s.is_empty() || contest.metric == Measure::Latency {
        let held = lanes.iter().filter(|lane| lane.is_held);
        return largest(&mut held.map(|lane| lane.gain.estimate));
    }
    let held = || {
        let rows = whole.rows.iter();
        rows.filter(|row| matches!(row.role, Some(Role::Single)))
    };
    let turns = 0..contest.turns_s.len();
    let best = turns.map(|turn| {
        let gains = held().filter_map(|row| row.parts.get(turn));
        largest(&mut gains.map(|(_, ratio)| ratio.estimate)).ln()
    });
    (best.sum::<f64>() / contest.turns_s.len() as f64).exp()
}

fn signals(raws: &[Raw<Record>]) -> Vec<(String, Signals)> {
    let blocks = raws.iter().flat_map(files::blocks);
    let own = blocks.filter_map(|block| Some((block.row.clone()?, block.signals?)));
    own.collect()
}

fn chosen(raws: &[Raw<Record>]) -> Vec<Vec<Chosen>> {
    let blocks = raws.iter().flat_map(files::blocks);
    let own = blocks.filter(|block| block.row.as_deref() == Some(AUTO));
    own.map(|block| block.chosen.clone()).collect()
}

/// What was thought of a policy in blocks with the same one in charge, and what is true of it.
#[derive(Debug, PartialEq)]
pub(super) struct Belief {
    pub(super) policy: String,
    pub(super) in_charge: String,
    /// Scores of the two, as a ratio: the geometric mean over blocks.
    pub(super) believed: f64,
    /// Gains of the two held, as a ratio.
    pub(super) measured: f64,
}

impl Belief {
    /// Both say the same of which is better; less than 1 % is neither.
    pub(super) fn is_true(&self) -> bool {
        let side = |ratio: f64| {
            if ratio > 1.01 {
                1
            } else {
                -i32::from(ratio < 0.99)
            }
        };
        side(self.believed) * side(self.measured) >= 0
    }
}

impl Scene {
    /// Of loads that stay the same; of policies that were held as well.
    pub(super) fn beliefs(&self) -> Vec<Belief> {
        if !self.contest.turns_s.is_empty() {
            return Vec::new();
        }
        let last = self.chosen.iter().filter_map(|block| block.last());
        let pairs = last.flat_map(|chosen| {
            let pair = |(policy, ratio): &(String, f64)| {
                ((chosen.policy.clone(), policy.clone()), ratio.ln())
            };
            chosen.believed.iter().map(pair).collect::<Vec<_>>()
        });
        let mut logs: BTreeMap<(String, String), Vec<f64>> = BTreeMap::new();
        for (pair, log) in pairs {
            logs.entry(pair).or_default().push(log);
        }
        let gain = |label: &str| Some(self.lane(label)?.gain.estimate);
        let belief = |((in_charge, policy), logs): ((String, String), Vec<f64>)| {
            Some(Belief {
                believed: (logs.iter().sum::<f64>() / logs.len() as f64).exp(),
                measured: gain(&policy)? / gain(&in_charge)?,
                policy,
                in_charge,
            })
        };
        logs.into_iter().filter_map(belief).collect()
    }
}

/// A scheduler in all scenarios in which it was measured.
pub(super) struct Total {
    pub(super) label: String,
    pub(super) scenes: usize,
    pub(super) wins: usize,
    pub(super) ties: usize,
    pub(super) losses: usize,
    /// Scenarios whose median is better than EEVDF's, whatever the noise.
    pub(super) better: usize,
    /// … in which it is among the first three.
    pub(super) top_three: usize,
    /// Of its gains.
    pub(super) mean: Interval,
}

/// Of every scheduler, in order of appearance; EEVDF is the first.
pub(super) fn totals(scenes: &[Scene]) -> Vec<Total> {
    let labels = scenes.iter().flat_map(|scene| &scene.lanes);
    let labels = evidence::once(labels.map(|lane| lane.label.clone()));
    let of = |label: String| {
        let lanes: Vec<(&Scene, &Lane)> = scenes
            .iter()
            .filter_map(|scene| Some((scene, scene.lane(&label)?)))
            .collect();
        let count = |is: &dyn Fn(&Scene, &Lane) -> bool| {
            lanes.iter().filter(|(scene, lane)| is(scene, lane)).count()
        };
        let gains: Vec<Interval> = lanes.iter().map(|(_, lane)| lane.gain).collect();
        Total {
            scenes: lanes.len(),
            wins: count(&|_, lane| lane.verdict == Verdict::Better),
            ties: count(&|_, lane| lane.verdict == Verdict::InsideNoise),
            losses: count(&|_, lane| lane.verdict == Verdict::Worse),
            better: count(&|_, lane| lane.gain.estimate > 1.0),
            top_three: count(&|scene, lane| scene.rank(lane) <= 3),
            mean: geometric_mean(&gains),
            label,
        }
    };
    let floors: Vec<Interval> = scenes.iter().map(|scene| scene.floor).collect();
    let first = Total {
        label: format!("{EEVDF} (last to first)"),
        scenes: scenes.len(),
        wins: 0,
        ties: scenes.len(),
        losses: 0,
        better: 0,
        top_three: scenes
            .iter()
            .filter(|scene| rank_of_eevdf(scene) <= 3)
            .count(),
        mean: geometric_mean(&floors),
    };
    [first]
        .into_iter()
        .chain(labels.into_iter().map(of))
        .collect()
}

fn rank_of_eevdf(scene: &Scene) -> usize {
    let better = scene.lanes.iter().filter(|lane| lane.gain.estimate > 1.0);
    1 + better.count()
}

/// Of these scenarios; the interval is what measuring them adds, not that of other scenarios.
fn geometric_mean(gains: &[Interval]) -> Interval {
    let n = gains.len().max(1) as f64;
    let mean = gains.iter().map(|gain| gain.estimate.ln()).sum::<f64>() / n;
    let error = |gain: &Interval| (gain.high / gain.low).ln() / 2.0 / HALF;
    let squares: f64 = gains.iter().map(|gain| error(gain).powi(2)).sum();
    let half = HALF * squares.sqrt() / n;
    Interval {
        estimate: mean.exp(),
        low: (mean - half).exp(),
        high: (mean + half).exp(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::estimate::made::{held, Effect, Made};
    use crate::record::Block;

    pub(crate) fn scene(name: &str, auto: f64) -> Scene {
        let auto = Effect {
            label: AUTO.into(),
            role: Role::Auto,
            ..held("eevdf", auto, 1.0)
        };
        let made = Made {
            rows: vec![held("eevdf", 0.9, 1.0), held("fifo", 1.3, 1.0), auto],
            ..Made::default()
        };
        let mut outcome = made.outcome();
        outcome.workload = name.into();
        for subject in &mut outcome.subjects {
            subject.subject.contest = Some(Contest {
                metric: Measure::Throughput,
                held_out: name == "last",
                turns_s: vec![],
            });
        }
        let mut raw = made.raw();
        for record in &mut raw.records {
            if let Record::Block(Block { row, chosen, .. }) = record {
                if row.as_deref() == Some(AUTO) {
                    chosen.push(Chosen {
                        policy: "fifo".into(),
                        for_s: 3.0,
                        changes: 1,
                        regimes: 0,
                        tried: 0.05,
                        believed: vec![("eevdf".into(), 0.5), ("nest".into(), 2.0)],
                    });
                }
            }
        }
        Scene::of(outcome, &[raw]).unwrap()
    }

    #[test]
    fn schedulers_are_ranked_and_judged_against_eevdf() {
        let scene = scene("web", 1.2);
        let auto = scene.lane(AUTO).unwrap();
        assert_eq!((scene.rank(auto), auto.verdict), (2, Verdict::Better));
        assert_eq!(scene.best().unwrap().label, "fifo");
        let regret = scene.regret(auto);
        assert!((regret - (1.0 - 1.2 / 1.3)).abs() < 0.02, "{regret}");
        assert_eq!(scene.chosen.len(), scene.super_blocks);
    }

    #[test]
    fn what_was_believed_stands_beside_what_was_measured() {
        let beliefs = scene("web", 1.2).beliefs();
        let [belief] = &beliefs[..] else {
            panic!("nest was not held: {beliefs:?}");
        };
        assert_eq!((&*belief.policy, &*belief.in_charge), ("eevdf", "fifo"));
        assert!((belief.believed - 0.5).abs() < 1e-9 && belief.is_true());
        assert!((belief.measured - 0.9 / 1.3).abs() < 0.02, "{belief:?}");
        let wrong = Belief {
            believed: 1.2,
            ..beliefs.into_iter().next().unwrap()
        };
        assert!(!wrong.is_true());
    }

    #[test]
    fn totals_count_scenarios_and_average_gains() {
        let totals = totals(&[scene("web", 1.2), scene("last", 0.8)]);
        let auto = totals.iter().find(|total| total.label == AUTO).unwrap();
        assert_eq!(
            (auto.scenes, auto.wins, auto.losses, auto.better),
            (2, 1, 1, 1)
        );
        let mean = (1.2_f64 * 0.8).sqrt();
        assert!((auto.mean.estimate - mean).abs() < 0.02, "{:?}", auto.mean);
        assert!(auto.mean.low < mean && mean < auto.mean.high);
        assert_eq!(totals[0].top_three, 2);
    }
}
