// SPDX-License-Identifier: GPL-2.0-only
//! The command line: what is taken, and what is refused with which words.

use std::time::Duration;

use clap::CommandFactory;

use super::*;
use crate::bpf::abi;
use crate::loader::Loader;
use crate::sched::plan::DEFAULT_INTERVAL;
use crate::sched::retry::{OnEjection, AFTER_EJECTION, EJECTIONS, EJECTIONS_WITHIN};
use crate::sched::Plan;

fn plan(args: &[&str]) -> Result<Plan> {
    let args = ["scx_meta"].iter().chain(args);
    let run = Cli::try_parse_from(args)?.run;
    run.resolve()
}

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/contrib/profile.example.toml");

fn error(args: &[&str]) -> String {
    format!("{:#}", plan(args).unwrap_err())
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn one_policy_is_held_by_default() {
    let plan = plan(&[]).unwrap();
    assert_eq!(plan.knobs.weights.in_rotation(), 1);
    assert_eq!(plan.knobs.weights.get("eevdf".parse().unwrap()), 1);
    assert_eq!(plan.knobs.period_us, 1_800_000);
    assert_eq!(plan.tunables.slice.ns(), 20_000_000);
    assert_eq!(plan.run.report_every(), None);
}

#[test]
fn a_program_in_rust_gets_the_same_defaults() {
    let (said, typed) = (plan(&[]).unwrap(), Loader::new().plan().unwrap());
    assert_eq!(said.policies, typed.policies);
    assert_eq!(said.knobs.weights, typed.knobs.weights);
    assert_eq!(said.knobs.period_us, typed.knobs.period_us);
    assert_eq!((said.tunables, said.run), (typed.tunables, typed.run));
}

#[test]
fn all_policies_but_central_and_pair_rotate_for_1800_ms_each() {
    let plan = plan(&["--rotate", "all"]).unwrap();
    let turning = Policy::all().count() as u32 - 2;
    for left_out in ["central", "pair"] {
        assert_eq!(plan.knobs.weights.get(left_out.parse().unwrap()), 0);
    }
    assert_eq!(plan.knobs.period_us, turning * 1_800_000);
}

#[test]
fn the_period_counts_policies_with_a_weight() {
    let plan = plan(&["--weights", "fifo=1,vtime=3", "--base-slice", "100ms"]).unwrap();
    assert_eq!(plan.knobs.period_us, 200_000);
}

#[test]
fn a_strategy_fills_the_maps_over_the_loaded_policies() {
    let get = |plan: &Plan, name: &str| plan.knobs.weights.get(name.parse().unwrap());
    let args = ["--profile", EXAMPLE, "--strategy", "benefit-gain"];
    let all = plan(&args).unwrap();
    // 0.0662 : 0.0291, and the third application gains nothing.
    assert_eq!(get(&all, "fifo"), 694_648);
    assert_eq!(get(&all, "vtime"), 305_352);
    assert_eq!(all.knobs.period_us, 3 * 1_800_000);

    let some = [&args[..], &["--policies", "nest,vtime"]].concat();
    let some = plan(&some).unwrap();
    // 0.011 : 0.0291
    assert_eq!(get(&some, "nest"), 274_314);
    assert_eq!(get(&some, "vtime"), 725_686);

    let by_p99 = [&args[..3], &["delta", "--prefer", "p99"]].concat();
    let by_p99 = plan(&by_p99).unwrap();
    // 30 : 90 + 400: the third one prefers vtime by p99.
    assert_eq!(get(&by_p99, "fifo"), 57_692);
    assert_eq!(get(&by_p99, "vtime"), 942_308);
}

#[test]
fn round_robin_needs_no_profile() {
    let computed = plan(&["--strategy", "round-robin", "--base-slice", "100ms"]).unwrap();
    let rotated = plan(&["--rotate", "all", "--base-slice", "100ms"]).unwrap();
    assert_eq!(computed.knobs.period_us, rotated.knobs.period_us);
    let turning = rotated.knobs.weights.in_rotation();
    assert_eq!(computed.knobs.weights.in_rotation(), turning);
}

#[test]
fn json_has_an_interval_of_its_own() {
    let run = plan(&["--stats-json"]).unwrap().run;
    assert_eq!(run.report_every(), Some(DEFAULT_INTERVAL));
    let run = plan(&["--stats", "0.5"]).unwrap().run;
    assert_eq!(run.report_every(), Some(Duration::from_millis(500)));
    assert!(!run.stats_json);
}

#[test]
fn errors_name_the_option_and_the_item() {
    for (args, expected) in [
        (
            &["--weights", "fifo=1,foo=2"][..],
            &["--weights", "`foo`", "known: fifo"][..],
        ),
        (&["--policies", "fifo,fifo"], &["--policies", "named twice"]),
        (
            &["--policies", "fifo", "--weights", "nest=1"],
            &["--weights", "`nest=1`"],
        ),
        (&["--policies", "fifo", "--pin", "nest"], &["--pin nest"]),
        (&["--pin", "nestt"], &["--pin", "`nestt`", "known:"]),
        (&["--base-slice", "1800"], &["--base-slice", "no unit"]),
        (&["--base-slice", "2h"], &["--base-slice", "out of range"]),
        (&["--slice-us", "99"], &["--slice-us", "100..=100000"]),
        (&["--seconds", "0"], &["--seconds", "0.1"]),
        (&["--seconds", "1.8e19"], &["--seconds", "31536000"]),
        (&["--stats", "1.8e19"], &["--stats", "31536000"]),
        (&["--stats", "nan"], &["--stats", "`nan` is not a number"]),
        (&["--stats", "-1"], &["--stats", "0.1"]),
        (&["--seconds", "-inf"], &["--seconds", "`-inf` is not"]),
        (&["--watchdog", "31"], &["--watchdog", "from 2 to 30"]),
        (&["--watchdog", "1.9"], &["--watchdog", "from 2 to 30"]),
        (
            &["--on-ejection", "wait"],
            &["--on-ejection", "retry, exit"],
        ),
        (&["--slice-us", "-1"], &["--slice-us", "-1"]),
        (&["--pin", "-1"], &["--pin", "`-1`"]),
        (&["--weights", "-1"], &["--weights", "`-1`"]),
        (&["--base-slice", "-5ms"], &["--base-slice", "`-5ms`"]),
        (&["--stats", "--json"], &["--stats", "`--json`"]),
        (
            &["--strategy", "delta"],
            &["--strategy delta needs --profile"],
        ),
        (
            &["--strategy", "gain"],
            &["--strategy", "round-robin", "delta-benefit-gain"],
        ),
        (&["--profile", EXAMPLE], &["required", "--strategy <NAME>"]),
        (&["--dry-run"], &["required", "--strategy <NAME>"]),
        (
            &["--strategy", "round-robin", "--prefer", "p99"],
            &["required", "--profile <FILE>"],
        ),
        (
            &["--strategy", "round-robin", "--weights", "fifo=1"],
            &["--strategy", "cannot be used with", "--weights"],
        ),
        (
            &[
                "--strategy",
                "delta",
                "--profile",
                EXAMPLE,
                "--base-slice",
                "1201s",
            ],
            &["--base-slice times n = 3", "out of range", "1ms to 1h"],
        ),
        (
            &["--strategy", "delta", "--profile", "/nonexistent"],
            &["--profile /nonexistent"],
        ),
    ] {
        let error = error(args);
        for part in expected {
            assert!(error.contains(part), "{args:?}: {part}: {error}");
        }
    }
}

#[test]
fn a_refusal_is_one_line_that_names_the_option() {
    for args in [
        &["--stats", "nan"][..],
        &["--handover", "x"],
        &["--stat", "1"],
        &["--profile", "x"],
        &["set"],
        &["set", "-1"],
        &["pin", "-1"],
        &["nope"],
    ] {
        let args = ["scx_meta"].iter().chain(args);
        let error = Cli::try_parse_from(args.clone()).unwrap_err();
        let line = one_line(&error.to_string());
        assert_eq!(line.lines().count(), 1, "{line}");
        assert!(
            !line.contains("Usage") && !line.contains("error:"),
            "{line}"
        );
        println!("{line}");
    }
}

#[test]
fn the_watchdog_and_what_follows_an_ejection_have_defaults() {
    let default = plan(&[]).unwrap().run;
    assert_eq!(default.watchdog, "10".parse().unwrap());
    assert_eq!(default.on_ejection, OnEjection::Retry);
    let chosen = ["--watchdog", "2.5", "--on-ejection", "exit"];
    let chosen = plan(&chosen).unwrap().run;
    assert_eq!(chosen.watchdog, "2.5".parse().unwrap());
    assert_eq!(chosen.on_ejection, OnEjection::Exit);
}

#[test]
fn help_states_when_it_loads_again() {
    let help = Cli::command().render_help().to_string();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let delays: Vec<u64> = (0..EJECTIONS as u32)
        .map(|times| AFTER_EJECTION.as_secs() << times)
        .collect();
    assert_eq!(delays, [1, 2, 4, 8, 16]);
    let expected = format!(
        "after 1 s, then 2, 4, 8 and 16 s, up to {} times within {} minutes",
        EJECTIONS,
        EJECTIONS_WITHIN.as_secs() / 60
    );
    assert!(help.contains(&expected), "{help}");
}

#[test]
fn help_states_the_ranges_that_are_enforced() {
    let help = Cli::command().render_help().to_string();
    for (min, max) in [
        (
            abi::meta_limits_META_MIN_SLICE_US,
            abi::meta_limits_META_MAX_SLICE_US,
        ),
        (0, abi::meta_limits_META_MAX_WEIGHT),
    ] {
        assert!(help.contains(&format!("from {min} to {max}")), "{help}");
    }
}

#[test]
fn assignments_may_be_words_or_one_list() {
    for args in [
        &["set", "fifo=3", "vtime=1"][..],
        &["set", "fifo=3,vtime=1"],
    ] {
        let args = ["scx_meta"].iter().chain(args);
        let cli = Cli::try_parse_from(args).unwrap();
        let Some(Command::Set { items }) = cli.command else {
            panic!("not a set");
        };
        assert_eq!(items.len(), 2);
    }
}

#[test]
fn who_chooses_by_itself_gives_no_weights() {
    let chosen = plan(&["--auto"]).unwrap();
    let auto = chosen.auto.unwrap();
    let names: Vec<&str> = auto.arms.iter().map(Policy::name).collect();
    assert_eq!(names, ["eevdf", "bpfland", "rusty", "fifo"]);
    assert_eq!(auto.explore.to_string(), "5");
    assert_eq!(auto.turn, Duration::from_millis(100));
    assert_eq!(chosen.knobs.weights.in_rotation(), 0);
    assert_eq!(
        chosen.knobs.period_us, 1_800_000,
        "for weights that come later"
    );

    let told = plan(&[
        "--auto=fifo,eevdf",
        "--reward",
        "cmd:date +%s",
        "--reward-lower",
    ])
    .unwrap();
    assert_eq!(told.auto.unwrap().signals(), [0, 0, 0, -256]);
    assert!(plan(&[]).unwrap().auto.is_none());
}

#[test]
fn options_that_auto_contradicts_or_that_need_it_are_refused() {
    for args in [
        &["--auto", "--weights", "fifo=1"][..],
        &["--auto", "--rotate", "all"],
        &["--auto", "--strategy", "round-robin"],
        &["--goal", "latency"],
        &["--explore", "1"],
        &["--auto-turn", "100ms"],
        &["--reward", "cmd:date"],
        &["--auto", "--reward", "cmd:date", "--goal", "latency"],
        &["--auto", "--reward-gauge"],
        &["--auto=eevdf,cosmos", "--policies", "eevdf,fifo"],
    ] {
        assert!(plan(args).is_err(), "{args:?}");
    }
    let said = error(&["--auto=eevdf,cosmos", "--policies", "eevdf,fifo"]);
    assert_eq!(said, "--auto cosmos, but --policies loads only eevdf, fifo");
}
