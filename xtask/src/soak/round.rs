// SPDX-License-Identifier: GPL-2.0-only
//! One round: a guest, and what it said.

use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;
use anyhow::Result;
use labkit::clock::Clock;
use labkit::soak;
use labkit::soak::Record;

use crate::build::GuestTests;
use crate::kernel::Kernel;
use crate::test::guest::BINARY;
use crate::vm;

/// The test that does the steps.
const TEST: &str = "faults::soak::round";

/// Some minutes of a busy guest; only one that hangs takes longer.
const LIMIT: Duration = Duration::from_secs(1800);

/// Lines of a guest's output that are shown with a harm.
const TAIL: usize = 30;

/// What rounds have in common.
pub struct Setup {
    /// Of the guests.
    pub kernel: Kernel,
    /// The same.
    pub hardware: vm::Hardware,
    /// The same.
    pub clock: Clock,
    /// From which all steps follow.
    pub seed: u64,
    /// The tests, and the scx_meta that was built with them.
    pub tests: GuestTests,
}

/// A round that has ended.
pub struct Round {
    /// Its number.
    pub number: u64,
    /// What each step came to, until the harm, if there was one.
    pub records: Vec<Record>,
    /// Who was harmed.
    pub harm: Option<String>,
    /// On this machine.
    took: Duration,
}

impl Setup {
    /// Boots a guest and does a round in it.
    pub fn round(&self, number: u64) -> Result<Round> {
        let machine = vm::Vm {
            kernel: self.kernel.clone(),
            hardware: self.hardware.clone(),
            clock: self.clock,
            timeout: LIMIT,
            console: None,
        };
        let mut job = vm::Job::new([
            self.tests.tests.clone().into_os_string(),
            TEST.into(),
            "--exact".into(),
            "--ignored".into(),
            "--nocapture".into(),
        ]);
        let variables: [(&str, PathBuf); 3] = [
            (BINARY, self.tests.scx_meta.clone()),
            (soak::SEED, self.seed.to_string().into()),
            (soak::ROUND, number.to_string().into()),
        ];
        for (name, value) in variables {
            job.env.insert(name.to_string(), value.into_os_string());
        }
        job.keep_output = true;
        job.quiet = true;
        let begin = Instant::now();
        let done = vm::run(&machine, &job).with_context(|| format!("round {number}"))?;
        let said = String::from_utf8_lossy(&done.stdout);
        let records = Record::heard(&said)?;
        let harm = match done.status {
            // It ran one test, and that passed.
            0 if said.contains("test result: ok. 1 passed") => None,
            status => Some(format!("status {status}\n{}", tail(&said))),
        };
        Ok(Round {
            number,
            records,
            harm,
            took: begin.elapsed(),
        })
    }
}

impl Round {
    /// For people, when it has ended.
    pub fn line(&self) -> String {
        let faults: u64 = self.records.iter().map(|record| record.injected).sum();
        let guest_ms = self.records.last().map_or(0, |record| record.at_ms);
        let wait_us = self.records.iter().map(|record| record.wait_us).max();
        format!(
            "round {}: {}, {} steps, {faults} faults, longest wait {} ms; {} s of the guest, {} s here",
            self.number,
            if self.harm.is_some() { "HARM" } else { "ok" },
            self.records.len(),
            wait_us.unwrap_or(0) / 1000,
            guest_ms / 1000,
            self.took.as_secs(),
        )
    }
}

/// The end of what a guest said, without its records.
fn tail(said: &str) -> String {
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| Record::heard(line).is_ok_and(|r| r.is_empty()))
        .collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}
