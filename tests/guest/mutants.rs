// SPDX-License-Identifier: GPL-2.0-only
//! The identity tests can fail: with another policy in the place of the one that a test is about
//! (mutant.rs), that test must say no. Each runs this very program again, on the shared scheduler.

use std::env;
use std::process::{Command, Stdio};

use scx_meta::policy::Policy;

use crate::mutant::{SAID, VARIABLE};

/// What libtest returns when a test failed: it ran, and said no.
const TEST_FAILED: i32 = 101;

/// The test of `row`, with `player` in its place, fails with one of these `verdicts`.
fn is_noticed(row: &str, player: &str, verdicts: &[&str]) {
    let test = format!("identity::identity_{row}");
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", &test, "--nocapture", "--test-threads=1"])
        .env(VARIABLE, format!("{row}={player}"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    let said = said.concat();
    println!("{said}");
    assert!(said.contains("running 1 test"), "there is no {test}");
    let cast = format!("{SAID}{player} plays {row}");
    assert!(said.contains(&cast), "the mutant was not in charge");
    assert_eq!(
        output.status.code(),
        Some(TEST_FAILED),
        "{test} does not notice that {player} plays {row}"
    );
    assert!(
        verdicts.iter().any(|verdict| said.contains(verdict)),
        "{test} failed for another reason than {verdicts:?}"
    );
    assert!(
        !said.contains("after the test:"),
        "the mutant left the scheduler unwell"
    );
}

macro_rules! mutants {
    ($($test:ident: $player:literal plays $row:literal, $($verdict:literal),+;)*) => {
        const TESTED: &[&str] = &[$($row),*];
        $(
            #[test]
            fn $test() {
                is_noticed($row, $player, &[$($verdict),+]);
            }
        )*
    };
}

mutants! {
    fifo_as_vtime: "vtime" plays "fifo", "expected 1.000";
    vtime_as_fifo: "fifo" plays "vtime", "expected 9.091";
    central_as_fifo: "fifo" plays "central", "other CPUs took tasks by themselves";
    nest_as_fifo: "fifo" plays "nest", "nest spreads as wide as fifo",
        "the nest does not shrink after a burst";
    qmap_as_fifo: "fifo" plays "qmap", "expected 1.000", "expected 16.000";
    pair_as_fifo: "fifo" plays "pair", "both cgroups ran";
    rusty_as_fifo: "fifo" plays "rusty", "the load is not even",
        "tasks still move between caches";
    rustland_as_fifo: "fifo" plays "rustland", "the sleeper's p90 is no better";
    eevdf_as_vtime: "vtime" plays "eevdf", "the sleeper is no better off";
    bpfland_as_fifo: "fifo" plays "bpfland", "who wakes often waits during its burst";
    cosmos_as_fifo: "fifo" plays "cosmos", "the sleeper's p90 is no better";
}

#[test]
fn every_policy_of_the_table_has_a_mutant() {
    let names: Vec<&str> = Policy::all().map(Policy::name).collect();
    assert_eq!(names, TESTED);
}
