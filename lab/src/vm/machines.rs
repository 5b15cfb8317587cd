// SPDX-License-Identifier: GPL-2.0-only
//! The machines of the tests, as `tests/machines.toml` describes them.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{ensure, Context, Result};
use labkit::clock::Clock;
use serde::Deserialize;

use super::warm::Spec;
use super::{Hardware, Memory, Topology};
use crate::{kernel, paths};

pub const FILE: &str = "tests/machines.toml";

/// A machine as the file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    clock: Clock,
    kernel: Option<String>,
    cpus: Option<u32>,
    topology: Option<Topology>,
    maxcpus: Option<u32>,
    offline: Option<String>,
    memory: Option<Memory>,
    #[serde(default)]
    append: String,
}

pub fn all() -> Result<BTreeMap<String, Spec>> {
    let path = paths::repo().join(FILE);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {FILE}"))?;
    parse(&text).with_context(|| FILE.to_string())
}

fn parse(text: &str) -> Result<BTreeMap<String, Spec>> {
    let rows: BTreeMap<String, Row> = toml::from_str(text)?;
    rows.into_iter()
        .map(|(name, row)| {
            let spec = row.spec().with_context(|| name.clone())?;
            Ok((name, spec))
        })
        .collect()
}

impl Row {
    fn spec(self) -> Result<Spec> {
        ensure!(
            self.cpus.is_some() != self.topology.is_some(),
            "expected cpus or topology, and not both"
        );
        let flat = self.cpus.map(Topology::flat);
        let hardware = Hardware {
            topology: self.topology.or(flat).unwrap_or(Topology::flat(1)),
            maxcpus: self.maxcpus,
            offline: self.offline,
            memory: self.memory.unwrap_or_default(),
            append: self.append,
        };
        hardware.check()?;
        Ok(Spec {
            kernel: self.kernel.unwrap_or_else(|| kernel::DEFAULT.to_string()),
            clock: self.clock,
            hardware,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_file_is_right() {
        assert!(all().unwrap().contains_key("two"));
    }

    #[test]
    fn every_group_of_tests_is_a_machine() {
        let path = paths::repo().join(".config/nextest.toml");
        let config: toml::Table = fs::read_to_string(path).unwrap().parse().unwrap();
        let groups = config["test-groups"].as_table().unwrap();
        let machines = all().unwrap();
        // Its tests boot machines of their own.
        for group in groups.keys().filter(|group| *group != "clock") {
            assert!(machines.contains_key(group), "{group}");
        }
    }

    #[test]
    fn a_wrong_machine_is_named() {
        for (text, why) in [
            ("[a]\nclock = \"host\"", "expected cpus or topology"),
            ("[a]\nclock = \"x\"\ncpus = 2", "`x`"),
            ("[a]\nclock = \"host\"\ncpu = 2", "cpu"),
            ("[a]\nclock = \"host\"\ncpus = 2\nmaxcpus = 1", "maxcpus=1"),
            ("[a]\nclock = \"host\"\ntopology = \"cores\"", "`cores`"),
        ] {
            let error = format!("{:#}", parse(text).err().unwrap());
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
