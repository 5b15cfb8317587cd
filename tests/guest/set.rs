// SPDX-License-Identifier: GPL-2.0-only
//! `scx_meta set` and `pin` make all of their changes or none, whatever becomes of what they print.

use std::fs::OpenOptions;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use labkit::process;
use libbpf_rs::{ErrorKind, MapCore, MapFlags, MapHandle};
use scx_meta::policy::Policy;

use crate::fixture;
use crate::maps::{pin_path, policy};
use crate::scheduler::Scheduler;

/// Longer than any test: what is seen of a change comes from the change.
const LONG: Duration = Duration::from_secs(600);

const SEEN_LIMIT: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(10);

/// Where the output goes that nobody gets.
#[derive(Clone, Copy, Debug)]
enum Lost {
    /// `| true`
    ClosedPipe,
    /// `> /dev/full`
    FullDisk,
}

fn run(args: &[&str], lost: Lost) -> Output {
    let stdout: Stdio = match lost {
        Lost::ClosedPipe => {
            let (reader, writer) = nix::unistd::pipe().unwrap();
            drop(reader);
            writer.into()
        }
        Lost::FullDisk => {
            let full = OpenOptions::new().write(true).open("/dev/full");
            full.unwrap().into()
        }
    };
    let mut command = Command::new(fixture::binary());
    command.args(args).stdin(Stdio::null()).stdout(stdout);
    command.stderr(Stdio::piped());
    command.spawn().unwrap().wait_with_output().unwrap()
}

/// A reader that went away is no failure; a full disk is one, and the changes are made all the same.
fn assert_said(output: &Output, lost: Lost) {
    let said = String::from_utf8_lossy(&output.stderr);
    println!("{lost:?}: {}, {said:?}", output.status);
    match lost {
        Lost::ClosedPipe => assert!(output.status.success() && said.is_empty(), "{said}"),
        Lost::FullDisk => {
            assert_eq!(output.status.code(), Some(1));
            assert_eq!(said.lines().count(), 1, "{said}");
            assert!(said.contains("all is written and in effect"), "{said}");
            assert!(said.contains("No space left on device"), "{said}");
        }
    }
}

/// The length of the turn under way is `ns` soon.
fn await_turn(scheduler: &Scheduler, ns: u64) {
    let seen = process::await_that(SEEN_LIMIT, LOOK, || scheduler.maps().status().turn_ns == ns);
    let turn_ns = scheduler.maps().status().turn_ns;
    assert!(seen, "the turn is {turn_ns} ns and not {ns}");
}

fn three() -> [(Policy, u32); 3] {
    ["fifo", "vtime", "nest"].map(|name| (policy(name), 1))
}

#[test]
fn set_makes_all_of_its_changes_whatever_becomes_of_its_output() {
    let scheduler = Scheduler::shared();
    for lost in [Lost::ClosedPipe, Lost::FullDisk] {
        scheduler.rotate(&three(), LONG);
        let active = scheduler.maps().status().active;
        let args = ["set", "fifo=20", "vtime=20", "nest=20", "period=3000s"];
        assert_said(&run(&args, lost), lost);
        for (policy, _) in three() {
            assert_eq!(scheduler.maps().weight(policy), 20, "{policy}");
        }
        await_turn(&scheduler, 1_000_000_000_000);
        assert_eq!(scheduler.maps().status().active, active);
    }
}

#[test]
fn pin_and_unpin_work_whatever_becomes_of_their_output() {
    let scheduler = Scheduler::shared();
    for lost in [Lost::ClosedPipe, Lost::FullDisk] {
        scheduler.rotate(&three(), LONG);
        assert_said(&run(&["pin", "nest"], lost), lost);
        let nest = policy("nest").id();
        let held = process::await_that(SEEN_LIMIT, LOOK, || {
            let status = scheduler.maps().status();
            status.active == nest && status.turn_ns == 0
        });
        assert!(held, "nest is not held");
        assert_said(&run(&["unpin"], lost), lost);
        await_turn(&scheduler, LONG.as_nanos() as u64 / 3);
    }
}

/// Of the map, all keys that no policy has, until it is full.
fn fill_with_garbage(weights: &MapHandle) -> Vec<[u8; 4]> {
    let mut keys = Vec::new();
    for key in (1000u32..).map(u32::to_ne_bytes) {
        match weights.update(&key, &[0; 4], MapFlags::ANY) {
            Ok(()) => keys.push(key),
            Err(error) if error.kind() == ErrorKind::TooBig => return keys,
            Err(error) => panic!("{error}"),
        }
    }
    unreachable!("a map has an end");
}

#[test]
fn set_changes_nothing_if_one_of_its_items_cannot_be_written() {
    let scheduler = Scheduler::shared();
    scheduler.rotate(&three(), LONG);
    let weights = MapHandle::from_pinned_path(pin_path("weights")).unwrap();
    let nest = policy("nest");
    weights.delete(&nest.id().to_ne_bytes()).unwrap();
    let garbage = fill_with_garbage(&weights);
    await_turn(&scheduler, LONG.as_nanos() as u64 / 2);

    let args = ["set", "fifo=11", "vtime=0", "period=3000s", "nest=13"];
    let output = Command::new(fixture::binary()).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    println!("{} keys of garbage: {said}", garbage.len());
    let after = ["fifo", "vtime"].map(|name| scheduler.maps().weight(policy(name)));
    let period_us = scheduler.period_us();
    for key in garbage {
        weights.delete(&key).unwrap();
    }
    scheduler.maps().set_weight(nest, 0);

    assert_eq!(output.status.code(), Some(1));
    assert_eq!(said.lines().count(), 1, "{said}");
    for part in [
        "nothing is changed",
        "the weight of nest",
        "the map is full",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(output.stdout.is_empty());
    assert_eq!(after, [1, 1]);
    assert_eq!(u128::from(period_us), LONG.as_micros());
}

/// What is out of range in the maps is shown as the program holds it.
#[test]
fn status_shows_what_the_program_makes_of_the_maps() {
    let scheduler = Scheduler::shared();
    scheduler.rotate(&three(), LONG);
    scheduler.maps().set_period_us(u32::MAX);
    scheduler.maps().set_weight(policy("fifo"), u32::MAX);
    let json = scheduler.status_json();
    assert_eq!(json["period_us"], 3_600_000_000u64);
    assert_eq!(json["policies"][0]["weight"], 1_000_000);
    let output = Command::new(fixture::binary())
        .arg("status")
        .output()
        .unwrap();
    let headline = String::from_utf8(output.stdout).unwrap();
    println!("{headline}");
    assert!(headline.contains("rotation 3600.00 s (4294967295 us is written)"));
}
