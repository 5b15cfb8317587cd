// SPDX-License-Identifier: GPL-2.0-only
//! Which package of the workspace may use which: the walls of the house.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

/// Of each package those of ours that it uses, apart from its tests. What the loader and the
/// benches are made of comes before them; the two benches share what is below them, and not each
/// other; xtask runs them all as programs.
const MAY_USE: [(&str, &[&str]); 10] = [
    ("strategy", &[]),
    ("scx_meta", &["strategy"]),
    ("labkit", &["scx_meta"]),
    ("evidence", &["labkit"]),
    (
        "scx_metabench",
        &["evidence", "labkit", "scx_meta", "strategy"],
    ),
    ("dist", &["scx_meta", "scx_metabench"]),
    ("scx_microbench", &["evidence", "labkit", "scx_meta"]),
    ("rotation-tests", &[]),
    ("lab", &["labkit"]),
    ("xtask", &["lab", "labkit"]),
];

/// What only tests use.
const TESTS_MAY_USE: [(&str, &[&str]); 2] =
    [("scx_meta", &["labkit"]), ("scx_metabench", &["evidence"])];

/// Package by package what it uses of ours, if it is of this kind.
fn used(metadata: &Value, is_of_kind: fn(&Value) -> bool) -> BTreeMap<String, Vec<String>> {
    let packages = metadata["packages"].as_array().unwrap().iter();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    let ours = |package: &Value| {
        let all = package["dependencies"].as_array().unwrap().iter();
        let ours = all.filter(|used| used["path"].is_string() && is_of_kind(&used["kind"]));
        let mut ours: Vec<String> = ours.map(name).collect();
        ours.sort();
        ours
    };
    let used = packages.map(|package| (name(package), ours(package)));
    used.collect()
}

fn table(rows: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    let row = |(name, used): &(&str, &[&str])| {
        let used = used.iter().map(|name| (*name).to_owned());
        ((*name).to_owned(), used.collect())
    };
    rows.iter().map(row).collect()
}

#[test]
fn packages_use_only_what_is_below_them() {
    let said = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .output()
        .unwrap();
    assert!(said.status.success(), "{said:?}");
    let metadata: Value = serde_json::from_slice(&said.stdout).unwrap();
    let is_for_tests = |kind: &Value| *kind == "dev";
    let mut by_tests = used(&metadata, is_for_tests);
    by_tests.retain(|_, used| !used.is_empty());
    assert_eq!(used(&metadata, |kind| *kind != "dev"), table(&MAY_USE));
    assert_eq!(by_tests, table(&TESTS_MAY_USE));
}
