// SPDX-License-Identifier: GPL-2.0-only
//! What the load program measured, natively or in a guest, over several runs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use labkit::calibrate::Measured;

/// Each load's samples, in the program's order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Samples(Vec<Measured>);

impl Samples {
    /// All samples of some runs, each the program's output in a file.
    pub(super) fn read(files: &[PathBuf]) -> Result<Self> {
        let mut all = Self::default();
        for file in files {
            let text = fs::read_to_string(file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            all.add(&text)
                .with_context(|| format!("{} is not what the loads print", file.display()))?;
        }
        Ok(all)
    }

    /// Writes them as the program does.
    pub(super) fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string(&self.0)? + "\n";
        fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
    }

    fn add(&mut self, text: &str) -> Result<()> {
        let run: Vec<Measured> = serde_json::from_str(text)?;
        for measured in run {
            match self.0.iter_mut().find(|known| known.name == measured.name) {
                Some(known) => known.samples.extend(measured.samples),
                None => self.0.push(measured),
            }
        }
        Ok(())
    }

    pub(super) fn loads(&self) -> impl Iterator<Item = &Measured> {
        self.0.iter()
    }

    pub(super) fn of(&self, load: &str) -> Option<Quartiles> {
        let measured = self.0.iter().find(|measured| measured.name == load)?;
        Quartiles::of(&measured.samples)
    }
}

/// A median, and how far the middle half of the samples reaches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Quartiles {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

impl Quartiles {
    fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        // Between two samples: on the line from one to the other.
        let at = |share: f64| {
            let place = share * last as f64;
            let (below, above) = (
                sorted[place.floor() as usize],
                sorted[place.ceil() as usize],
            );
            below + (above - below) * place.fract()
        };
        Some(Self {
            low: at(0.25),
            median: at(0.5),
            high: at(0.75),
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use labkit::calibrate::Group;

    use super::*;

    /// Samples of loads that all are in one group.
    pub(crate) fn samples(group: Group, loads: &[(&str, f64)]) -> Samples {
        let measured = |&(name, value): &(&str, f64)| Measured {
            name: name.to_string(),
            group,
            unit: "ns".to_string(),
            samples: vec![value],
        };
        Samples(loads.iter().map(measured).collect())
    }

    #[test]
    fn quartiles_lie_between_samples() {
        let quartiles = Quartiles::of(&[4.0, 1.0, 2.0, 3.0]).unwrap();
        assert_eq!(
            (quartiles.low, quartiles.median, quartiles.high),
            (1.75, 2.5, 3.25)
        );
        assert_eq!(Quartiles::of(&[7.0]).unwrap().low, 7.0);
        assert_eq!(Quartiles::of(&[]), None);
    }

    #[test]
    fn runs_add_up_load_by_load() {
        let dir = tempfile::tempdir().unwrap();
        let files = [1.0, 3.0].map(|value| {
            let file = dir.path().join(format!("{value}.json"));
            samples(Group::Micro, &[("locked add", value)])
                .write(&file)
                .unwrap();
            file
        });
        let all = Samples::read(&files).unwrap();
        assert_eq!(all.of("locked add").unwrap().median, 2.0);
        assert_eq!(all.of("branches"), None);
        std::fs::write(&files[0], "no JSON").unwrap();
        let error = Samples::read(&files).unwrap_err();
        assert!(format!("{error:#}").contains("1.json is not what the loads print"));
    }
}
