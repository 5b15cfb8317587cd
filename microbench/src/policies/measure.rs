// SPDX-License-Identifier: GPL-2.0-only
//! The half of `bench policies` that runs in the guest.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use clap::ValueEnum;
use fastrand::Rng;
use labkit::charge::others::Others;
use labkit::charge::setting::Setting;
use labkit::charge::{Charge, InCharge, Programs};
use labkit::machine::Machine;
use labkit::sys;
use scx_meta::logging;
use scx_meta::policy::Policy;
use scx_meta::weights::PolicyList;

use super::load::{Conditions, Load};
use super::order;
use super::record::{Contender, Record};
use crate::cli::Out;

/// EEVDF in the order of its measurements.
pub(crate) const EEVDF: [&str; 2] = ["EEVDF", "EEVDF again"];

/// Least time between a change of scheduler and a load.
const SETTLE: Duration = Duration::from_millis(300);

/// Loads begin anywhere within some ticks: an identical run repeated would teach nothing.
const SHIFT: Duration = Duration::from_millis(13);

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The scheduler
    #[arg(long, value_name = "PATH")]
    pub(crate) scx_meta: PathBuf,

    /// Policies to measure [default: all]
    #[arg(long, value_name = "NAME,…")]
    pub(crate) policies: Option<PolicyList>,

    /// Other schedulers
    #[command(flatten)]
    pub(crate) outside: Others,

    /// Loads to run [default: all]
    #[arg(long, value_name = "NAME,…", value_enum, value_delimiter = ',')]
    pub(crate) loads: Vec<Load>,

    /// How often everything is measured
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) rounds: u32,

    /// Number of the first round
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) first_round: u32,

    /// Decides the order, and what is random in loads
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// What tables call the machine [default: by its CPUs]
    #[arg(long, value_name = "WORDS")]
    pub(crate) machine: Option<String>,
}

pub(crate) fn run(args: &Args, machine: &Machine, out: &mut Out) -> Result<()> {
    // Messages of libbpf and the scx library belong to stderr, and only warnings.
    logging::init(false);
    // Windows begin and end on time; what is started is ordinary again.
    sys::enter_real_time().context("SCHED_RR")?;
    let contenders = contenders(args)?;
    out.record(&Record::Plan {
        machine: machine_name(args, machine),
        contenders: contenders.clone(),
        seed: args.seed,
    })?;
    let loads = match args.loads.is_empty() {
        true => Load::value_variants(),
        false => &args.loads,
    };
    let mut rig = Rig {
        args,
        charge: Some(charge(args)?),
        on: Conditions::here(machine.cpus)?,
    };
    for round in args.first_round..args.first_round + args.rounds {
        let mut rng = order::rng(args.seed, round);
        let mut loads = loads.to_vec();
        rng.shuffle(&mut loads);
        let order = order::contenders(&contenders, &mut rng);
        for (place, &number) in (0..).zip(&order) {
            let begin = sys::monotonic();
            let cells = Cells {
                round,
                place,
                contender: &contenders[number],
                loads: &loads,
                seed: rng.clone(),
            };
            rig.measure(cells, out)?;
            let took = sys::monotonic() - begin;
            let label = &contenders[number].label;
            eprintln!(
                "policies: round {round}: {label} took {:.1} s",
                took.as_secs_f64()
            );
        }
    }
    Ok(())
}

fn machine_name(args: &Args, machine: &Machine) -> String {
    let named = args.machine.clone();
    named.unwrap_or_else(|| format!("{} CPUs", machine.cpus))
}

/// EEVDF twice, every policy, every other scheduler.
fn contenders(args: &Args) -> Result<Vec<Contender>> {
    let eevdf = EEVDF.map(|label| Contender {
        label: label.into(),
        setting: Setting::Eevdf,
    });
    let held = policies(args).into_iter().map(|policy| Contender {
        label: policy.name().into(),
        setting: Setting::Hold {
            policy: policy.name().into(),
        },
    });
    let outside = args.outside.settings()?.into_iter();
    let outside = outside.map(|(label, setting)| Contender { label, setting });
    Ok(eevdf.into_iter().chain(held).chain(outside).collect())
}

fn policies(args: &Args) -> Vec<Policy> {
    let named = args.policies.clone();
    named.unwrap_or_else(PolicyList::all).iter().collect()
}

fn charge(args: &Args) -> Result<Charge> {
    let programs = Programs {
        scx_meta: args.scx_meta.clone(),
        twins: None,
    };
    let names = policies(args).into_iter();
    let names: Vec<String> = names.map(|policy| policy.name().into()).collect();
    Charge::new(programs, &names)
}

struct Rig<'a> {
    args: &'a Args,
    /// None only while a failure is cleared away.
    charge: Option<Charge>,
    on: Conditions,
}

struct Cells<'a> {
    round: u32,
    place: u32,
    contender: &'a Contender,
    loads: &'a [Load],
    /// Each contender of the round begins with it.
    seed: Rng,
}

impl Rig<'_> {
    /// Every load under one scheduler. A failure is written down; one of the scheduler ends its round.
    fn measure(&mut self, cells: Cells, out: &mut Out) -> Result<()> {
        let under = &cells.contender.label;
        let mut rng = cells.seed;
        let failed = |load: Option<Load>, error: &anyhow::Error| {
            eprintln!("policies: {under} failed: {error:#}");
            Record::Failed {
                round: cells.round,
                under: under.clone(),
                load: load.map(Load::name),
                reason: format!("{error:#}"),
            }
        };
        if let Err(error) = self.put(&cells.contender.setting) {
            ensure!(!sys::interrupted(), "interrupted");
            out.record(&failed(None, &error))?;
            return self.clear();
        }
        for &load in cells.loads {
            self.on.seed = rng.u64(..);
            let shift = SHIFT.mul_f64(rng.f64());
            std::thread::sleep(shift);
            let begin = sys::monotonic();
            let measured = load.measure(&self.on);
            let took = sys::monotonic() - begin;
            ensure!(!sys::interrupted(), "interrupted");
            // A load may have failed because its scheduler was ejected.
            if let Err(error) = self.charge()?.check() {
                out.record(&failed(Some(load), &error))?;
                return self.clear();
            }
            out.record(&match measured {
                Ok(samples) => Record::Cell {
                    round: cells.round,
                    place: cells.place,
                    under: under.clone(),
                    load: load.name(),
                    took_ms: took.as_secs_f64() * 1e3,
                    samples,
                },
                Err(error) => failed(Some(load), &error),
            })?;
        }
        Ok(())
    }

    fn put(&mut self, setting: &Setting) -> Result<()> {
        let charge = self.charge()?;
        charge.put(setting)?;
        charge.settle(SETTLE).map(drop)
    }

    fn charge(&mut self) -> Result<&mut Charge> {
        self.charge.as_mut().context("nothing is in charge")
    }

    /// Whatever is left of a failed scheduler goes.
    fn clear(&mut self) -> Result<()> {
        self.charge = None;
        self.charge = Some(charge(self.args).context("after a failure")?);
        Ok(())
    }
}
