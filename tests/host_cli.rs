// SPDX-License-Identifier: GPL-2.0-only
//! The command line as a user without root meets it. Nothing here loads a
//! scheduler or writes to a running one.

use std::process::Command;
use std::process::Output;
use std::process::Stdio;

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scx_meta"));
    command.args(args);
    command
}

fn run(args: &[&str]) -> Output {
    command(args).output().expect("scx_meta starts")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("output is UTF-8")
}

#[test]
fn list_policies_shows_every_policy_of_the_table() {
    let output = run(&["--list-policies"]);
    assert!(output.status.success());
    let listed = text(&output.stdout);
    for policy in scx_meta::policy::Policy::all() {
        let row = listed.lines().find(|line| line.starts_with(policy.name()));
        let row = row.unwrap_or_else(|| panic!("{policy}: {listed}"));
        assert!(row.contains(policy.description()), "{row}");
    }
}

#[test]
fn version_is_the_packages() {
    let output = run(&["--version"]);
    assert_eq!(
        text(&output.stdout),
        concat!("scx_meta ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn a_wrong_option_fails_and_names_itself() {
    let output = run(&["--weights", "fifo=1,foo=2"]);
    assert!(!output.status.success());
    let error = text(&output.stderr);
    assert!(
        error.contains("--weights") && error.contains("`foo`"),
        "{error}"
    );
}

#[test]
fn options_that_contradict_each_other_fail_in_one_line() {
    let output = run(&["--policies", "fifo", "--pin", "nest"]);
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.contains("--pin nest"), "{error}");
}

#[test]
fn a_reader_that_went_away_is_no_panic() {
    for args in [&["--list-policies"][..], &["doctor"]] {
        let (reader, writer) = nix::unistd::pipe().expect("a pipe");
        drop(reader);
        let child = command(args)
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .expect("scx_meta starts");
        let output = child.wait_with_output().expect("scx_meta ends");
        assert!(output.status.success(), "{args:?}: {:?}", output.status);
        assert_eq!(text(&output.stderr), "", "{args:?}");
    }
}

#[test]
fn doctor_prints_a_verdict_a_line() {
    let output = run(&["doctor"]);
    let report = text(&output.stdout);
    for line in report.lines() {
        let verdict = line.split_whitespace().next();
        assert!(matches!(verdict, Some("ok" | "?" | "MISSING")), "{line}");
    }
    assert_eq!(output.status.success(), !report.contains("MISSING"));
}
