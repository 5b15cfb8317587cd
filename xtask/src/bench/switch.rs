// SPDX-License-Identifier: GPL-2.0-only
//! What `bench switch` needs, and the machines it boots.

use std::ffi::OsString;
use std::time::Duration;

use anyhow::Result;

use super::boot::Boot;
use super::schedulers::Scheduler;
use super::{schedulers, Programs};

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
            "--other".into(),
            format!("{name}={}", path.display()).into(),
        ]);
    }
    let others = tools.schedulers.iter().map(|other| other.path.clone());
    let files: Vec<_> = others.collect();
    let parts = |parts: &[&str]| -> Vec<OsString> {
        let parts = parts.iter().flat_map(|part| ["--part", part]);
        argv.iter().cloned().chain(parts.map(Into::into)).collect()
    };
    vec![
        // What a replacement and a flip cost, in one boot.
        Boot {
            label: format!("{cpus}cpus"),
            cpus,
            files: files.clone(),
            argv: parts(&["replacement", "flip"]),
            timeout: Duration::from_secs(840),
        },
        // Disturbance: a probe's latency.
        Boot {
            label: format!("{cpus}cpus-probe"),
            cpus,
            files,
            argv: parts(&["disturbance"]),
            timeout: Duration::from_secs(600),
        },
    ]
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn costs_are_of_one_boot_and_the_probe_of_another() {
        let programs = Programs {
            scx_meta: PathBuf::from("meta"),
            bench: PathBuf::from("bench"),
        };
        let tools = Tools {
            schedulers: vec![Scheduler {
                name: "scx_rusty 1".to_string(),
                path: PathBuf::from("rusty"),
            }],
        };
        let boots = boots(&programs, &tools, 2);
        let words = |boot: &Boot| {
            let words: Vec<_> = boot
                .argv
                .iter()
                .map(|word| word.to_string_lossy())
                .collect();
            words.join(" ")
        };
        let common = "--scx-meta meta --other scx_rusty 1=rusty --part";
        assert_eq!(
            words(&boots[0]),
            format!("{common} replacement --part flip")
        );
        assert_eq!(words(&boots[1]), format!("{common} disturbance"));
    }
}
