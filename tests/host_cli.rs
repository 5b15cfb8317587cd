// SPDX-License-Identifier: GPL-2.0-only
//! The command line as a user without root meets it. Nothing here loads a
//! scheduler or writes to a running one.

use std::process::{Command, Output, Stdio};

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
    for (args, named) in [
        (["--policies", "fifo", "--pin", "nest"], "--pin nest"),
        (["--policies", "fifo", "--rotate", "nest"], "--rotate"),
        (["--policies", "fifo", "--weights", "nest=1"], "--weights"),
    ] {
        let output = run(&args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let error = text(&output.stderr);
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(error.contains(named), "{error}");
    }
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

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/contrib/profile.example.toml");

#[test]
fn a_dry_run_prints_the_table_and_ends() {
    let args = ["--profile", EXAMPLE, "--strategy", "benefit", "--dry-run"];
    let output = run(&args);
    let (table, warnings) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{warnings}");
    assert!(table.contains("made up by hand"), "{table}");
    let row = |name| table.lines().find(|line| line.starts_with(name));
    // 1.0662, 1.0291 and 0.99 of their sum, 3.0853, in 5400 ms.
    for (name, expected) in [
        ("frontend", "1866.10 ms"),
        ("backend", "1801.17 ms"),
        ("indexer", "1732.73 ms  does not beat EEVDF"),
    ] {
        let row = row(name).unwrap_or_else(|| panic!("{name}: {table}"));
        assert!(row.ends_with(expected), "{row}");
    }
    assert!(
        table.ends_with("weights: fifo 666451, vtime 333549; a rotation takes 5s 400ms\n"),
        "{table}"
    );
    assert!(warnings.starts_with("warning: indexer: "), "{warnings}");
    assert_eq!(warnings.lines().count(), 1, "{warnings}");
}

#[test]
fn a_dry_run_in_json_is_one_object() {
    let output = run(&[
        "--profile",
        EXAMPLE,
        "--strategy",
        "delta",
        "--base-slice",
        "20ms",
        "--dry-run",
        "--stats-json",
    ]);
    assert!(output.status.success());
    assert_eq!(text(&output.stdout).lines().count(), 1);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    // 30 : 90 : 400; the first and the last prefer fifo.
    assert_eq!(json["weights"]["fifo"], 826_923);
    assert_eq!(json["weights"]["vtime"], 173_077);
    assert_eq!(json["weights"]["nest"], 0);
    assert_eq!(json["period_us"], 60_000);
    let indexer = &json["applications"][2];
    assert_eq!(indexer["name"], "indexer");
    assert_eq!(indexer["policy"], "fifo");
    let time = indexer["timeslice_ms"].as_f64().expect("a number");
    assert!((time - 60.0 * 400.0 / 520.0).abs() < 1e-9, "{time}");
    // Said by the run itself, before it would begin.
    let warnings = text(&output.stderr);
    assert!(warnings.contains("the turn of vtime"), "{warnings}");
    assert!(warnings.contains("different concurrency"), "{warnings}");
}

#[test]
fn a_profile_that_is_cut_short_is_said_to_be() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("cut.toml");
    let cut = std::fs::read_to_string(EXAMPLE).expect("the example");
    let cut = cut.replace("partial = false", "partial = true");
    std::fs::write(&path, &cut).expect("written");
    let path = path.to_str().expect("UTF-8");
    let args = ["--profile", path, "--strategy", "benefit", "--dry-run"];
    let output = run(&args);
    assert!(output.status.success());
    let warning = text(&output.stderr).lines().next();
    let expected = format!("warning: {path} is partial: its measurement was cut short");
    assert_eq!(warning, Some(expected.as_str()));

    std::fs::write(path, cut.replace("throughput = 871.0", "throughput = 0")).expect("written");
    let output = run(&args);
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    let line = cut.lines().position(|line| line.contains("871.0"));
    let place = format!("scx_meta: {path}:{}: ", line.expect("there") + 1);
    assert!(error.starts_with(&place), "{error}");
    assert!(
        error.contains("under.central.throughput: 0 is not"),
        "{error}"
    );
    assert_eq!(error.lines().count(), 1, "{error}");
    assert_eq!(text(&output.stdout), "");
}

#[test]
fn a_strategy_without_the_latencies_it_needs_says_what_to_do() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("batch.toml");
    let example = std::fs::read_to_string(EXAMPLE).expect("the example");
    // The last application becomes a batch job.
    let (before, indexer) = example.split_at(example.find("name = \"indexer\"").expect("there"));
    let batch: Vec<_> = indexer
        .lines()
        .filter(|line| !line.starts_with("latency_quantile"))
        .map(|line| match line.split_once(", latency_ms = ") {
            Some((row, rest)) => format!("{row}{}", &rest[rest.find(", n").expect("n")..]),
            None => line.into(),
        })
        .collect();
    std::fs::write(&path, before.to_owned() + &batch.join("\n")).expect("written");
    let path = path.to_str().expect("UTF-8");
    let of = |more: &[&str]| run(&[&["--profile", path, "--dry-run"], more].concat());
    for (more, needs) in [
        (
            &["--strategy", "delta"][..],
            "which --strategy delta compares",
        ),
        (
            &["--strategy", "benefit", "--prefer", "p99"],
            "by which --prefer p99 chooses",
        ),
    ] {
        let output = of(more);
        assert_eq!(output.status.code(), Some(1));
        let error = text(&output.stderr);
        let expected =
            format!("scx_meta: --profile {path}: application `indexer` has no latency_ms, {needs}");
        assert!(error.starts_with(&expected), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    assert!(of(&["--strategy", "benefit"]).status.success());
}

#[test]
fn doctor_prints_a_verdict_a_line() {
    let output = run(&["doctor"]);
    let report = text(&output.stdout);
    for line in report.lines() {
        let verdict = line.split_whitespace().next();
        assert!(
            matches!(verdict, Some("ok" | "note" | "?" | "MISSING")),
            "{line}"
        );
    }
    assert_eq!(output.status.success(), !report.contains("MISSING"));
}

/// Values that are no number, too large, too small, or look like an option themselves: each is
/// refused where it is parsed, in one line that names the option.
#[test]
fn every_refused_value_is_one_line_that_names_its_option() {
    let values = |option: &str| -> &[&str] {
        match option {
            "--seconds" | "--stats" | "--watchdog" => &[
                "1.8e19",
                "1e999",
                "nan",
                "-nan",
                "inf",
                "-inf",
                "0",
                "-0",
                "-1",
                "",
                " ",
                "1s",
                "-x",
                "--",
                "99999999999999999999999",
            ],
            "--slice-us" | "--bpfland-slice-us" | "--cosmos-slice-us" => {
                &["-1", "1e3", "0", "4294967296", "", "-x"]
            }
            "--bpfland-lag-us" => &["-1", "1e3", "1000001", "", "-x"],
            "--central-cpu" => &["-1", "4294967296", "1.5", "", "-x"],
            "--base-slice" | "--eevdf-base-slice" => {
                &["-1", "-5ms", "18446744073709551615s", "0s", "2h", "", "nan"]
            }
            "--weights" => &["-1", "fifo=-1", "fifo=1e9", "-x", "", "="],
            "--rotate" => &["-1", "fifo=1", "all,fifo", "fifo,fifo", "-x", "", ","],
            _ => &["-1", "-x", "", "nan"],
        }
    };
    for option in [
        "--policies",
        "--weights",
        "--rotate",
        "--strategy",
        "--base-slice",
        "--slice-us",
        "--handover",
        "--central-cpu",
        "--rusty-steal",
        "--eevdf-base-slice",
        "--bpfland-slice-us",
        "--bpfland-lag-us",
        "--cosmos-slice-us",
        "--cosmos-busy-percent",
        "--pin",
        "--watchdog",
        "--on-ejection",
        "--stats",
        "--seconds",
    ] {
        for value in values(option) {
            for args in [vec![option, *value], vec![&*format!("{option}={value}")]] {
                let rest = ["--strategy", "round-robin", "--dry-run"];
                let rest = &rest[2 * usize::from(option == "--strategy")..];
                let output = run(&[&args[..], rest].concat());
                let error = text(&output.stderr);
                assert!(!output.status.success(), "{args:?} was taken");
                assert_eq!(error.lines().count(), 1, "{args:?}: {error}");
                assert!(error.starts_with("scx_meta: "), "{args:?}: {error}");
                assert!(error.contains(option), "{args:?}: {error}");
                assert!(text(&output.stdout).is_empty(), "{args:?}");
            }
        }
    }
}

#[test]
fn other_refusals_are_one_line_too_and_help_is_help() {
    for (args, names) in [
        (&["--stat", "1"][..], "--stat"),
        (&["--dry-run"], "--strategy <NAME>"),
        (&["--no-stats", "--stats", "1"], "--no-stats"),
        (&["--seconds"], "--seconds"),
        (&["set"], "NAME=VALUE"),
        (&["set", "fifo=-1"], "fifo=-1"),
        (&["set", "-1"], "-1"),
        (&["pin", "-1"], "-1"),
        (&["statuss"], "statuss"),
    ] {
        let output = run(args);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{args:?}: {error}");
        assert!(error.contains(names), "{args:?}: {error}");
    }
    for args in [&["--help"][..], &["help", "set"], &["--version"]] {
        let output = run(args);
        assert!(output.status.success(), "{args:?}");
        assert!(!output.stdout.is_empty(), "{args:?}");
    }
}
