// SPDX-License-Identifier: GPL-2.0-only
//! scx_meta from outside: start it, read it, retune it with bpftool as an admin would, stop it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure, Context, Result};

use super::snapshot::Snapshot;
use crate::meta::{Meta, PIN_DIR, START_LIMIT, STOP_LIMIT};
use crate::process::{find_tool, run, shown};
use crate::retune::Change;
use crate::{retune, sys};

/// Short, so that every policy has many turns within the run and shares settle.
const BASE_SLICE: &str = "100ms";

/// How often a wait looks whether somebody wants us to stop.
const POLL: Duration = Duration::from_millis(100);

/// A running scx_meta. Dropping it stops it.
pub struct Loader {
    program: PathBuf,
    meta: Meta,
    lines: Receiver<Result<Snapshot>>,
}

impl Loader {
    /// Starts scx_meta with the given policies in equal rotation.
    pub fn start(program: &Path, policies: &[&str]) -> Result<Self> {
        let weights: Vec<_> = policies.iter().map(|name| format!("{name}=1")).collect();
        let mut command = Command::new(program);
        command
            .args(["--weights", &weights.join(",")])
            .args(["--base-slice", BASE_SLICE, "--stats-json", "--stats", "1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        println!("$ {}", shown(&command));
        // SIGTERM: should we be killed, it detaches and removes its pins by itself.
        let mut meta = Meta::spawn(sys::in_own_group(&mut command, libc::SIGTERM))?;
        let stdout = meta.take_stdout().context("scx_meta has no stdout")?;
        Ok(Self {
            program: program.to_owned(),
            meta,
            lines: read_lines(stdout),
        })
    }

    /// Waits for the first statistics: they come once every task is under scx_meta.
    pub fn wait_loaded(&mut self) -> Result<Snapshot> {
        let deadline = Instant::now() + START_LIMIT;
        while Instant::now() < deadline {
            if let Some(snapshot) = self.next_line(POLL)? {
                return Ok(snapshot);
            }
        }
        bail!("scx_meta gave no statistics within {START_LIMIT:?} of its start")
    }

    /// The next statistics line, if one comes within `timeout`; an error when scx_meta has ended
    /// or a signal asks us to.
    pub fn next_line(&mut self, timeout: Duration) -> Result<Option<Snapshot>> {
        let line = self.lines.recv_timeout(timeout);
        ensure!(!sys::interrupted(), "interrupted");
        match line {
            Ok(snapshot) => snapshot.map(Some),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => {
                self.meta.await_end(STOP_LIMIT)?;
                self.meta.check().context("its own report is above")?;
                bail!("scx_meta closed its output")
            }
        }
    }

    /// Reads the pinned maps now.
    pub fn status(&self) -> Result<Snapshot> {
        let mut command = Command::new(&self.program);
        command.args(["status", "--json"]);
        let text = run(sys::in_real_time(&mut command))?;
        Snapshot::parse(text.trim())
    }

    /// Stops scx_meta and makes sure that it left nothing behind.
    pub fn stop(self) -> Result<()> {
        self.meta.stop()
    }
}

/// Runs scx_meta and bpftool once, while the machine is quiet: whatever they lack shows now, and
/// under the load their files no longer come from a disk.
pub fn warm_up(scx_meta: &Path) -> Result<()> {
    run(Command::new(scx_meta).arg("--version"))?;
    run(Command::new(bpftool()?).arg("version"))?;
    Ok(())
}

fn bpftool() -> Result<PathBuf> {
    find_tool("bpftool").context("no bpftool on this machine")
}

/// Sets weights with `bpftool map update`, one command each, raising before lowering: so the sum
/// never passes through zero, and each command takes effect by itself.
pub fn retune(now: &Snapshot, wanted: &[(&str, u32)]) -> Result<()> {
    let bpftool = bpftool()?;
    let updates = updates(now, wanted)?;
    for update in &updates {
        let mut command = Command::new(&bpftool);
        command.args(["map", "update", "pinned"]);
        command.arg(format!("{PIN_DIR}/weights"));
        command.arg("key").args(bytes_of(update.policy.1));
        command.arg("value").args(bytes_of(update.to));
        println!(
            "$ {}   # {}: {} → {}",
            shown(&command),
            update.policy.0,
            update.from,
            update.to
        );
        run(&mut command)?;
    }
    Ok(())
}

/// A policy's name and its id.
type Row<'a> = (&'a str, u32);

fn updates<'a>(now: &'a Snapshot, wanted: &[(&str, u32)]) -> Result<Vec<Change<Row<'a>>>> {
    let mut updates = Vec::new();
    for &(name, to) in wanted {
        let row = now.policies.iter().position(|policy| policy.name == name);
        let row = row.with_context(|| format!("scx_meta reports no policy {name}"))?;
        let policy = &now.policies[row];
        updates.push(Change {
            // include/abi.h: 0 is "no policy", then come the rows of the table.
            policy: (&*policy.name, row as u32 + 1),
            from: u32::try_from(policy.weight).context("a weight is too large")?,
            to,
        });
    }
    retune::raise_first(&mut updates);
    Ok(updates)
}

/// As bpftool wants a u32: its bytes in the machine's order, in decimal.
fn bytes_of(number: u32) -> [String; 4] {
    number.to_ne_bytes().map(|byte| byte.to_string())
}

fn read_lines(stdout: ChildStdout) -> Receiver<Result<Snapshot>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines() {
            let snapshot = line
                .context("cannot read scx_meta's stdout")
                .and_then(|line| Snapshot::parse(&line));
            if sender.send(snapshot).is_err() {
                return;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::super::snapshot::tests::snapshot;
    use super::*;

    #[test]
    fn weights_are_raised_before_any_is_lowered() {
        let now = snapshot(1, &[("fifo", 3, 1, 1, 1), ("vtime", 1, 1, 1, 1)]);
        let updates = updates(&now, &[("fifo", 1), ("vtime", 4)]).unwrap();
        let order: Vec<_> = updates
            .iter()
            .map(|change| (change.policy, change.from, change.to))
            .collect();
        assert_eq!(order, [(("vtime", 2), 1, 4), (("fifo", 1), 3, 1)]);
    }

    #[test]
    fn a_policy_that_scx_meta_does_not_know_is_named() {
        let now = snapshot(1, &[("fifo", 3, 1, 1, 1)]);
        let error = updates(&now, &[("nest", 1)]).unwrap_err().to_string();
        assert!(error.contains("nest"), "{error}");
    }

    #[test]
    fn bpftool_gets_bytes_in_machine_order() {
        let bytes = bytes_of(0x0100_0002);
        let numbers = bytes.map(|byte| byte.parse().unwrap());
        assert_eq!(u32::from_ne_bytes(numbers), 0x0100_0002);
    }

    fn fake(script: &str) -> Loader {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdout(Stdio::piped());
        let mut meta = Meta::spawn(&mut command).unwrap();
        let stdout = meta.take_stdout().unwrap();
        Loader {
            program: "sh".into(),
            meta,
            lines: read_lines(stdout),
        }
    }

    #[test]
    fn a_loader_that_ends_by_itself_is_an_error_with_its_status() {
        let error = format!("{:#}", fake("exit 1").wait_loaded().unwrap_err());
        assert!(error.contains("exit status: 1"), "{error}");
    }

    #[test]
    fn dropping_the_loader_stops_it() {
        let loader = fake("exec sleep 60");
        let pid = loader.meta.pid();
        drop(loader);
        assert!(sys::kill(pid, 0).is_err());
    }
}
