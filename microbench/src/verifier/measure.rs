// SPDX-License-Identifier: GPL-2.0-only
//! The half that loads scx_meta and asks the kernel.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{ensure, Result};
use libbpf_rs::query::{ProgInfoIter, ProgInfoQueryOptions};
use scx_meta::policy::Policy;

use super::record::Record;
use crate::cli::Out;
use crate::scale::rig::Rig;

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The scheduler
    #[arg(long, value_name = "PATH")]
    pub(crate) scx_meta: PathBuf,
}

/// Loads it with all policies, then with each alone.
pub(crate) fn run(args: &Args, out: &mut Out) -> Result<()> {
    for only in [None].into_iter().chain(Policy::all().map(Some)) {
        for record in programs(&args.scx_meta, only)? {
            out.record(&record)?;
        }
    }
    Ok(())
}

/// Kernel ids of the programs there are, those of an earlier load that are not freed yet included.
fn loaded() -> BTreeSet<u32> {
    ProgInfoIter::default().map(|info| info.id).collect()
}

fn programs(scx_meta: &Path, only: Option<Policy>) -> Result<Vec<Record>> {
    let before = loaded();
    let rig = match only {
        None => Rig::start(scx_meta, &[])?,
        Some(policy) => {
            let weight = format!("{}=1", policy.name());
            let words = ["--policies", policy.name(), "--weights", &weight];
            Rig::start(scx_meta, &words)?
        }
    };
    let options = ProgInfoQueryOptions::default().include_jited_prog_insns(true);
    let records: Vec<Record> = ProgInfoIter::with_query_opts(options)
        .filter(|info| !before.contains(&info.id))
        .map(|info| Record::Program {
            only: only.map(|policy| policy.name().to_string()),
            name: info.name.to_string_lossy().into_owned(),
            verified: info.verified_insns,
            machine_code_bytes: info.jited_prog_insns.len(),
        })
        .collect();
    rig.stop()?;
    ensure!(!records.is_empty(), "scx_meta runs without a program");
    Ok(records)
}
