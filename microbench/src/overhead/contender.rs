// SPDX-License-Identifier: GPL-2.0-only
//! The schedulers that are compared, as commands, and their time in charge.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use labkit::charge::scheduler::Scheduler;
use labkit::charge::watch::Watch;
use labkit::meta::{MEASURED, OPS, START_LIMIT, STOP_LIMIT};
use labkit::sys;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::named::Named;

/// Single-policy schedulers of the same algorithm: the policy, the program, its arguments, the
/// beginning of its ops' name. There is none for nest: the tree has it no more.
const STOCK: [(&str, &str, &[&str], &str); 3] = [
    ("fifo", "scx_simple", &["-f"], "simple"),
    ("vtime", "scx_simple", &[], "simple"),
    ("central", "scx_central", &[], "central"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Contender {
    /// scx_meta with all policies, pinned to one.
    Multi,
    /// A build of the same sources with one policy only.
    Single,
    /// A single-policy scheduler of the same algorithm.
    Stock,
    /// As multi, with the other policies left out at load.
    Alone,
    /// As multi, without counters.
    NoStats,
    /// As multi, with waiting tasks left to be drained.
    Drain,
    /// As multi, after every other policy had been in charge.
    Visited,
    /// scx_meta with all policies, by turns.
    Rotating,
    /// No sched_ext scheduler.
    Kernel,
}

impl Contender {
    /// In raw data and JSON.
    pub(super) fn key(self) -> String {
        json!(self).as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Multi => "scx_meta, pinned",
            Self::Single => "one-policy build",
            Self::Stock => "stock",
            Self::Alone => "pinned, --policies with one name",
            Self::NoStats => "pinned, --no-stats",
            Self::Drain => "pinned, --handover drain",
            Self::Visited => "pinned after each other policy was in charge",
            Self::Rotating => "scx_meta, rotating",
            Self::Kernel => "the kernel's own scheduler",
        }
    }
}

pub(crate) struct Programs<'a> {
    pub(crate) multi: &'a PathBuf,
    pub(crate) single: &'a [Named],
    pub(crate) stock: &'a [Named],
}

pub(crate) struct Start {
    command: Command,
    ops: &'static str,
}

impl Programs<'_> {
    /// The policies, by the builds that have only one.
    pub(crate) fn policies(&self) -> Vec<&str> {
        self.single.iter().map(|named| &*named.name).collect()
    }

    /// How to start it; None if there is no such scheduler.
    pub(crate) fn start(&self, contender: Contender, policy: &str) -> Result<Option<Start>> {
        let multi = |more: &[&str]| {
            let mut command = Command::new(self.multi);
            command.args(["--pin", policy]).args(more);
            Some(Start::meta(command))
        };
        Ok(match contender {
            Contender::Multi | Contender::Visited => multi(&[]),
            Contender::Alone => multi(&["--policies", policy]),
            Contender::NoStats => multi(&["--no-stats"]),
            Contender::Drain => multi(&["--handover", "drain"]),
            Contender::Rotating => Some(Start::meta(Command::new(self.multi))),
            Contender::Kernel => None,
            Contender::Single => {
                let named = self.single.iter().find(|named| named.name == policy);
                let named = named.with_context(|| format!("--single names no {policy}"))?;
                let mut command = Command::new(&named.path);
                command.args(["--policies", policy, "--pin", policy]);
                Some(Start::meta(command))
            }
            Contender::Stock => self.stock(policy)?,
        })
    }

    fn stock(&self, policy: &str) -> Result<Option<Start>> {
        let row = STOCK.iter().find(|row| row.0 == policy);
        let Some((_, program, arguments, ops)) = row else {
            return Ok(None);
        };
        let named = self.stock.iter().find(|named| named.name == *program);
        let named = named.with_context(|| format!("--stock names no {program}"))?;
        let mut command = Command::new(&named.path);
        command.args(*arguments);
        Ok(Some(Start { command, ops }))
    }

    /// Has `contender` in charge while `work` runs; false if there is no such scheduler. The
    /// watch that sees it come and go does not run meanwhile.
    pub(crate) fn in_charge(
        &self,
        contender: Contender,
        policy: &str,
        work: impl FnOnce() -> Result<()>,
    ) -> Result<bool> {
        let Some(mut start) = self.start(contender, policy)? else {
            return Ok(false);
        };
        let what = || format!("{}, policy {policy}", contender.name());
        let (mut scheduler, _) = {
            let mut watch = Watch::start()?;
            Scheduler::start(&mut start.command, start.ops, &mut watch, START_LIMIT)
                .with_context(what)?
        };
        if contender == Contender::Visited {
            self.visit_others(policy).with_context(what)?;
        }
        work().with_context(what)?;
        scheduler.check().with_context(what)?;
        let mut watch = Watch::start()?;
        scheduler
            .stop(libc::SIGINT, &mut watch, STOP_LIMIT)
            .with_context(what)?;
        Ok(true)
    }

    fn visit_others(&self, policy: &str) -> Result<()> {
        let others = self.policies().into_iter().filter(|other| *other != policy);
        for visited in others.chain([policy]) {
            labkit::process::run(Command::new(self.multi).args(["pin", visited]))?;
            // The program has seen the pin at once; tasks get to run under it.
            let pause = Duration::from_millis(20);
            sys::sleep_until(sys::monotonic() + pause).context("clock_nanosleep")?;
        }
        Ok(())
    }
}

impl Start {
    fn meta(mut command: Command) -> Self {
        command.args(MEASURED);
        Self { command, ops: OPS }
    }
}

#[cfg(test)]
mod tests {
    use labkit::process::shown;

    use super::*;

    fn named(text: &str) -> Named {
        text.parse().unwrap()
    }

    #[test]
    fn each_contender_has_its_command() {
        let multi = PathBuf::from("/x/scx_meta");
        let single = [named("fifo=/x/only-fifo"), named("nest=/x/only-nest")];
        let stock = [named("scx_simple=/x/scx_simple")];
        let programs = Programs {
            multi: &multi,
            single: &single,
            stock: &stock,
        };
        let command = |contender, policy| {
            let start = programs.start(contender, policy).unwrap();
            start.map(|start| shown(&start.command))
        };
        let some = |text: &str| Some(text.to_string());
        assert_eq!(
            command(Contender::Multi, "fifo"),
            some("scx_meta --pin fifo --on-ejection exit --config /dev/null")
        );
        assert_eq!(
            command(Contender::Single, "nest"),
            some("only-nest --policies nest --pin nest --on-ejection exit --config /dev/null")
        );
        assert_eq!(command(Contender::Stock, "fifo"), some("scx_simple -f"));
        assert_eq!(command(Contender::Stock, "vtime"), some("scx_simple"));
        assert_eq!(command(Contender::Stock, "nest"), None);
        assert_eq!(
            command(Contender::Rotating, "fifo"),
            some("scx_meta --on-ejection exit --config /dev/null")
        );
        assert!(programs.start(Contender::Stock, "central").is_err());
        assert!(programs.start(Contender::Single, "vtime").is_err());
        assert_eq!(programs.policies(), ["fifo", "nest"]);
    }

    #[test]
    fn a_name_needs_its_path() {
        assert!("fifo".parse::<Named>().is_err() && "=x".parse::<Named>().is_err());
        let with_sign = named("fifo=/a=b");
        assert_eq!(with_sign.path, PathBuf::from("/a=b"));
    }
}
