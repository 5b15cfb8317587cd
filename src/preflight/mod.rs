// SPDX-License-Identifier: GPL-2.0-only
//! What the machine must offer before the program can load: one check a
//! property. The loader stops at the first that fails; `doctor` prints all, and
//! what else a person should know of this machine.

mod needs;
mod remarks;
#[cfg(test)]
mod tests;

use std::io::Write;

use anyhow::{bail, Result};

use crate::machine::Machine;
use crate::Error;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As it should be.
    Ok,
    /// It can start, and not all will be as one might expect.
    Note,
    /// Cannot be told from here; loading will show.
    Unknown,
    /// scx_meta cannot start like this.
    Missing,
}

/// One property of the machine.
#[derive(Debug)]
pub(crate) struct Check {
    /// What was looked at.
    pub(crate) name: &'static str,
    /// How it ended.
    pub(crate) verdict: Verdict,
    /// What was found.
    pub(crate) finding: String,
    /// What to do about it; empty when there is nothing to do.
    pub(crate) advice: String,
}

impl Check {
    fn new(name: &'static str, verdict: Verdict, finding: impl Into<String>) -> Self {
        Self {
            name,
            verdict,
            finding: finding.into(),
            advice: String::new(),
        }
    }

    fn ok(name: &'static str, finding: impl Into<String>) -> Self {
        Self::new(name, Verdict::Ok, finding)
    }

    fn note(name: &'static str, finding: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            advice: advice.into(),
            ..Self::new(name, Verdict::Note, finding)
        }
    }

    fn unknown(name: &'static str, finding: impl Into<String>) -> Self {
        Self::new(name, Verdict::Unknown, finding)
    }

    fn missing(name: &'static str, finding: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            advice: advice.into(),
            ..Self::new(name, Verdict::Missing, finding)
        }
    }
}

impl Machine {
    /// All checks of what a start needs, the most telling first.
    pub(crate) fn checks(&self) -> Vec<Check> {
        vec![
            self.check_sched_ext(),
            self.check_preempt_rt(),
            self.check_privileges(),
            self.check_btf(),
            self.check_jit(),
            self.check_tracer(),
            self.check_lockdown(),
            self.check_bpffs(),
            self.check_pin_dir(),
            self.check_cpu_ids(),
            self.check_scheduler(),
        ]
    }

    /// What a start does not wait for.
    fn remarks(&self) -> Vec<Check> {
        vec![
            self.remark_void(),
            self.remark_real_time(),
            self.remark_dying_tasks(),
            self.remark_memory(),
        ]
    }

    /// Whether a program can be loaded here, now.
    ///
    /// Fails with [`Error::Machine`] or [`Error::AlreadyRunning`].
    pub fn require_all(&self) -> Result<()> {
        for check in self.checks() {
            if check.verdict == Verdict::Missing {
                bail!(Error::Machine {
                    finding: check.finding,
                    advice: check.advice,
                });
            }
        }
        if self.meta_is_loaded() {
            bail!(Error::AlreadyRunning(self.how_to_stop(true)));
        }
        Ok(())
    }
}

/// Prints every check; tells whether scx_meta could start.
pub(crate) fn doctor(machine: &Machine, out: &mut impl Write) -> Result<bool> {
    let mut checks = machine.checks();
    checks.extend(machine.remarks());
    for check in &checks {
        let verdict = match check.verdict {
            Verdict::Ok => "ok",
            Verdict::Note => "note",
            Verdict::Unknown => "?",
            Verdict::Missing => "MISSING",
        };
        write!(out, "{verdict:<8} {:<16} {}", check.name, check.finding)?;
        if !check.advice.is_empty() {
            write!(out, ": {}", check.advice)?;
        }
        writeln!(out)?;
    }
    Ok(checks.iter().all(|check| check.verdict != Verdict::Missing))
}
