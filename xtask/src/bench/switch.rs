// SPDX-License-Identifier: GPL-2.0-only
//! What `bench switch` needs, and the machines it boots.

use std::ffi::OsString;
use std::time::Duration;

use anyhow::Result;

use super::boot::Boot;
use super::schedulers;
use super::schedulers::Scheduler;
use super::Programs;

/// Schedulers that are started and stopped as processes.
pub struct Tools {
    schedulers: Vec<Scheduler>,
}

/// Brings them here.
pub fn tools() -> Result<Tools> {
    Ok(Tools {
        schedulers: schedulers::installed()?,
    })
}

/// The machines.
pub fn boots(programs: &Programs, tools: &Tools, cpus: u32) -> Vec<Boot> {
    let mut argv: Vec<OsString> = vec!["--scx-meta".into(), programs.scx_meta.clone().into()];
    for Scheduler { name, path } in &tools.schedulers {
        argv.extend([
            "--scheduler".into(),
            format!("{name}={}", path.display()).into(),
        ]);
    }
    let others = tools.schedulers.iter().map(|other| other.path.clone());
    let files: Vec<_> = others.collect();
    vec![
        // Time as it passes: what a replacement and a flip cost, in one boot.
        Boot {
            label: format!("{cpus}cpus"),
            cpus,
            deterministic: false,
            files: files.clone(),
            argv: argv.clone(),
            timeout: Duration::from_secs(480),
        },
        // Disturbance: a probe's latency without the emulator's noise.
        Boot {
            label: format!("{cpus}cpus-reproducible"),
            cpus,
            deterministic: true,
            files,
            argv,
            timeout: Duration::from_secs(300),
        },
    ]
}
