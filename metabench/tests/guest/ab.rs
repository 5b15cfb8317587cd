// SPDX-License-Identifier: GPL-2.0-only
//! Schedulers by turns on a service that is there already.

use std::fs;
use std::process::{Child, Command, Output, Stdio};

use labkit::meta::STOP_LIMIT;
use labkit::scx;
use tempfile::TempDir;

use crate::{alone, loader};

const BENCH: &str = env!("CARGO_BIN_EXE_scx_metabench");

/// Longer than any test.
const SECONDS: &str = "600";

/// A pipeline that is in production until it is dropped.
struct Service(Child);

impl Service {
    fn start() -> Self {
        let mut command = Command::new(BENCH);
        command.args(["load", "chain", "--stages", "2", "--seconds", SECONDS]);
        Self(command.stdout(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ab(more: &[&str]) -> Output {
    let mut command = Command::new(BENCH);
    command.arg("ab").args(more).arg("--reward");
    command.arg(format!("uprobe:{BENCH}:scx_metabench_done"));
    command.args(["--block", "200ms", "--settle", "100ms", "--width", "50%"]);
    command.arg("--scx-meta").arg(loader()).output().unwrap()
}

#[test]
fn it_compares_whoever_takes_part_on_a_service_that_stays_up() {
    let _alone = alone();
    let mut service = Service::start();
    let folder = TempDir::new_in("/run").unwrap();
    let raw = folder.path().join("ab.jsonl");
    let raw = raw.to_str().unwrap();
    let arms = ["fifo", "auto", "--auto-options"];
    let auto = "--auto=eevdf,fifo --auto-turn 20ms";
    let options = [auto, "--raw", raw, "--budget", "3s"];
    let done = ab(&[&arms[..], &options].concat());
    let errors = String::from_utf8_lossy(&done.stderr);
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{errors}");
    for line in [" rounds; ended: ", "\n| fifo ", "\n| auto "] {
        assert!(said.contains(line), "{said}");
    }
    let is_up = service.0.try_wait().unwrap().is_none();
    assert!(is_up, "the service has ended");
    scx::await_disabled(STOP_LIMIT).unwrap();
    let kept = fs::read_to_string(raw).unwrap();
    for arm in 0..2 {
        let block = format!("\"kind\":\"block\",\"round\":1,\"arm\":{arm},");
        assert!(kept.contains(&block), "{kept}");
    }
    let again = Command::new(BENCH).args(["ab", "--from", raw]).output();
    assert_eq!(String::from_utf8_lossy(&again.unwrap().stdout), said);
}

#[test]
fn a_guard_ends_it_at_once_and_nothing_stays_loaded() {
    let _alone = alone();
    let _service = Service::start();
    let done = ab(&["fifo", "vtime", "--abort-if", "cmd:echo 3>2"]);
    assert!(!done.status.success());
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(
        said.contains("--abort-if: cmd:echo 3 is 3, under "),
        "{said}"
    );
    scx::await_disabled(STOP_LIMIT).unwrap();
}

#[test]
fn what_cannot_be_heard_is_refused_before_anything_is_loaded() {
    let _alone = alone();
    let before = scx::enable_seq().unwrap();
    for (source, word) in [
        ("file:/no/such/file", "--reward: file:/no/such/file"),
        ("uprobe:/bin/true:no_such_function", "no_such_function"),
    ] {
        let mut command = Command::new(BENCH);
        command.args(["ab", "fifo", "vtime", "--reward", source]);
        let done = command.arg("--scx-meta").arg(loader()).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(!done.status.success() && said.contains(word), "{said}");
    }
    assert_eq!(scx::enable_seq().unwrap(), before);
}
