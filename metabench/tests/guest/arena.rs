// SPDX-License-Identifier: GPL-2.0-only
//! A small scenario, from its file to the page.

use std::fs;
use std::process::{Command, Output};

use labkit::meta::STOP_LIMIT;
use labkit::scx;
use tempfile::TempDir;

use crate::{alone, loader};

const SCENARIO: &str = r#"
name = "in-turn"
[[application]]
name = "chain"
concurrency = 2
throughput_unit = "things/s"
seconds = 1
command = ["{scx_metabench}", "load", "chain", "--seconds", "{seconds}", "--stages", "2"]
reader = "load"
[[application]]
name = "starts"
concurrency = 1
throughput_unit = "programs/s"
seconds = 1
command = ["{scx_metabench}", "load", "starts", "--seconds", "{seconds}"]
reader = "load"
[whole]
by_turns = ["chain", "starts"]
[arena]
metric = "throughput"
cpus = 2
reward = "uprobe:{scx_metabench}:scx_metabench_done"
"#;

fn arena(folder: &TempDir, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scx_metabench"));
    command.arg("arena").args(more);
    command.args([
        "--policies",
        "eevdf,fifo",
        "--rounds",
        "1",
        "--auto",
        "eevdf,fifo",
    ]);
    command.args(["--lead", "1s", "--out"]).arg(folder.path());
    command.arg("--scx-meta").arg(loader()).output().unwrap()
}

#[test]
fn a_scenario_is_measured_once_and_comes_on_the_page() {
    let _alone = alone();
    let folder = TempDir::new_in("/run").unwrap();
    let file = folder.path().join("in-turn.toml");
    fs::write(&file, SCENARIO).unwrap();
    let file = [file.to_str().unwrap()];
    let page = || fs::read_to_string(folder.path().join("arena.md")).unwrap();

    let done = arena(&folder, &file);
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    let first = page();
    for line in [
        "| auto | 1 |",
        "| auto, own word | 1 |",
        "| equal rotation | 1 |",
        "| in-turn, turn 2 |",
    ] {
        assert!(first.contains(line), "{line} is not in\n{first}");
    }
    scx::await_disabled(STOP_LIMIT).unwrap();

    let again = arena(&folder, &file);
    let said = String::from_utf8_lossy(&again.stderr);
    assert!(said.contains("in-turn was measured before"), "{said}");
    assert_eq!(page(), first);

    let none = arena(&folder, &["/no/such/scenario.toml"]);
    let said = String::from_utf8_lossy(&none.stderr);
    assert!(said.contains("/no/such/scenario.toml"), "{said}");
}
