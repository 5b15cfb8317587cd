// SPDX-License-Identifier: GPL-2.0-only
//! A trial from its options to its files: what every command does around the engine.
//!
//! ```text
//! wanted ──► engine ──► records ──► raw data, at once
//!                          └──────► derived files, after each super-block and at the end
//! --from RAW… ─────────────────────► the same, without measuring
//! ```

use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs};

use anyhow::{bail, Context, Result};
use evidence::raw::Raw;
use labkit::charge::setting::Setting;
use labkit::charge::{Charge, Programs};
use labkit::machine::Machine;
use labkit::{machine, sys};
use scx_meta::policy::Policy;

use super::args::Common;
use super::block::Rig;
use super::engine::Ending;
pub(crate) use super::engine::Next;
use super::files::Destination;
use super::scene::Lab;
use super::{engine, files};
use crate::record::{Contest, Plan, Record, Row, Stage, Subject};
use crate::workload::{Application, Workload};

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

pub(crate) struct Wanted {
    pub(crate) workload: Workload,
    /// Applications to put under load, each with whether it is the whole.
    pub(crate) subjects: Vec<(Application, bool)>,
    /// EEVDF not included.
    pub(crate) rows: Vec<Row>,
    /// Super-blocks of each subject.
    pub(crate) rounds: u32,
    /// For raw data, if `--raw` does not say.
    pub(crate) raw: Destination,
    /// The build with two rows of one policy, if a row needs it.
    pub(crate) twins: Option<PathBuf>,
    /// How long a scheduler that chooses by itself is shown a steady load before it counts.
    pub(crate) lead: Duration,
    /// Policies that are held count their signals.
    pub(crate) signals: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// After a super-block: what is written now is what is left if we are killed.
    Between,
    End,
}

/// Makes derived files of raw data, and at the end words for people.
pub(crate) type Derive<'a> = dyn FnMut(&[Raw<Record>], Moment) -> Result<Next> + 'a;

/// Measures what is wanted, or reads what `--from` names, and derives; that is left out when raw
/// data go to standard output. To be called from the main thread.
pub(crate) fn run(
    stage: Stage,
    common: &Common,
    wanted: impl FnOnce() -> Result<Wanted>,
    derive: &mut Derive,
) -> Result<()> {
    if !common.run.from.is_empty() {
        return derive(&files::read(&common.run.from, stage)?, Moment::End).map(drop);
    }
    let wanted = wanted()?;
    let destination = common.run.destination(&wanted.raw);
    let kept = match &destination {
        Destination::File(path) => format!("; what was measured is in {}", path.display()),
        Destination::Stdout | Destination::Nowhere => String::new(),
    };
    let machine = Machine::here()?;
    let mut log = Log {
        plan: plan(stage, common, &wanted)?,
        destination,
        derive,
        raw: Raw {
            machine,
            records: Vec::new(),
        },
    };
    let ending = measure(common, &wanted, &mut log, &kept)?;
    let derived = log.derive_at_the_end();
    if ending == Ending::Complete {
        return derived;
    }
    // Too little for any figure, most likely: that is not news.
    derived.with_context(|| format!("interrupted{kept}"))?;
    bail!("interrupted{kept}")
}

fn plan(stage: Stage, common: &Common, wanted: &Wanted) -> Result<Plan> {
    let boot_id = fs::read_to_string(BOOT_ID).with_context(|| format!("cannot read {BOOT_ID}"))?;
    let subjects = wanted.subjects.iter();
    Ok(Plan {
        stage,
        workload: wanted.workload.name.clone(),
        notes: wanted.workload.notes.clone(),
        subjects: subjects
            .map(|(application, whole)| Subject {
                contest: contest(application, stage, &wanted.workload),
                ..subject(application, *whole)
            })
            .collect(),
        rows: wanted.rows.clone(),
        rounds: wanted.rounds,
        command: env::args().collect(),
        seed: common.run.seed(),
        boot_id: boot_id.trim().to_owned(),
        date: machine::date(),
    })
}

fn subject(application: &Application, whole: bool) -> Subject {
    let commands = application.loads.iter().map(|load| load.command.join(" "));
    Subject {
        name: application.name.clone(),
        whole,
        unit: application.unit.clone(),
        concurrency: application.concurrency,
        commands: commands.collect(),
        closed_loop: application.closed_loop,
        contest: None,
    }
}

fn contest(application: &Application, stage: Stage, workload: &Workload) -> Option<Contest> {
    let scenario = workload.scenario.as_ref();
    let scenario = scenario.filter(|_| stage == Stage::Arena)?;
    let turns = application.turns.iter();
    Some(Contest {
        metric: scenario.metric,
        held_out: scenario.held_out,
        turns_s: turns.map(Duration::as_secs_f64).collect(),
    })
}

/// Nothing is started before it is known that scx_meta can be loaded.
fn measure(common: &Common, wanted: &Wanted, log: &mut Log, kept: &str) -> Result<Ending> {
    let programs = Programs {
        scx_meta: common.run.loader()?,
        twins: wanted.twins.clone(),
    };
    let charge = Charge::new(programs, &policies(&wanted.rows))?;
    let charge = charge.with_signals(wanted.signals);
    sys::catch_interrupts().context("cannot catch signals")?;
    let applications: Vec<Application> = wanted.subjects.iter().map(|(a, _)| a.clone()).collect();

    let mut lab = Lab::new()?;
    // Declared last, dropped first: under EEVDF the services end soon.
    let mut charge = charge;
    let mut rig = Rig {
        charge: &mut charge,
        scene: &mut lab,
        interrupted: &sys::interrupted,
        lead: wanted.lead,
    };
    let plan = log.plan.clone();
    let mut writer = log.destination.open(&log.raw.machine)?;
    engine::run(
        plan,
        &applications,
        &wanted.workload,
        &mut rig,
        &mut |record| {
            writer.record(record)?;
            Ok(log.take(record))
        },
    )
    .with_context(|| format!("the trial ended early{kept}"))
}

/// The policies that scx_meta must load: each costs a little, in charge or not.
fn policies(rows: &[Row]) -> Vec<String> {
    let of = |row: &Row| match &row.setting {
        Setting::Hold { policy } => vec![policy.clone()],
        // Another build's, or a process of its own.
        Setting::Twins { .. } | Setting::Auto { .. } => Vec::new(),
        setting => setting
            .weights()
            .iter()
            .map(|(name, _)| name.clone())
            .collect(),
    };
    let needed: Vec<String> = rows.iter().flat_map(of).collect();
    let all = Policy::all().map(|policy| policy.name().to_owned());
    all.filter(|name| needed.contains(name)).collect()
}

struct Log<'a, 'b> {
    plan: Plan,
    destination: Destination,
    derive: &'a mut Derive<'b>,
    raw: Raw<Record>,
}

impl Log<'_, '_> {
    fn take(&mut self, record: &Record) -> Next {
        self.raw.records.push(record.clone());
        if !self.ends_super_block(record) {
            return Next::More;
        }
        // Early figures are a precaution; without them the trial is as good.
        self.derive(Moment::Between).unwrap_or_else(|error| {
            eprintln!("scx_metabench: no figures yet: {error:#}");
            Next::More
        })
    }

    fn derive_at_the_end(&mut self) -> Result<()> {
        self.derive(Moment::End).map(drop)
    }

    fn derive(&mut self, moment: Moment) -> Result<Next> {
        if self.destination == Destination::Stdout {
            return Ok(Next::More);
        }
        (self.derive)(std::slice::from_ref(&self.raw), moment)
    }

    /// EEVDF has the last place.
    fn ends_super_block(&self, record: &Record) -> bool {
        let last = self.plan.rows.len() + 1;
        matches!(record, Record::Block(block) if block.position as usize == last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Block;
    use crate::trial::args::Run;
    use crate::trial::fake;

    fn wanted(rows: Vec<Row>) -> Wanted {
        let application = fake::application("app", vec![fake::load("app", "echo", false)]);
        Wanted {
            workload: fake::workload(std::slice::from_ref(&application)),
            subjects: vec![(application, true)],
            rows,
            rounds: 2,
            raw: Destination::Nowhere,
            twins: None,
            lead: Duration::ZERO,
            signals: false,
        }
    }

    fn common() -> Common {
        Common {
            policies: None,
            run: Run {
                seed: Some(7),
                scx_meta: None,
                raw: None,
                from: Vec::new(),
            },
        }
    }

    /// Lengths of the raw data whenever figures were made of them.
    fn derived(destination: Destination) -> Vec<usize> {
        let wanted = wanted(vec![Row::held("a"), Row::held("b")]);
        let mut lengths = Vec::new();
        let mut derive = |raws: &[Raw<Record>], _: Moment| {
            lengths.push(raws[0].records.len());
            bail!("too little for figures")
        };
        let mut log = Log {
            plan: plan(Stage::Profile, &common(), &wanted).unwrap(),
            destination,
            derive: &mut derive,
            raw: Raw {
                machine: Machine::here().unwrap(),
                records: Vec::new(),
            },
        };
        for (round, position) in (0..2).flat_map(|round| (0..4).map(move |at| (round, at))) {
            log.take(&Record::Block(Block {
                round,
                position,
                ..fake::block(&[])
            }));
        }
        lengths
    }

    #[test]
    fn figures_are_made_after_each_super_block_whatever_becomes_of_them() {
        assert_eq!(derived(Destination::Nowhere), [4, 8]);
        assert!(derived(Destination::Stdout).is_empty());
    }

    #[test]
    fn the_plan_says_what_was_wanted_on_which_boot() {
        let plan = plan(Stage::Tune, &common(), &wanted(vec![Row::held("a")])).unwrap();
        assert_eq!((plan.stage, plan.rounds, plan.seed), (Stage::Tune, 2, 7));
        assert_eq!((&*plan.rows[0].label, plan.subjects[0].whole), ("a", true));
        assert_eq!(plan.subjects[0].commands, ["sh -c echo"]);
        assert_eq!(plan.boot_id.len(), 36);
        assert!(plan.date.ends_with('Z'), "{}", plan.date);
    }

    #[test]
    fn only_policies_that_rows_need_are_loaded_in_the_tables_order() {
        let mut names = Policy::all().map(Policy::name);
        let (first, second) = (names.next().unwrap(), names.next().unwrap());
        let mut rows = vec![Row::held(second)];
        assert_eq!(policies(&rows), [second]);
        let weights = vec![(second.into(), 1), (first.into(), 1)];
        rows[0].setting = Setting::Rotate {
            weights: weights.clone(),
            period_us: 1000,
        };
        assert_eq!(policies(&rows), [first, second]);
        rows[0].setting = Setting::Twins {
            weights,
            period_us: 1000,
        };
        assert!(policies(&rows).is_empty());
    }
}
