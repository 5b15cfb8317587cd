// SPDX-License-Identifier: GPL-2.0-only
//! What `bench scale` needs, and the machines it boots.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use super::boot::Boot;
use super::{variants, Programs};

/// Each machine compares pairs of policies, with more and more CPUs.
const EVERYWHERE: [&str; 1] = ["pairs"];
/// On two.
const ON_TWO: [&str; 6] = ["policies", "tasks", "turns", "owners", "busy", "period"];

/// On two more, so that both run side by side.
const ON_TWO_MORE: [&str; 2] = ["after", "replacement"];

/// What the throughput of rotations is compared with.
pub struct Tools {
    /// scx_meta whose vtime is fifo.
    identical: PathBuf,
}

/// Brings it here.
pub fn tools() -> Result<Tools> {
    Ok(Tools {
        identical: variants::identical(&variants::multi()?)?,
    })
}

/// The machines: 1, 2, 4 … CPUs below `most`, and `most`; and a second of two.
pub fn boots(programs: &Programs, tools: &Tools, most: u32) -> Vec<Boot> {
    let doubling = (0..).map(|power| 1 << power);
    let below = doubling.take_while(|cpus| *cpus < most);
    let mut boots: Vec<Boot> = below
        .chain([most])
        .map(|cpus| boot(programs, tools, cpus))
        .collect();
    boots.push(Boot {
        label: "2cpus-more".to_string(),
        argv: argv(programs, &ON_TWO_MORE),
        ..boot(programs, tools, 2)
    });
    boots
}

fn argv(programs: &Programs, parts: &[&str]) -> Vec<OsString> {
    let mut argv: Vec<OsString> = vec!["--scx-meta".into(), programs.scx_meta.clone().into()];
    for part in parts {
        argv.extend(["--part".into(), part.into()]);
    }
    argv
}

fn boot(programs: &Programs, tools: &Tools, cpus: u32) -> Boot {
    let more: &[&str] = if cpus == 2 { &ON_TWO } else { &[] };
    let parts: Vec<&str> = EVERYWHERE.iter().chain(more).copied().collect();
    let mut argv = argv(programs, &parts);
    if cpus == 2 {
        argv.extend(["--identical".into(), tools.identical.clone().into()]);
    }
    Boot {
        label: format!("{cpus}cpus"),
        cpus,
        files: Vec::new(),
        argv,
        timeout: Duration::from_secs(if cpus == 2 { 1800 } else { 900 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boots(most: u32) -> Vec<Boot> {
        let file = |name: &str| PathBuf::from(name);
        let programs = Programs {
            scx_meta: file("a"),
            bench: file("b"),
        };
        let tools = Tools {
            identical: file("c"),
        };
        super::boots(&programs, &tools, most)
    }

    #[test]
    fn machines_double_up_to_the_largest() {
        let cpus = |most| {
            let boots = boots(most);
            boots.iter().map(|boot| boot.cpus).collect::<Vec<_>>()
        };
        assert_eq!(cpus(8), [1, 2, 4, 8, 2]);
        assert_eq!(cpus(2), [1, 2, 2]);
        assert_eq!(cpus(6), [1, 2, 4, 6, 2]);
    }

    #[test]
    fn every_part_is_measured_somewhere() {
        let boots = boots(8);
        let words: Vec<_> = boots.iter().flat_map(|boot| &boot.argv).collect();
        for part in EVERYWHERE.iter().chain(&ON_TWO).chain(&ON_TWO_MORE) {
            assert!(words.iter().any(|word| *word == part), "{part}");
        }
    }
}
