// SPDX-License-Identifier: GPL-2.0-only
//! docs/lab-calibration.md: how the model works, on what it was fitted, and load by load how far the
//! guest is from the machine.

use std::path::PathBuf;
use std::process::Command;
use std::{fs, thread};

use anyhow::{Context, Result};
use labkit::calibrate::{Group, Measured};
use labkit::machine;

use super::fit;
use super::samples::{Quartiles, Samples};
use crate::{command, paths};

/// What is written by hand.
const PROSE: &str = include_str!("document.md");

/// Words of lscpu that say what machine it was.
const FACTS: [&str; 6] = [
    "Model name",
    "Hypervisor vendor",
    "L1d cache",
    "L2 cache",
    "L3 cache",
    "Thread(s) per core",
];

/// Writes the document, and the samples beside it; where the document is.
pub(super) fn write(kernel: &str, native: &Samples, guest: &Samples) -> Result<PathBuf> {
    let folder = paths::repo().join("docs");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    native.write(&folder.join("lab-calibration-native.json"))?;
    guest.write(&folder.join("lab-calibration-guest.json"))?;
    let file = folder.join("lab-calibration.md");
    let text = format!("{PROSE}\n{}\n{}", host(kernel)?, tables(native, guest));
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

fn host(guest_kernel: &str) -> Result<String> {
    let said = command::read(Command::new("lscpu").env("LC_ALL", "C"))?;
    let facts = FACTS.iter().filter_map(|fact| {
        let (_, value) = said
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.trim() == *fact)?;
        Some(format!("{fact}: {}", value.trim()))
    });
    let facts: Vec<String> = facts.collect();
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")
        .context("cannot read the kernel's release")?;
    let cpus = thread::available_parallelism().context("cannot count the CPUs")?;
    Ok(format!(
        "Fitted on {} to {cpus} CPUs ({}) under Linux {}; the guest has 2 CPUs and Linux \
         {guest_kernel}, both under EEVDF.\n",
        machine::date(),
        facts.join("; "),
        release.trim()
    ))
}

fn tables(native: &Samples, guest: &Samples) -> String {
    let judged = |load: &&Measured| load.group != Group::Micro;
    let off = fit::distance(native, guest).off;
    let count = native.loads().filter(judged).count();
    let verdict = match off {
        0 => format!(
            "All {count} loads are within {:.0} %.",
            fit::TOLERANCE * 100.0
        ),
        _ => format!(
            "{} of {count} loads are within {:.0} %; the last column says by how much the others \
             are off.",
            count - off,
            fit::TOLERANCE * 100.0
        ),
    };
    let rows = |wanted: &dyn Fn(&&Measured) -> bool| -> String {
        let loads = native.loads().filter(|load| wanted(load));
        loads.filter_map(|load| row(load, native, guest)).collect()
    };
    let head = "| load | unit | native | middle half | guest | middle half | guest/native | |\n\
                |---|---|---|---|---|---|---|---|\n";
    format!(
        "Medians, and between which values the middle half of the samples lies ({} samples natively, \
         {} in guests of one boot each). {verdict}\n\n{head}{}\nBeside these, the small loops that single costs are fitted to:\n\n{head}{}",
        counts(native),
        counts(guest),
        rows(&|load| judged(load)),
        rows(&|load| !judged(load))
    )
}

/// Samples of a load: a number, or from which to which.
fn counts(samples: &Samples) -> String {
    let counts = || samples.loads().map(|load| load.samples.len());
    match (counts().min(), counts().max()) {
        (Some(least), Some(most)) if least < most => format!("{least} to {most}"),
        (least, _) => least.unwrap_or(0).to_string(),
    }
}

fn row(load: &Measured, native: &Samples, guest: &Samples) -> Option<String> {
    let (here, there) = (native.of(&load.name)?, guest.of(&load.name)?);
    let ratio = there.median / here.median;
    let verdict = match fit::is_fitted(ratio) {
        true => String::new(),
        false => format!("off by {:+.0} %", (ratio - 1.0) * 100.0),
    };
    Some(format!(
        "| {} | {} | {} | {} | {ratio:.2} | {verdict} |\n",
        load.name,
        load.unit,
        cells(here),
        cells(there)
    ))
}

fn cells(quartiles: Quartiles) -> String {
    let [low, median, high] = [quartiles.low, quartiles.median, quartiles.high].map(digits);
    format!("{median} | {low} to {high}")
}

/// Three digits, as the smallest spread deserves.
fn digits(value: f64) -> String {
    let decimals = (2 - value.abs().max(1e-9).log10().floor() as i32).max(0) as usize;
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::super::samples::tests::samples;
    use super::*;

    #[test]
    fn a_load_that_is_off_says_by_how_much() {
        let native = samples(Group::Sched, &[("slow", 2.0), ("same", 4.0)]);
        let guest = samples(Group::Sched, &[("slow", 3.0), ("same", 4.4)]);
        let text = tables(&native, &guest);
        assert!(text.contains("(1 samples natively, 1 in"), "{text}");
        assert!(text.contains("1 of 2 loads are within 25 %;"), "{text}");
        assert!(
            text.contains(
                "| slow | ns | 2.00 | 2.00 to 2.00 | 3.00 | 3.00 to 3.00 | 1.50 | off by +50 % |"
            ),
            "{text}"
        );
        assert!(text.contains("| 1.10 |  |"), "{text}");
    }

    #[test]
    fn values_have_three_digits() {
        assert_eq!(digits(0.105), "0.105");
        assert_eq!(digits(23.456), "23.5");
        assert_eq!(digits(1_304_397.0), "1304397");
    }
}
