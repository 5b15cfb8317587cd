// SPDX-License-Identifier: GPL-2.0-only
//! Programs: find them, run them to their end, wait for them, show their command lines.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use anyhow::{ensure, Context, Result};

use super::sys;

/// How often a wait looks at its process: far below any time that a person notices.
const POLL: Duration = Duration::from_millis(10);

/// Where a program is: on PATH, or in the directories that a user's PATH lacks.
pub fn find_tool(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let beside_path = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path)
        .chain(beside_path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// Runs a command to its end and returns what it printed.
pub fn run(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", shown(command)))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{} failed ({}): {}",
        shown(command),
        output.status,
        errors.trim()
    );
    String::from_utf8(output.stdout).with_context(|| format!("{} is not text", shown(command)))
}

/// Waits for a child's end; `None` when it still runs after `timeout`.
pub fn wait_for(child: &mut Child, timeout: Duration) -> Result<Option<ExitStatus>> {
    let deadline = Instant::now() + timeout;
    loop {
        let status = child.try_wait().context("cannot wait for a child")?;
        if status.is_some() || Instant::now() >= deadline {
            return Ok(status);
        }
        thread::sleep(POLL);
    }
}

/// Looks every `step` until `met` holds; false when `limit` passed without.
pub fn await_that(limit: Duration, step: Duration, mut met: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if met() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(step);
    }
}

/// The command line, with the program's bare name: to be read and typed again.
pub fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program());
    let words = std::iter::once(name).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

/// Ends what is left of a child's process group, which may be gone already, and reaps the child.
pub fn end_group(child: &mut Child) {
    let _ = sys::kill_group(child.id(), libc::SIGKILL);
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_outside_the_path_are_found() {
        assert!(find_tool("sh").is_some());
        assert!(find_tool("no-such-tool").is_none());
    }

    #[test]
    fn a_failing_command_is_quoted_with_its_words() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such map >&2; exit 4"]);
        let error = run(&mut command).unwrap_err().to_string();
        assert!(error.contains("exit status: 4") && error.contains("no such map"));
    }

    #[test]
    fn waiting_ends_with_the_child_or_with_the_time() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        assert!(wait_for(&mut child, POLL).unwrap().is_none());
        child.kill().unwrap();
        assert!(wait_for(&mut child, Duration::from_secs(10))
            .unwrap()
            .is_some());
    }
}
