// SPDX-License-Identifier: GPL-2.0-only
//! What `bench scale` needs, and the machines it boots.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use labkit::clock::Clock;

use super::boot::Boot;
use super::variants;
use super::Programs;

/// Each machine compares pairs of policies, with more and more CPUs.
const EVERYWHERE: [&str; 1] = ["pairs"];
/// On one CPU: with more of them, which take turns on the reproducible clock,
/// an interrupt would seem to last while another CPU runs.
const ON_ONE: [&str; 1] = ["after"];
/// On two.
const ON_TWO: [&str; 6] = ["policies", "tasks", "turns", "owners", "busy", "period"];

/// On two, as time passes: to start a process takes twice as long where CPUs
/// take turns.
const IN_PARALLEL: [&str; 1] = ["replacement"];

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

/// The machines: 1, 2, 4 … CPUs below `most`, and `most`. More CPUs than cores
/// distort what runs in parallel, so that time counts instructions in these;
/// one more is parallel.
pub fn boots(programs: &Programs, tools: &Tools, most: u32) -> Vec<Boot> {
    let doubling = (0..).map(|power| 1 << power);
    let below = doubling.take_while(|cpus| *cpus < most);
    let mut boots: Vec<Boot> = below
        .chain([most])
        .map(|cpus| boot(programs, tools, cpus))
        .collect();
    let mut parallel = boot(programs, tools, PARALLEL_CPUS);
    parallel.label = format!("{PARALLEL_CPUS}cpus-parallel");
    parallel.clock = Clock::Host;
    parallel.argv = argv(programs, &IN_PARALLEL);
    boots.push(parallel);
    boots
}

/// No more than any machine has cores: others would distort it.
const PARALLEL_CPUS: u32 = 2;

fn argv(programs: &Programs, parts: &[&str]) -> Vec<OsString> {
    let mut argv: Vec<OsString> = vec!["--scx-meta".into(), programs.scx_meta.clone().into()];
    for part in parts {
        argv.extend(["--part".into(), part.into()]);
    }
    argv
}

fn boot(programs: &Programs, tools: &Tools, cpus: u32) -> Boot {
    let more: &[&str] = match cpus {
        1 => &ON_ONE,
        2 => &ON_TWO,
        _ => &[],
    };
    let parts: Vec<&str> = EVERYWHERE.iter().chain(more).copied().collect();
    let mut argv = argv(programs, &parts);
    if cpus == 2 {
        argv.extend(["--identical".into(), tools.identical.clone().into()]);
    }
    Boot {
        label: format!("{cpus}cpus"),
        cpus,
        clock: Clock::Serial,
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
            metabench: file("b"),
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
        assert_eq!(cpus(8), [1, 2, 4, 8, PARALLEL_CPUS]);
        assert_eq!(cpus(2), [1, 2, PARALLEL_CPUS]);
        assert_eq!(cpus(6), [1, 2, 4, 6, PARALLEL_CPUS]);
    }

    #[test]
    fn every_part_is_measured_somewhere() {
        let boots = boots(8);
        let words: Vec<_> = boots.iter().flat_map(|boot| &boot.argv).collect();
        let parts = EVERYWHERE.iter().chain(&ON_ONE).chain(&ON_TWO);
        for part in parts.chain(&IN_PARALLEL) {
            assert!(words.iter().any(|word| *word == part), "{part}");
        }
    }
}
