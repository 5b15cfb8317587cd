// SPDX-License-Identifier: GPL-2.0-only
//! Options that trials have in common.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{bail, ensure, Context, Result};
use clap::Args;
use labkit::charge::setting::Setting;
use labkit::process;
use scx_meta::policy::Policy;
use scx_meta::weights;
use scx_meta::weights::PolicyList;
use strategy::profile::Profile;
use strategy::Prefer;

use super::files::Destination;
use crate::record::{Role, Row};
use crate::workload::Workload;

/// The row of all policies in rotation.
pub(crate) const ROTATION: &str = "equal rotation";

const SCX_META: &str = "scx_meta";

const STDOUT: &str = "-";

/// Seeds by chance are below this: people may have to type them.
const SEEDS: u64 = 1_000_000;

/// How to measure, whatever is measured.
#[derive(Args, Clone, Debug)]
pub(crate) struct Common {
    /// Policies to measure [default: all]
    #[arg(long, value_name = "NAME,…")]
    pub(crate) policies: Option<PolicyList>,

    /// Whatever is measured, and whichever schedulers
    #[command(flatten)]
    pub(crate) run: Run,
}

/// Of each command that measures.
#[derive(Args, Clone, Debug)]
pub(crate) struct Run {
    /// Decides the order of rows, and where in a rotation a load begins [default: by chance;
    /// the raw data names it]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,

    /// The loader [default: the one beside scx_metabench, else the one on PATH]
    #[arg(long, value_name = "PATH")]
    pub(crate) scx_meta: Option<PathBuf>,

    /// Where raw data go; `-` is standard output, and nothing else is written then
    #[arg(long, value_name = "FILE", conflicts_with = "from")]
    pub(crate) raw: Option<PathBuf>,

    /// Measure nothing: make the figures again, from the raw data of one or several boots
    #[arg(long, value_name = "RAW", num_args = 1..)]
    pub(crate) from: Vec<PathBuf>,
}

/// Options of a trial of a workload.
#[derive(Args, Clone, Debug)]
pub(crate) struct TrialArgs {
    /// What to measure
    #[arg(value_name = "WORKLOAD.toml", required_unless_present = "from")]
    pub(crate) workload: Option<PathBuf>,

    /// Fills in a placeholder of the workload (repeatable)
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub(crate) set: Vec<(String, String)>,

    /// Super-blocks of each subject, that is measurements of each row; 8 and more are worth
    /// something
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: u32,

    /// Folder for what is written
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) out: PathBuf,

    /// How to measure
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Options of a trial that goes by what `profile` came to.
#[derive(Args, Clone, Debug)]
pub(crate) struct ProfileArgs {
    /// What `profile` wrote of this workload
    #[arg(long, value_name = "PROFILE.toml", required_unless_present = "from")]
    profile: Option<PathBuf>,

    /// What makes a policy an application's preferred one
    #[arg(long, value_enum, default_value_t = Prefer::Throughput)]
    pub(crate) prefer: Prefer,
}

impl Common {
    /// A row for each policy: in the order of the table, or as they were given.
    pub(crate) fn held(&self) -> Vec<Row> {
        let policies = self.policy_list();
        policies.iter().map(|p| Row::held(p.name())).collect()
    }

    /// The policies in turns of the same length; none if there is only one.
    pub(crate) fn rotation(&self, period: Duration) -> Result<Option<Row>> {
        let policies = self.turning();
        let turns = policies.len() as u32;
        if turns < 2 {
            return Ok(None);
        }
        let period_us = weights::period_us(period).context("--period")?;
        Ok(Some(Row {
            label: ROTATION.into(),
            setting: Setting::Rotate {
                weights: policies.iter().map(|p| (p.name().into(), 1)).collect(),
                // --base-slice can say whole microseconds for each.
                period_us: period_us / turns * turns,
            },
            role: Role::EqualRotation,
        }))
    }

    /// Those that were named; if none were, those of `scx_meta --rotate all`.
    fn turning(&self) -> Vec<Policy> {
        if let Some(named) = &self.policies {
            return named.iter().collect();
        }
        let weights = PolicyList::all().equal_weights();
        let turns = |policy: &Policy| weights.get(*policy) > 0;
        Policy::all().filter(turns).collect()
    }

    /// The policies, as the loader takes them.
    pub(crate) fn policy_list(&self) -> PolicyList {
        self.policies.clone().unwrap_or_else(PolicyList::all)
    }
}

impl Run {
    pub(crate) fn seed(&self) -> u64 {
        self.seed.unwrap_or_else(|| fastrand::u64(..SEEDS))
    }

    /// Of raw data; `otherwise` if nobody says.
    pub(crate) fn destination(&self, otherwise: &Destination) -> Destination {
        match &self.raw {
            _ if self.raw_to_stdout() => Destination::Stdout,
            Some(path) => Destination::File(path.clone()),
            None => otherwise.clone(),
        }
    }

    /// Raw data go to standard output, and nothing else is written.
    pub(crate) fn raw_to_stdout(&self) -> bool {
        self.raw.as_deref() == Some(Path::new(STDOUT))
    }

    pub(crate) fn loader(&self) -> Result<PathBuf> {
        if let Some(path) = &self.scx_meta {
            ensure!(
                path.is_file(),
                "--scx-meta {}: there is no such file",
                path.display()
            );
            return Ok(path.clone());
        }
        let own = env::current_exe().context("cannot tell where scx_metabench is")?;
        let beside = own.with_file_name(SCX_META);
        if beside.is_file() {
            return Ok(beside);
        }
        process::find_tool(SCX_META).with_context(|| {
            format!(
                "there is neither {} nor a {SCX_META} on PATH; say --scx-meta PATH",
                beside.display()
            )
        })
    }
}

impl ProfileArgs {
    pub(crate) fn read(&self, policies: &PolicyList) -> Result<Profile> {
        let path = self.profile.as_deref().context("--profile is missing")?;
        Profile::read(path, &policies.names())
    }
}

impl TrialArgs {
    pub(crate) fn read(&self) -> Result<Workload> {
        let path = self
            .workload
            .as_deref()
            .context("WORKLOAD.toml is missing")?;
        Workload::read(path, &self.set)
    }
}

pub(crate) fn name_and_value(text: &str) -> Result<(String, String)> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => bail!("`{text}` is not NAME=VALUE"),
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::trial::fake::typed;

    fn parse(words: &str) -> Result<TrialArgs> {
        let words = format!("x {words}");
        Ok(typed(words.split_whitespace())?)
    }

    #[test]
    fn a_workload_is_needed_unless_raw_data_are() {
        let args = parse("w.toml --set a=1 --set b=x=y --rounds 3").unwrap();
        assert_eq!(args.workload.unwrap(), Path::new("w.toml"));
        assert_eq!(
            args.set,
            [("a", "1"), ("b", "x=y")].map(|(n, v)| (n.into(), v.into()))
        );
        assert_eq!((args.rounds, args.out), (3, ".".into()));
        assert_eq!(parse("--from a b").unwrap().common.run.from.len(), 2);
        for bad in [
            "",
            "w --rounds 0",
            "w --set =1",
            "w --from a --raw b",
            "w --policies fifty",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn all_policies_are_measured_unless_some_are_named() {
        let held = |words: &str| {
            let rows = parse(words).unwrap().common.held().into_iter();
            rows.map(|row| row.label).collect::<Vec<_>>()
        };
        let all = held("w");
        assert!(all.iter().eq(Policy::all().map(Policy::name)));
        let last = &all[all.len() - 1];
        assert_eq!(
            held(&format!("w --policies {last},{}", all[0])),
            [last.clone(), all[0].clone()]
        );
    }

    #[test]
    fn a_dash_is_standard_output() {
        assert!(parse("w --raw -").unwrap().common.run.raw_to_stdout());
        assert!(!parse("w --raw ./-").unwrap().common.run.raw_to_stdout());
    }

    #[test]
    fn a_loader_that_is_not_there_is_refused_by_its_option() {
        let args = parse("w --scx-meta /no/such/file").unwrap();
        let error = args.common.run.loader().unwrap_err().to_string();
        assert_eq!(error, "--scx-meta /no/such/file: there is no such file");
    }
}
