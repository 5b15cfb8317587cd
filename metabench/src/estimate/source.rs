// SPDX-License-Identifier: GPL-2.0-only
//! The origin of figures, and what a reader must know before believing them.

use anyhow::Result;
use evidence::provenance;
use labkit::clock::{Clock, Costs};
use labkit::machine::Machine;

use super::blocks::{SubjectBlocks, SuperBlock, Trial};
use super::latency;
use crate::outcome::Source;
use crate::record::{Block, Latency};

pub(crate) fn source(trial: &Trial) -> Result<Source> {
    let (machine, plan) = (trial.machine, trial.plan);
    Ok(Source {
        kernel: machine.kernel.clone(),
        machine: provenance::hardware(machine),
        emulated: machine.is_emulated(),
        boots: trial.boots,
        date: plan.date.clone(),
        command: command_line(&plan.command),
        method: method(trial),
        notes: notes(trial)?,
    })
}

/// As one would type it.
fn command_line(words: &[String]) -> String {
    let words = words.iter().map(String::as_str);
    // A word with a NUL cannot have been on a command line.
    shlex::try_join(words.clone()).unwrap_or_else(|_| words.collect::<Vec<_>>().join(" "))
}

fn method(trial: &Trial) -> String {
    let rows = match trial.plan.rows.len() {
        1 => "one row".into(),
        n => format!("{n} rows in an order of a Williams design"),
    };
    let boots = match trial.boots {
        1 => "one boot".into(),
        n => format!("{n} boots"),
    };
    let blocks = || {
        let subjects = trial.subjects.iter();
        let super_blocks = subjects.flat_map(|subject| &subject.super_blocks);
        super_blocks.flat_map(SuperBlock::blocks)
    };
    let settled = blocks()
        .map(|block| block.settled_ms)
        .fold(f64::INFINITY, f64::min);
    let seconds: Vec<_> = blocks().map(|block| block.seconds).collect();
    let seconds = range(&seconds);
    format!(
        "Super-blocks of EEVDF, {rows}, and EEVDF again, in {boots}. In each block the scheduler \
         is put in charge, {settled:.0} ms or more pass until no task waits in a queue of its \
         predecessor, and the load runs for {seconds} s. A ratio is a block's to the mean of the \
         two EEVDF blocks of its own super-block; the noise floor is the last EEVDF block's to \
         the first's. Figures are medians over super-blocks, intervals are 95 % bootstrap over \
         super-blocks, from few of them somewhat too narrow{}.",
        match has_histograms(trial) {
            true => "; a latency is the quantile of the requests of all blocks together",
            false => "",
        }
    )
}

/// `2.0 to 18.0`, or `2.0` for all.
fn range(numbers: &[f64]) -> String {
    let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let high = numbers.iter().copied().fold(0.0, f64::max);
    match [low, high].map(|number| format!("{number:.1}")) {
        [low, high] if low == high => low,
        [low, high] => format!("{low} to {high}"),
    }
}

fn has_histograms(trial: &Trial) -> bool {
    let is_histogram = |block: &Block| {
        let latencies = block.parts.iter().flat_map(|part| &part.latency);
        latencies
            .into_iter()
            .any(|l| matches!(l, Latency::Histogram(_)))
    };
    let mut subjects = trial.subjects.iter();
    subjects.any(|subject| is_histogram(subject.super_blocks[0].first))
}

/// Of the workload, of the machine, of the load, and of what is missing.
fn notes(trial: &Trial) -> Result<Vec<String>> {
    let mut notes = trial.plan.notes.clone();
    notes.extend(of_machine(trial.machine).map(String::from));
    notes.extend(of_load(&trial.subjects));
    for subject in &trial.subjects {
        notes.extend(latency::untold(subject)?);
        notes.extend(of_parts(subject));
    }
    let cut = trial.cut.iter();
    notes.extend(
        cut.map(|reason| format!("Cut short, some of what was planned is missing: {reason}.")),
    );
    Ok(evidence::once(notes))
}

fn of_machine(machine: &Machine) -> impl Iterator<Item = &'static str> {
    let emulated = machine.is_emulated().then_some(
        "Emulated: there is no model of CPU frequency or of caches, so nest cannot show its \
         benefit, and no time is that of a real machine.",
    );
    let serial = (machine.clock == Clock::Serial).then_some(
        "Serial virtual clock: virtual CPUs take turns and an idle CPU costs nothing, so work \
         conservation and balancing are understated.",
    );
    let flat = (machine.clock == Clock::Parallel(Costs::Flat)).then_some(
        "Flat costs: every instruction takes the same time, and caches, address spaces and \
         interrupts take none.",
    );
    emulated.into_iter().chain(serial).chain(flat)
}

fn of_load(subjects: &[SubjectBlocks]) -> Option<String> {
    let closed: Vec<&str> = subjects
        .iter()
        .filter(|blocks| blocks.subject.closed_loop)
        .map(|blocks| &*blocks.subject.name)
        .collect();
    let of = match closed.len() {
        0 => return None,
        n if n == subjects.len() => String::new(),
        _ => format!(" ({})", closed.join(", ")),
    };
    Some(format!(
        "Closed-loop load{of}: a new request begins only when one ends, so a slow scheduler is \
         asked less, and latencies leave out requests that were never made."
    ))
}

fn of_parts(subject: &SubjectBlocks) -> Option<String> {
    (subject.parts.len() > 1).then(|| {
        format!(
            "Throughput of {} is the geometric mean of {}.",
            subject.subject.name,
            subject.parts.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::made::Made;
    use super::*;

    /// Those of an emulated one are in the snapshot of the terminal's text.
    #[test]
    fn a_real_machine_gets_no_notes_of_emulation() {
        let real = Made {
            accel: "none (this machine)",
            clock: Clock::Host,
            ..Made::default()
        };
        let source = real.outcome().source;
        let notes = source.notes.join("\n");
        assert!(
            !source.emulated && !notes.contains("mulated") && !notes.contains("clock"),
            "{notes}"
        );
    }

    #[test]
    fn lengths_are_said_as_a_range() {
        assert_eq!(range(&[2.0, 18.0]), "2.0 to 18.0");
        assert_eq!(range(&[2.0, 2.04]), "2.0");
    }
}
