// SPDX-License-Identifier: GPL-2.0-only
//! `scx_metabench tune`: the whole application under each strategy at each base slice, beside
//! EEVDF and each policy alone. Its best is the best of many, so it is not believed: `compare`
//! measures it afresh.

mod paper;
mod slices;

use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;
use labkit::machine::Machine;
use scx_meta::weights::{self, PolicyList};
use strategy::profile::Application as Profiled;
use strategy::Strategy;

use self::slices::Slices;
use crate::estimate::{Choice, Measure};
use crate::outcome::Outcome;
use crate::pipeline::grid::{Grid, Mechanism};
use crate::pipeline::{self, Planned, Step};
use crate::record::{Role, Row, Stage};
use crate::trial::args::{ProfileArgs, TrialArgs};
use crate::workload::Workload;

/// Options of `tune`.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Args {
    /// Those of every trial
    #[command(flatten)]
    pub(crate) trial: TrialArgs,

    /// What applications prefer
    #[command(flatten)]
    pub(crate) profile: ProfileArgs,

    /// How applications share the time [default: all strategies]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub(crate) strategies: Vec<Strategy>,

    /// t_b, each with its unit (us, ms, s) [default: 1ms to 3600ms; emulated 5ms, 20ms, 100ms]
    #[arg(long, value_name = "TIME,…", value_delimiter = ',', value_parser = weights::parse_duration)]
    pub(crate) base_slices: Vec<Duration>,

    /// What the winner is best in
    #[arg(long, value_enum, default_value_t = Measure::Throughput)]
    pub(crate) by: Measure,

    /// How schedulers change: by scx_meta's flip, by replacing processes, or both in turn
    #[arg(
        long,
        value_enum,
        value_name = "HOW,…",
        value_delimiter = ',',
        default_value = "flip"
    )]
    pub(crate) mechanism: Vec<Mechanism>,

    /// Rows whose blocks (five rotations) would be longer are left out; the unit is required
    /// [default: 2min; emulated 5s]
    #[arg(long, value_name = "TIME", value_parser = weights::parse_duration)]
    pub(crate) longest_window: Option<Duration>,
}

impl Step for Args {
    const STAGE: Stage = Stage::Tune;

    fn trial(&self) -> &TrialArgs {
        &self.trial
    }

    fn plan(&self, workload: &mut Workload) -> Result<Planned> {
        let whole = pipeline::whole(workload)?;
        let (rows, notes) = Tuning::new(self)?.rows()?;
        workload.notes.extend(notes);
        Ok(Planned {
            subjects: vec![whole],
            rows,
        })
    }

    /// The two that `compare` will measure, and whether throughput and latency agree.
    fn conclusion(&self, outcome: &Outcome) -> Result<String> {
        let choice = Choice::of(outcome, self.by)?;
        let mut text = format!(
            "frozen for compare: {} ({}), and {} alone\n",
            choice.winner.label, choice.winner.setting, choice.single.label
        );
        if let Some((throughput, latency)) = Choice::optima(outcome) {
            text.push_str(&match throughput == latency {
                true => format!("best by throughput and by latency: {throughput}\n"),
                false => format!("best by throughput: {throughput}; by latency: {latency}\n"),
            });
        }
        Ok(text)
    }
}

struct Tuning<'a> {
    args: &'a Args,
    policies: PolicyList,
    applications: Vec<Profiled>,
    slices: Slices,
}

impl<'a> Tuning<'a> {
    fn new(args: &'a Args) -> Result<Self> {
        let policies = args.trial.common.policy_list();
        let profile = args.profile.read(&policies)?;
        Ok(Self {
            slices: Slices::new(
                &args.base_slices,
                args.longest_window,
                profile.applications.len(),
                Machine::here()?.is_emulated(),
            ),
            applications: profile.applications,
            policies,
            args,
        })
    }

    /// With what a report must say of them.
    fn rows(&self) -> Result<(Vec<Row>, Vec<String>)> {
        let mut rows = self.args.trial.common.held();
        let mut notes = self.slices.notes.clone();
        let strategies = self.strategies(&mut notes);
        for &mechanism in &self.args.mechanism {
            let grid = Grid {
                applications: &self.applications,
                policies: &self.policies,
                strategies: &strategies,
                base_slices: &self.slices.usual,
                prefer: self.args.profile.prefer,
                mechanism,
                named: None,
            };
            notes.extend(grid.add_to(&mut rows)?);
            self.add_paper(&grid, &mut rows)?;
        }
        Ok((rows, evidence::once(notes)))
    }

    /// A strategy that weighs latencies has nothing to say of applications without any.
    fn strategies(&self, notes: &mut Vec<String>) -> Vec<Strategy> {
        let all = match &self.args.strategies[..] {
            [] => Strategy::value_variants(),
            some => some,
        };
        let without = self
            .applications
            .iter()
            .find(|app| app.eevdf.latency_ms.is_none());
        let Some(without) = without else {
            return all.to_vec();
        };
        let (usable, left_out): (Vec<Strategy>, Vec<_>) = all
            .iter()
            .partition(|strategy| !strategy.compares_latencies());
        for strategy in left_out {
            notes.push(format!(
                "{strategy} left out: {} has no latency",
                without.name
            ));
        }
        usable
    }

    /// The paper's final pair, whatever the profile prefers: at its own base slice, and at all of
    /// them where the profile's preferences leave nothing to switch between.
    fn add_paper(&self, grid: &Grid, rows: &mut Vec<Row>) -> Result<()> {
        let Some(pair) = paper::pair(&self.policies) else {
            return Ok(());
        };
        let name = format!("{} with {}", pair[0], pair[1]);
        let strategies = grid.strategies.iter().copied();
        let strategies: Vec<_> = strategies
            .filter(|strategy| paper::STRATEGIES.contains(strategy))
            .collect();
        let mut base_slices = self.slices.paper.clone();
        if rows.iter().all(|row| row.role == Role::Single) {
            base_slices.extend(&self.slices.usual);
            base_slices.sort_unstable();
            base_slices.dedup();
        }
        let named = Grid {
            applications: &paper::assigned(&self.applications, pair),
            strategies: &strategies,
            base_slices: &base_slices,
            named: Some(&name),
            ..*grid
        };
        // Its warnings come of the pair being the paper's choice, not the profile's.
        named.add_to(rows)?;
        Ok(())
    }
}
