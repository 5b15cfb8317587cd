// SPDX-License-Identifier: GPL-2.0-only
//! What happens around the loader: it dies, or a second one comes.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use std::{fs, thread};

use labkit::sys::RealTime;
use labkit::{process, scx};
use scx_meta::policy::Policy;

use crate::clock::{ms, now_ns, MS};
use crate::loads;
use crate::maps::{pin_path, policy, PIN_DIR};
use crate::scheduler::{self, Scheduler};

#[test]
fn kill_nine_of_the_loader_unloads_within_a_second() {
    let first = Scheduler::start(&["--base-slice", "100ms"]);
    let hogs = loads::hogs(4);
    thread::sleep(Duration::from_secs(1));
    let took_ns = time_to_unload(first);
    println!("unloaded {:.0} ms after kill -9", ms(took_ns));
    assert!(Path::new(PIN_DIR).exists(), "who removed the stale pins?");
    let stale = inodes();

    // Beside them a start takes several times as long.
    drop(hogs);
    let second = Scheduler::start(&["--pin", "nest"]);
    assert_ne!(inodes(), stale, "stale pins were not replaced");
    assert_eq!(second.status_json()["active"], "nest");
    drop(second);
    assert!(took_ns <= 1000 * MS, "took {:.0} ms", ms(took_ns));
}

const UNLOAD_LIMIT: Duration = Duration::from_secs(30);

fn time_to_unload(mut scheduler: Scheduler) -> u64 {
    let _real_time = RealTime::enter().unwrap();
    let start = now_ns();
    scheduler.kill();
    scx::await_disabled(UNLOAD_LIMIT).unwrap();
    let took_ns = now_ns() - start;
    scheduler.wait();
    took_ns
}

/// Of every pin, to notice when one is replaced.
fn inodes() -> Vec<(String, u64)> {
    let mut pins: Vec<(String, u64)> = fs::read_dir(PIN_DIR)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, entry.metadata().unwrap().ino())
        })
        .collect();
    pins.sort();
    pins
}

#[test]
fn a_second_scheduler_is_refused_clearly() {
    let mut first = Scheduler::shared();
    first.all_take_turns(Duration::from_millis(50));
    let pins = inodes();
    let output = scheduler::run(&[]);
    let said = String::from_utf8(output.stderr).unwrap();
    println!("{said}");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("already running"), "{said}");
    assert!(output.stdout.is_empty());

    assert_eq!(inodes(), pins);
    let generation = first.maps().status().generation;
    assert!(
        process::await_that(Duration::from_secs(10), Duration::from_millis(50), || {
            first.maps().status().generation > generation
        }),
        "the first one stopped switching"
    );
    first.assert_healthy();
}

#[test]
fn map_dump_shows_policy_names() {
    let scheduler = Scheduler::shared();
    scheduler.only(policy("vtime"));
    let dump = |map: &str| {
        let output = Command::new("bpftool")
            .args(["-j", "map", "dump", "pinned", &pin_path(map)])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let (weights, pinned) = (dump("weights"), dump("pinned"));
    println!("{weights}\n{pinned}");
    for policy in Policy::all() {
        let name = format!("META_{}", policy.name().to_uppercase());
        assert!(weights.contains(&name), "{name}");
    }
    assert!(pinned.contains("META_VTIME"));
}
