// SPDX-License-Identifier: GPL-2.0-only
//! A configuration file under a program that runs: SIGHUP, modes, and what is wrong with a file.

use std::fs;
use std::process::Command;
use std::time::Duration;

use labkit::{process, scx};
use tempfile::TempDir;

use crate::fixture;
use crate::maps::{policy, Maps};
use crate::own::Machine;

const LIMIT: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(10);

const LOADED: &str = "[options]\npolicies = 'fifo,vtime,nest'\n";

#[test]
fn a_hangup_has_the_file_read_again_and_nothing_is_loaded_anew() {
    let machine = Machine::take();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("config.toml");
    let write = |rest: &str| fs::write(&file, format!("{LOADED}{rest}")).unwrap();
    let named = file.to_str().unwrap();
    write("weights = { fifo = 1 }\n[modes.other]\npin = 'nest'\nweights = 'vtime=5'\n");
    let mut own = machine.start(&["--config", named], |_| ());
    let before = scx::enable_seq().unwrap();
    let maps = Maps::open();
    let [fifo, vtime, nest] = ["fifo", "vtime", "nest"].map(policy);
    let weights = || [fifo, vtime, nest].map(|policy| maps.weight(policy));
    let becomes = |wanted: [u32; 3]| process::await_that(LIMIT, LOOK, || weights() == wanted);
    let active = || maps.status().active;
    assert_eq!(weights(), [1, 0, 0]);

    write("weights = { vtime = 2, nest = 3 }\n");
    own.signal(libc::SIGHUP);
    assert!(becomes([0, 2, 3]), "{}", own.said());
    own.await_said("the configuration was read again", 1, LIMIT);

    // Nothing of a file that is wrong, or of a policy that is not there, is taken.
    for (rest, told) in [
        ("weights = { fifo = 7 }\nwatchdog = 99", ":4: watchdog: "),
        ("weights = { fifo = 7, qmap = 1 }", "qmap"),
    ] {
        write(rest);
        own.signal(libc::SIGHUP);
        own.await_said(told, 1, LIMIT);
        assert_eq!(weights(), [0, 2, 3]);
    }
    write("weights = { fifo = 7 }\nwatchdog = 20\n");
    own.signal(libc::SIGHUP);
    own.await_said("options of the run differ", 1, LIMIT);
    assert!(becomes([7, 0, 0]), "{}", own.said());

    write("weights = { fifo = 1 }\n[modes.other]\npin = 'nest'\nweights = 'vtime=5'\n");
    let mode = |words: &[&str]| {
        let mut command = Command::new(fixture::binary());
        command.arg("mode").args(words).args(["--config", named]);
        command.output().unwrap()
    };
    assert_eq!(mode(&[]).stdout, b"other\n");
    assert!(mode(&["other"]).status.success());
    assert_eq!(weights(), [0, 5, 0]);
    assert!(process::await_that(LIMIT, LOOK, || active() == nest.id()));
    let none = mode(&["none"]);
    let said = String::from_utf8_lossy(&none.stderr);
    assert!(
        said.contains("there is no mode `none`, only other"),
        "{said}"
    );

    assert!(own.lives());
    assert_eq!(scx::enable_seq().unwrap(), before);
    assert!(own.stop(LIMIT).0.success());
}
