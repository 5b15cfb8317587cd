// SPDX-License-Identifier: GPL-2.0-only
//! What n applications at once are measured under: each policy held, and the strategies.

use anyhow::ensure;
use anyhow::Context;
use anyhow::Result;
use scx_meta::profile::Application as Profiled;
use scx_meta::profile::Profile;
use scx_meta::weights::PolicyList;

use super::Args;
use crate::trial::record::Row;
use crate::tune::rows::singles;
use crate::tune::rows::Grid;
use crate::tune::rows::Mechanism;
use crate::workload::Application;
use crate::workload::Workload;

/// The first `count` applications as one, all under load at the same time.
pub fn together(workload: &Workload, count: usize) -> Result<Application> {
    let available = workload.applications.len();
    ensure!(
        (1..=available).contains(&count),
        "--applications {count}: {} has {available}",
        workload.name
    );
    let parts = &workload.applications[..count];
    let first = &parts[0];
    let mut services: Vec<String> = Vec::new();
    for service in parts.iter().flat_map(|part| &part.services) {
        if !services.contains(service) {
            services.push(service.clone());
        }
    }
    Ok(Application {
        name: match count {
            1 => "1 application".into(),
            count => format!("{count} applications"),
        },
        services,
        concurrency: parts.iter().map(|part| part.concurrency).sum(),
        unit: match count {
            1 => first.unit.clone(),
            _ => "geometric mean of operations/s".into(),
        },
        window: parts
            .iter()
            .map(|part| part.window)
            .max()
            .unwrap_or(first.window),
        warm_up: parts
            .iter()
            .map(|part| part.warm_up)
            .max()
            .unwrap_or(first.warm_up),
        closed_loop: parts.iter().any(|part| part.closed_loop),
        loads: parts.iter().flat_map(|part| part.loads.clone()).collect(),
    })
}

/// Each policy held, and the strategies for the applications that run; with what a person should
/// know.
pub fn rows(
    args: &Args,
    workload: &Workload,
    profile: &Profile,
    policies: &PolicyList,
) -> Result<(Vec<Row>, Vec<String>)> {
    let parts = workload.applications.iter().take(args.applications);
    let profiled = |part: &Application| -> Result<Profiled> {
        let found = profile
            .applications
            .iter()
            .find(|app| app.name == part.name);
        let found = found.with_context(|| format!("--profile: there is no {}", part.name))?;
        Ok(found.clone())
    };
    let applications: Vec<_> = parts.map(profiled).collect::<Result<_>>()?;
    let mut rows = singles(policies);
    let grid = Grid {
        applications: &applications,
        policies,
        strategies: &args.strategies,
        base_slices: &[args.base_slice],
        prefer: args.prefer,
        mechanism: Mechanism::Flip,
        named: None,
    };
    let notes = grid.add_to(&mut rows)?;
    Ok((rows, notes))
}
