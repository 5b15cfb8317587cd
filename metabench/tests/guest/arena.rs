// SPDX-License-Identifier: GPL-2.0-only
//! Two small scenarios, from their files to the page.

use std::fs;
use std::process::{Command, Output};

use labkit::meta::STOP_LIMIT;
use labkit::scx;
use tempfile::TempDir;

use crate::{alone, loader};

const SCENARIO: &str = r#"
name = "NAME"
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
HOW = ["chain", "starts"]
[arena]
metric = "throughput"
cpus = 2
REWARD
"#;

const REWARD: &str = "reward = \"uprobe:{scx_metabench}:scx_metabench_done\"";

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
fn scenarios_are_measured_once_and_come_on_one_page() {
    let _alone = alone();
    let folder = TempDir::new_in("/run").unwrap();
    let file = |name: &str, how: &str, reward: &str| {
        let text = SCENARIO.replace("NAME", name).replace("HOW", how);
        let path = folder.path().join(format!("{name}.toml"));
        fs::write(&path, text.replace("REWARD", reward)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let files = [
        file("at-once", "together", REWARD),
        file("in-turn", "by_turns", ""),
    ];
    let files = files.each_ref().map(String::as_str);

    let done = arena(&folder, &files);
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    let page = fs::read_to_string(folder.path().join("arena.md")).unwrap();
    for line in [
        "| auto | 2 |",
        "| auto, own word | 1 |",
        "| equal rotation | 2 |",
        "| in-turn, turn 2 |",
    ] {
        assert!(page.contains(line), "{line} is not in\n{page}");
    }
    scx::await_disabled(STOP_LIMIT).unwrap();

    let again = arena(&folder, &files);
    let said = String::from_utf8_lossy(&again.stderr);
    assert_eq!(said.matches("was measured before").count(), 2, "{said}");
    assert_eq!(
        fs::read_to_string(folder.path().join("arena.md")).unwrap(),
        page
    );

    let none = arena(&folder, &["/no/such/scenario.toml"]);
    let said = String::from_utf8_lossy(&none.stderr);
    assert!(said.contains("/no/such/scenario.toml"), "{said}");
}
