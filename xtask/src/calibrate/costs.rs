// SPDX-License-Identifier: GPL-2.0-only
//! The numbers of the `calibrated` cost model: xtask/vclock/calibrated.toml.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use anyhow::Result;
use labkit::clock::Costs as Model;

use crate::paths;

const FILE: &str = "xtask/vclock/calibrated.toml";

/// Each parameter's value. The plugin knows which there must be, and their bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Costs(BTreeMap<String, f64>);

impl Costs {
    /// Reads the file.
    pub fn read() -> Result<Self> {
        let path = path();
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is damaged", path.display()))
    }

    /// For the plugin's line.
    pub fn options(&self) -> String {
        let model = Model::Calibrated.name();
        let option = |(name, value)| format!(",{model}.{name}={value}");
        self.0.iter().map(option).collect()
    }

    fn parse(text: &str) -> Result<Self> {
        Ok(Self(toml::from_str(text)?))
    }
}

fn path() -> PathBuf {
    paths::repo().join(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plugin_gets_each_number_under_its_model() {
        let costs = Costs::parse("wake_ns = 25000.0\nplain_ns = 0.125\n").unwrap();
        assert_eq!(
            costs.options(),
            ",calibrated.plain_ns=0.125,calibrated.wake_ns=25000"
        );
    }

    #[test]
    fn the_file_has_each_parameter_that_the_plugin_asks_for() {
        let header = paths::repo().join("xtask/vclock/parameters.h");
        let header = fs::read_to_string(header).unwrap();
        let asked: Vec<_> = header
            .lines()
            .filter_map(|line| line.trim().strip_prefix("PARAMETER("))
            .filter_map(|rest| rest.split(',').next())
            .collect();
        assert!(asked.len() > 30, "{asked:?}");
        let costs = Costs::read().unwrap();
        let there: Vec<_> = costs.0.keys().map(String::as_str).collect();
        let mut sorted = asked;
        sorted.sort_unstable();
        assert_eq!(there, sorted);
    }
}
