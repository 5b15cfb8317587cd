// SPDX-License-Identifier: GPL-2.0-only
//! Measures callbacks: in each round every scheduler of every policy gets the same mix, one after
//! another, and the kernel's own statistics say what its callbacks took.

use anyhow::Result;
use labkit::sys;

use super::contender::{Contender, Programs};
use super::mix::{Amounts, PHASES};
use super::record::{Mix, Record};
use super::windows::Sampler;
use crate::cli::Out;
use crate::progs::Statistics;

/// For every policy.
pub(super) const MAIN: [Contender; 3] = [Contender::Multi, Contender::Single, Contender::Stock];

/// Beside it, for one policy.
pub(super) const BESIDE: [Contender; 4] = [
    Contender::Alone,
    Contender::NoStats,
    Contender::Drain,
    Contender::Visited,
];

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Options {
    /// Callbacks: rounds
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) callback_rounds: u32,

    /// Callbacks: also without the others, without counters, with adopt, and after all others
    /// were in charge, under this policy
    #[arg(long, value_name = "POLICY", default_value = "fifo")]
    pub(crate) beside: String,

    #[command(flatten)]
    pub(crate) amounts: Amounts,
}

pub(crate) fn method(options: &Options) -> String {
    format!(
        "Callbacks: the kernel's BPF run statistics, read every millisecond; the mean of the \
         middle half of all calls, with what two clock readings take; the same mix for \
         everybody ({}), all schedulers in turn in each round, in one boot.",
        options.amounts.describe()
    )
}

pub(crate) fn measure(options: &Options, programs: &Programs, out: &mut Out) -> Result<()> {
    let _statistics = Statistics::enable()?;
    for round in 0..options.callback_rounds as usize {
        for policy in programs.policies() {
            for contender in contenders(policy, &options.beside) {
                programs.in_charge(contender, policy, || {
                    mix(&options.amounts, policy, contender, round, out)
                })?;
            }
        }
    }
    Ok(())
}

fn contenders(policy: &str, beside: &str) -> Vec<Contender> {
    let mut contenders = MAIN.to_vec();
    if policy == beside {
        contenders.extend(BESIDE);
    }
    contenders
}

fn mix(
    amounts: &Amounts,
    policy: &str,
    contender: Contender,
    round: usize,
    out: &mut Out,
) -> Result<()> {
    for phase in PHASES {
        let (sampler, start) = (Sampler::start()?, sys::monotonic());
        amounts.run(phase)?;
        let end = sys::monotonic();
        out.record(&Record::Callbacks(Mix {
            policy: policy.into(),
            contender,
            round,
            phase,
            seconds: (end - start).as_secs_f64(),
            windows: sampler.finish()?,
        }))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_policy_is_looked_at_more_closely() {
        assert_eq!(contenders("vtime", "fifo"), MAIN);
        let fifo = contenders("fifo", "fifo");
        assert_eq!(fifo.len(), MAIN.len() + BESIDE.len());
        assert!(fifo.starts_with(&MAIN));
    }
}
