// SPDX-License-Identifier: GPL-2.0-only
//! Rows of n applications at once: each policy held, and the strategies.

use anyhow::{ensure, Context, Result};
use strategy::profile::Application as Profiled;

use super::Args;
use crate::pipeline::grid::{Grid, Mechanism};
use crate::record::Row;
use crate::workload::{Application, Workload};

/// The first `count` applications as one, all under load at the same time.
pub(crate) fn together(workload: &Workload, count: usize) -> Result<Application> {
    let available = workload.applications.len();
    ensure!(
        (1..=available).contains(&count),
        "--applications {count}: {} has {available}",
        workload.name
    );
    let parts: Vec<&Application> = workload.applications.iter().take(count).collect();
    let name = match count {
        1 => "1 application".to_string(),
        count => format!("{count} applications"),
    };
    Ok(Application::together(name, &parts))
}

/// Each policy held, and the strategies for the applications that run; with what a person should
/// know.
pub(crate) fn rows(args: &Args, workload: &Workload) -> Result<(Vec<Row>, Vec<String>)> {
    let common = &args.trial.common;
    let policies = common.policy_list();
    let profile = args.profile.read(&policies)?;
    let parts = workload.applications.iter().take(args.applications);
    let profiled = |part: &Application| -> Result<Profiled> {
        let mut profiled = profile.applications.iter();
        let found = profiled.find(|app| app.name == part.name);
        let found = found.with_context(|| format!("--profile: there is no {}", part.name))?;
        Ok(found.clone())
    };
    let applications: Vec<_> = parts.map(profiled).collect::<Result<_>>()?;
    let mut rows = common.held();
    let grid = Grid {
        applications: &applications,
        policies: &policies,
        strategies: &args.strategies,
        base_slices: &[args.base_slice],
        prefer: args.profile.prefer,
        mechanism: Mechanism::Flip,
        named: None,
    };
    let notes = grid.add_to(&mut rows)?;
    Ok((rows, notes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mix() -> Workload {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../workloads/mix/workload.toml"
        );
        Workload::read(file.as_ref(), &[]).unwrap()
    }

    #[test]
    fn the_first_n_run_at_once() {
        let mix = mix();
        for (count, name) in [(1, "1 application"), (3, "3 applications")] {
            let together = together(&mix, count).unwrap();
            assert_eq!(together.name, name);
            let loads = together.loads.iter().map(|load| &load.name);
            assert!(loads.eq(mix.applications[..count].iter().map(|part| &part.name)));
        }
    }

    #[test]
    fn there_cannot_be_more_than_the_workload_has() {
        let mix = mix();
        for count in [0, mix.applications.len() + 1] {
            let error = together(&mix, count).unwrap_err().to_string();
            assert_eq!(error, format!("--applications {count}: mix has 8"));
        }
    }
}
