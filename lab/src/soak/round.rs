// SPDX-License-Identifier: GPL-2.0-only
//! One round: a guest, and what it said.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use labkit::clock::Clock;
use labkit::soak::{self, Record};

use crate::kernel::Kernel;
use crate::paths;
use crate::programs::cargo::{GuestTests, SCX_META};
use crate::vm::{self, Failure};

/// The test that does the steps.
const TEST: &str = "faults::soak::round";

/// A minute or two of a busy guest, or several with many CPUs; where others share the host's cores,
/// ten times that. Only one that hangs takes longer.
const LIMIT: Duration = Duration::from_secs(3600);

/// The kernel says what it has to say of a step, and the test says there which step that is.
const CONSOLE: &str = "loglevel=7";

/// Lines of a guest's output that are shown with a harm.
const TAIL: usize = 30;

/// What rounds have in common.
pub struct Setup {
    pub kernel: Kernel,
    pub hardware: vm::Hardware,
    pub clock: Clock,
    /// From which all steps follow.
    pub seed: u64,
    /// The tests, and the scx_meta that was built with them.
    pub tests: GuestTests,
}

/// A round that has ended.
pub struct Round {
    pub number: u64,
    /// What each step came to, until the harm, if there was one.
    pub records: Vec<Record>,
    pub harm: Option<String>,
    /// What the kernel and the test said, step by step.
    console: PathBuf,
    took: Duration,
}

impl Setup {
    /// Boots a guest and does a round in it.
    pub fn round(&self, number: u64) -> Result<Round> {
        let console = paths::lab_dir("soak")?.join(format!("{}-{number}.console", self.seed));
        let machine = vm::Vm {
            kernel: self.kernel.clone(),
            hardware: self.talkative(),
            clock: self.clock,
            timeout: LIMIT,
            console: Some(console.clone()),
        };
        let begin = Instant::now();
        let (records, harm) = match vm::run(&machine, &self.job(number)) {
            Ok(done) => heard(&done)?,
            Err(error) => match error.downcast_ref() {
                // It hangs, or the kernel panicked: that is what was looked for.
                Some(Failure::TimedOut(..) | Failure::Died(_)) => {
                    (Vec::new(), Some(format!("{error:#}")))
                }
                _ => return Err(error.context(format!("round {number}"))),
            },
        };
        Ok(Round {
            number,
            records,
            harm,
            console,
            took: begin.elapsed(),
        })
    }

    fn talkative(&self) -> vm::Hardware {
        let mut hardware = self.hardware.clone();
        hardware.append = format!("{} {CONSOLE}", hardware.append);
        hardware
    }

    fn job(&self, number: u64) -> vm::Job {
        let mut job = vm::Job::new([
            self.tests.tests.clone().into_os_string(),
            TEST.into(),
            "--exact".into(),
            "--ignored".into(),
            "--nocapture".into(),
        ]);
        let variables: [(&str, PathBuf); 3] = [
            (SCX_META, self.tests.scx_meta.clone()),
            (soak::SEED, self.seed.to_string().into()),
            (soak::ROUND, number.to_string().into()),
        ];
        for (name, value) in variables {
            job.env.insert(name.to_string(), value.into_os_string());
        }
        job.keep_output = true;
        job.quiet = true;
        job
    }
}

/// The records of a round that has ended, and who was harmed in it.
fn heard(done: &vm::Done) -> Result<(Vec<Record>, Option<String>)> {
    let said = String::from_utf8_lossy(&done.stdout);
    let harm = match done.status {
        // It ran one test, and that passed.
        0 if said.contains("test result: ok. 1 passed") => None,
        status => Some(format!("status {status}\n{}", tail(&said))),
    };
    Ok((Record::heard(&said)?, harm))
}

impl Round {
    /// For people, when it has ended: its figures, and its harm if there was one.
    pub fn line(&self) -> String {
        let faults: u64 = self.records.iter().map(|record| record.injected).sum();
        let guest_ms = self.records.last().map_or(0, |record| record.at_ms);
        let wait_us = self.records.iter().map(|record| record.wait_us).max();
        let harm = self.harm.as_ref().map(|harm| {
            let console = self.console.display();
            format!("\n{harm}\nits console: {console}")
        });
        format!(
            "round {}: {}, {} steps, {faults} faults, longest wait {} ms; {} s of the guest, {} s here{}",
            self.number,
            if self.harm.is_some() { "HARM" } else { "ok" },
            self.records.len(),
            wait_us.unwrap_or(0) / 1000,
            guest_ms / 1000,
            self.took.as_secs(),
            harm.unwrap_or_default(),
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
