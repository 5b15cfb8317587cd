// SPDX-License-Identifier: GPL-2.0-only
//! A profile that is cut short, whoever cuts it: no service and no scheduler stays behind, and the
//! profile is complete or says that it is not.

use std::fs;
use std::process::{Child, Command, Output, Stdio};

use labkit::meta::STOP_LIMIT;
use labkit::{scx, sys};
use tempfile::TempDir;

use crate::{alone, await_that, loader, sleepers};

/// A length of sleep that nobody else on the machine has.
const SERVICE: &str = "86321.5";

/// One application with one service; its load is `LOAD`.
const WORKLOAD: &str = r#"
name = "small"
[[service]]
name = "sleeper"
command = ["sh", "-c", "setsid sleep SERVICE & wait"]
ready = "started"
[[application]]
name = "app"
services = ["sleeper"]
concurrency = 1
throughput_unit = "runs/s"
seconds = 1
command = ["sh", "-c", "LOAD", "sh", "{seconds}"]
reader = { kind = "regex", throughput = 'rate ([0-9.]+)' }
"#;

/// Sleeps as long as a block lasts.
const GOOD: &str = "sleep $1; echo rate 5";

struct Trial {
    folder: TempDir,
    child: Child,
}

impl Trial {
    fn start(load: &str) -> Self {
        let folder = TempDir::new_in("/run").unwrap();
        let workload = WORKLOAD.replace("LOAD", load).replace("SERVICE", SERVICE);
        let file = folder.path().join("workload.toml");
        fs::write(&file, workload).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_scx_metabench"));
        command
            .arg("profile")
            .arg(&file)
            .args(["--policies", "fifo,vtime", "--rounds", "20", "--out"])
            .arg(folder.path())
            .arg("--scx-meta")
            .arg(loader())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let child = sys::in_own_group(&mut command, libc::SIGKILL)
            .spawn()
            .unwrap();
        Self { folder, child }
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    fn raw(&self) -> String {
        self.file("small-profile.jsonl")
    }

    fn blocks(&self) -> usize {
        self.raw().matches("\"kind\":\"block\"").count()
    }

    fn await_blocks(&self, count: usize) {
        await_that("block", || self.blocks() >= count);
    }

    /// Waits for its end, and looks what is left.
    fn ended(&mut self) -> Output {
        let status = self.child.wait().unwrap();
        let mut stderr = Vec::new();
        if let Some(mut pipe) = self.child.stderr.take() {
            std::io::Read::read_to_end(&mut pipe, &mut stderr).unwrap();
        }
        scx::await_disabled(STOP_LIMIT).unwrap();
        await_that("end of the service", || !service_runs());
        let profile = self.file("profile.toml");
        assert!(
            profile.is_empty() || profile.contains("\npartial = true\n"),
            "{profile}"
        );
        Output {
            status,
            stdout: Vec::new(),
            stderr,
        }
    }
}

fn service_runs() -> bool {
    !sleepers(SERVICE).is_empty()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The raw data's last line.
fn end(raw: &str) -> &str {
    raw.lines().next_back().unwrap_or_default()
}

#[test]
fn nothing_is_left_of_a_trial_that_was_killed() {
    let _alone = alone();
    // Under EEVDF, under a policy, and after a whole super-block.
    for blocks in [0, 1, 5] {
        let mut trial = Trial::start(GOOD);
        await_that("service", service_runs);
        trial.await_blocks(blocks);
        sys::kill(trial.child.id(), libc::SIGKILL).unwrap();
        trial.ended();
        assert!(!end(&trial.raw()).contains("\"kind\":\"end\""));
        assert_eq!(trial.file("profile.toml").is_empty(), trial.blocks() < 4);
    }
}

#[test]
fn a_wish_to_stop_keeps_what_was_measured() {
    let _alone = alone();
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let mut trial = Trial::start(GOOD);
        trial.await_blocks(5);
        sys::kill(trial.child.id(), signal).unwrap();
        let output = trial.ended();
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains("interrupted"), "{}", said(&output));
        let raw = trial.raw();
        assert!(end(&raw).contains("\"complete\":false"), "{}", end(&raw));
        assert!(trial
            .file("profile.toml")
            .contains("application.under.vtime"));
    }
}

#[test]
fn a_service_that_dies_ends_the_trial() {
    let _alone = alone();
    let mut trial = Trial::start(GOOD);
    trial.await_blocks(2);
    for process in sleepers(SERVICE) {
        sys::kill(process, libc::SIGKILL).unwrap();
    }
    let output = trial.ended();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("sleeper"), "{}", said(&output));
    assert!(end(&trial.raw()).contains("sleeper"));
}

#[test]
fn a_load_that_fails_ends_the_trial() {
    let _alone = alone();
    let mut trial = Trial::start("echo out of luck; exit 3");
    let output = trial.ended();
    assert_eq!(output.status.code(), Some(1));
    for words in ["out of luck", "exit status: 3", "app"] {
        assert!(said(&output).contains(words), "{words}: {}", said(&output));
    }
    assert_eq!(trial.blocks(), 0);
}
