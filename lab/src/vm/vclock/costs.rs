// SPDX-License-Identifier: GPL-2.0-only
//! The numbers of the `calibrated` cost model: lab/vclock/calibrated.toml.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use labkit::clock::Costs as Model;

use crate::paths;

const FILE: &str = "lab/vclock/calibrated.toml";

const HEAD: &str = "\
# Costs of the parallel clock's `calibrated` model: parameters.h says what each is. Fitted to one
# machine by `cargo xtask calibrate`, which writes this file again: docs/lab-calibration.md.

";

/// Each parameter's value. The plugin knows which there must be, and their bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Costs(BTreeMap<String, f64>);

impl Costs {
    pub fn read() -> Result<Self> {
        let path = path();
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is damaged", path.display()))
    }

    pub fn write(&self) -> Result<()> {
        let path = path();
        fs::write(&path, self.text()).with_context(|| format!("cannot write {}", path.display()))
    }

    /// For the plugin's line.
    pub fn options(&self) -> String {
        let model = Model::Calibrated.name();
        let option = |(name, value)| format!(",{model}.{name}={value}");
        self.0.iter().map(option).collect()
    }

    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// Changes one of them, to three digits: no more of it can be measured.
    pub fn set(&mut self, name: &str, value: f64) {
        let digits = 2 - value.abs().max(1e-9).log10().floor() as i32;
        let step = 10f64.powi(-digits);
        let rounded = (value / step).round() * step;
        // Without what the last multiplication left far behind the point.
        let rounded = format!("{rounded:.*}", digits.max(0) as usize);
        self.0
            .insert(name.to_string(), rounded.parse().unwrap_or(value));
    }

    fn parse(text: &str) -> Result<Self> {
        Ok(Self(toml::from_str(text)?))
    }

    fn text(&self) -> String {
        let line = |(name, value)| format!("{name} = {value:?}\n");
        let lines: String = self.0.iter().map(line).collect();
        format!("{HEAD}{lines}")
    }
}

fn path() -> PathBuf {
    paths::repo().join(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_the_same() {
        let mut costs = Costs::parse("wake_ns = 25000.0\nplain_ns = 0.125\n").unwrap();
        costs.set("wake_ns", 31_416.0);
        costs.set("plain_ns", 0.123_456);
        assert_eq!(costs.get("wake_ns"), Some(31_400.0));
        assert_eq!(costs.get("plain_ns"), Some(0.123));
        assert_eq!(Costs::parse(&costs.text()).unwrap(), costs);
        assert_eq!(
            costs.options(),
            ",calibrated.plain_ns=0.123,calibrated.wake_ns=31400"
        );
    }

    #[test]
    fn the_file_has_each_parameter_that_the_plugin_asks_for() {
        let header = paths::repo().join("lab/vclock/parameters.h");
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
