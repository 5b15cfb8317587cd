// SPDX-License-Identifier: GPL-2.0-only
//! `scx_metabench headroom`: from a profile, before anybody tunes: what turns, a policy for each
//! application, or a choice for each phase could gain over the best single scheduler at most. These are
//! bounds: nothing that is switched in this way does better, and what it costs to switch is not
//! in them.

mod gain;

use std::path::PathBuf;

use anyhow::Result;
use evidence::sample;
use evidence::table::{percent, Table};
use scx_meta::weights::PolicyList;
use strategy::profile::{Application, Figures, Profile};

use self::gain::{Gains, Ratios};

/// The kernel's own scheduler, which one may leave in charge.
const EEVDF: &str = "EEVDF";

/// Profiles as one might have measured them instead; any seed does, as long as it stays.
const DRAWS: usize = 400;
const SEED: u64 = 0x5c_ae_7b;

/// Half a 95 % interval, in standard errors.
const HALF: f64 = 1.96;

/// Less is not worth a switch, whatever it is worth.
const WORTH_IT: f64 = 0.01;

/// Options of `headroom`.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Args {
    /// What `profile` wrote
    #[arg(value_name = "PROFILE.toml")]
    profile: PathBuf,

    /// Only these policies [default: all]
    #[arg(long, value_name = "NAME,…")]
    policies: Option<PolicyList>,
}

/// Prints the bounds, and what is worth trying.
pub(crate) fn run(args: &Args) -> Result<()> {
    let policies = args.policies.clone().unwrap_or_else(PolicyList::all);
    let profile = Profile::read(&args.profile, &policies.names())?;
    println!("{}", text(&Headroom::of(&profile)));
    Ok(())
}

/// A gain over the best single scheduler, as a ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bound {
    estimate: f64,
    /// The gain of who chooses by a profile that was measured in another hour, on the one that we have:
    /// what is left when luck is taken away. The lowest that 95 % of such reach.
    sure: f64,
}

#[derive(Clone, Debug)]
struct Headroom {
    schedulers: Vec<String>,
    gains: Gains,
    turns: Bound,
    each: Bound,
    phases: Bound,
    /// None: the profile has no intervals.
    has_intervals: bool,
}

impl Headroom {
    fn of(profile: &Profile) -> Self {
        let applications = &profile.applications;
        let names = applications[0]
            .policies
            .iter()
            .map(|(name, _)| name.clone());
        let schedulers: Vec<String> = [EEVDF.to_owned()].into_iter().chain(names).collect();
        let measured: Vec<Vec<Measured>> = applications.iter().map(measured).collect();
        let ratios = |of: &dyn Fn(&Measured) -> f64| -> Ratios {
            measured
                .iter()
                .map(|row| row.iter().map(of).collect())
                .collect()
        };
        let here = ratios(&|of| of.ratio);
        let gains = Gains::of(&here);
        let mut random = fastrand::Rng::with_seed(SEED);
        let drawn = (0..DRAWS).map(|_| {
            let mut random = fastrand::Rng::with_seed(random.u64(..));
            let elsewhere: Ratios = measured
                .iter()
                .map(|row| row.iter().map(|of| of.drawn(&mut random)).collect())
                .collect();
            chosen_elsewhere(&elsewhere, &here, gains.best.1)
        });
        let drawn: Vec<[f64; 3]> = drawn.collect();
        let bound = |estimate: f64, which: usize| {
            let mut of: Vec<f64> = drawn.iter().map(|draw| draw[which]).collect();
            of.sort_unstable_by(f64::total_cmp);
            Bound {
                estimate,
                sure: of[DRAWS / 20],
            }
        };
        Self {
            turns: bound(gains.turns.0, 0),
            each: bound(gains.each, 1),
            phases: bound(gains.phases, 2),
            has_intervals: measured.iter().flatten().any(|of| of.error > 0.0),
            schedulers,
            gains,
        }
    }

    /// What is worth trying, best first.
    fn worth_it(&self) -> Vec<&'static str> {
        let ways = [
            (self.each, "a policy for each application"),
            (self.phases, "a choice for each phase (`scx_meta --auto`)"),
            (self.turns, "turns by weights"),
        ];
        let mut ways: Vec<_> = ways
            .into_iter()
            .filter(|(of, _)| of.sure > 1.0 + WORTH_IT)
            .collect();
        ways.sort_by(|a, b| b.0.sure.total_cmp(&a.0.sure));
        ways.into_iter().map(|(_, what)| what).collect()
    }
}

/// A throughput relative to EEVDF, and the error of its logarithm.
#[derive(Clone, Copy, Debug)]
struct Measured {
    ratio: f64,
    error: f64,
}

impl Measured {
    /// As another measurement might have come out.
    fn drawn(&self, random: &mut fastrand::Rng) -> f64 {
        self.ratio * (self.error * sample::normal(random)).exp()
    }
}

/// EEVDF first, then the policies.
fn measured(application: &Application) -> Vec<Measured> {
    let eevdf = Measured {
        ratio: 1.0,
        error: 0.0,
    };
    let policies = application.policies.iter().map(|(_, under)| Measured {
        ratio: application.throughput_ratio(under),
        error: error(application, under),
    });
    [eevdf].into_iter().chain(policies).collect()
}

/// From the interval of the ratio, or of both throughputs; 0 where there is none.
fn error(application: &Application, under: &Figures) -> f64 {
    let of = |ends: Option<(f64, f64)>| ends.map(|(low, high)| (high / low).ln() / 2.0 / HALF);
    let throughputs = || {
        let (own, eevdf) = (
            under.throughput_interval,
            application.eevdf.throughput_interval,
        );
        Some(of(own)?.hypot(of(eevdf).unwrap_or(0.0)))
    };
    of(under.throughput_ratio_interval)
        .or_else(throughputs)
        .unwrap_or(0.0)
}

/// What choices by one profile are worth by another one, against the best single scheduler there: turns,
/// each, phases.
fn chosen_elsewhere(elsewhere: &Ratios, here: &Ratios, best: f64) -> [f64; 3] {
    let chosen = Gains::of(elsewhere);
    let mixed = |of: &Vec<f64>| -> f64 {
        let shares = chosen.turns.1.iter();
        of.iter()
            .zip(shares)
            .map(|(ratio, share)| ratio * share)
            .sum()
    };
    let favourite = |row: usize| {
        let of = &elsewhere[row];
        let first = (0..of.len()).reduce(|a, b| if of[b] > of[a] { b } else { a });
        here[row][first.unwrap_or(0)]
    };
    let geometric = |values: Vec<f64>| {
        let count = values.len() as f64;
        (values.into_iter().map(f64::ln).sum::<f64>() / count).exp()
    };
    let each: Vec<f64> = (0..here.len()).map(favourite).collect();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let single = |s: usize| mean(&here.iter().map(|of| of[s]).collect::<Vec<_>>());
    let best_of_phases = (0..here[0].len()).map(single).fold(f64::MIN, f64::max);
    [
        geometric(here.iter().map(mixed).collect()) / best,
        geometric(each.clone()) / best,
        mean(&each) / best_of_phases,
    ]
}

fn text(headroom: &Headroom) -> String {
    let Headroom {
        schedulers, gains, ..
    } = headroom;
    let (best, worth) = gains.best;
    let gain = |ratio: f64| {
        format!(
            "{}{}",
            if ratio < 1.0 { "−" } else { "+" },
            percent((ratio - 1.0).abs())
        )
    };
    let mut table = Table::new(["over the best single scheduler", "at most", "sure"]);
    let mut row = |what: &str, of: Bound| {
        let sure = match headroom.has_intervals {
            true => gain(of.sure),
            false => "–".to_owned(),
        };
        table.row([what.to_owned(), gain(of.estimate), sure]);
    };
    row("turns by weights", headroom.turns);
    row("a policy for each application at once", headroom.each);
    row("a choice for each phase", headroom.phases);
    let shares = gains.turns.1.iter().zip(schedulers);
    let mut shares: Vec<_> = shares.filter(|(share, _)| **share >= 0.005).collect();
    shares.sort_by(|a, b| b.0.total_cmp(a.0));
    let shares = shares
        .iter()
        .map(|(share, name)| format!("{name} {:.0} %", 100.0 * *share));
    let shares = shares.collect::<Vec<_>>().join(", ");
    let verdict = match &headroom.worth_it()[..] {
        [] => format!(
            "None of it is worth trying: hold {}, and save the effort.",
            schedulers[best]
        ),
        ways => format!("Worth trying: {}.", ways.join("; ")),
    };
    format!(
        "The best single scheduler is {} ({} against EEVDF, geometric mean of the applications).\n\n\
         {table}\n\n\
         The best turns: {shares}. \"Sure\" is what 95 % of those keep who choose by another measurement \
         like this one.\nBounds: what switching costs, and how applications get in each other's way, is \
         not in them.\n\n{verdict}",
        schedulers[best],
        gain(worth),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headroom(ratios: [[f64; 2]; 2], error: f64) -> Headroom {
        let application = |name: &str, of: [f64; 2]| {
            let policy = |(policy, ratio): (&str, f64)| {
                let figures = Figures {
                    throughput_ratio: Some(ratio),
                    throughput_ratio_interval: Some((
                        ratio * (-HALF * error).exp(),
                        ratio * (HALF * error).exp(),
                    )),
                    ..Figures::of_throughput(ratio, std::num::NonZeroU32::MIN)
                };
                (policy.to_owned(), figures)
            };
            Application {
                name: name.into(),
                throughput_unit: "runs/s".into(),
                latency_quantile: None,
                concurrency: std::num::NonZeroU32::MIN,
                eevdf: Figures::of_throughput(1.0, std::num::NonZeroU32::MIN),
                policies: ["fifo", "vtime"].into_iter().zip(of).map(policy).collect(),
            }
        };
        Headroom::of(&Profile {
            partial: false,
            provenance: None,
            applications: vec![application("a", ratios[0]), application("b", ratios[1])],
            whole: None,
        })
    }

    #[test]
    fn what_is_large_and_sure_is_worth_trying() {
        let headroom = headroom([[1.4, 0.8], [0.8, 1.4]], 0.01);
        let text = text(&headroom);
        assert!(
            text.contains("Worth trying: a policy for each application"),
            "{text}"
        );
        assert!(text.contains("turns by weights"), "{text}");
        assert!(text.contains("fifo 50 %"), "{text}");
    }

    #[test]
    fn what_noise_alone_would_show_is_not() {
        let headroom = headroom([[1.03, 0.99], [0.98, 1.02]], 0.03);
        assert!(headroom.each.estimate > 1.01, "{headroom:?}");
        assert!(headroom.each.sure < 1.01, "{headroom:?}");
        let text = text(&headroom);
        assert!(text.contains("None of it is worth trying: hold "), "{text}");
    }
}
