// SPDX-License-Identifier: GPL-2.0-only
//! What `scx_meta doctor` notes about a machine on which all that is needed is there.

use std::process::Command;
use std::thread;
use std::time::Duration;

use labkit::program::Program;

use crate::cgroups::Cgroup;
use crate::scheduler::{self, Scheduler};

/// The line of a check.
fn line(report: &str, check: &str) -> String {
    let found = report.lines().find(|line| line[9..].starts_with(check));
    found
        .unwrap_or_else(|| panic!("{check}: {report}"))
        .to_owned()
}

fn doctor() -> String {
    let output = scheduler::run(&["doctor"]);
    let report = String::from_utf8(output.stdout).unwrap();
    println!("{report}");
    assert!(output.status.success(), "notes are no failure");
    report
}

#[test]
fn doctor_notes_settings_that_are_void() {
    let _scheduler = Scheduler::shared();
    let (limited, light) = (Cgroup::create("meta_limited"), Cgroup::create("meta_light"));
    assert!(line(&doctor(), "cgroups").starts_with("ok"));
    limited.write("cpu.max", "50000 100000");
    light.write("cpu.weight", "50");
    let found = line(&doctor(), "cgroups");
    assert!(found.starts_with("note"), "{found}");
    for part in [
        "/meta_limited (cpu.max 50000 100000)",
        "/meta_light (cpu.weight 50)",
    ] {
        assert!(found.contains(part), "{part}: {found}");
    }
    limited.write("cpu.max", "max 100000");
    light.write("cpu.idle", "1");
    let found = line(&doctor(), "cgroups");
    assert!(
        found.ends_with("scx_meta: /meta_light (cpu.idle 1)"),
        "{found}"
    );
}

/// Linux reserves time beside them since 7.0.
#[test]
fn doctor_notes_real_time_tasks_where_they_can_keep_a_cpu() {
    let _scheduler = Scheduler::shared();
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let major: u32 = release.split('.').next().unwrap().parse().unwrap();
    assert!(line(&doctor(), "real-time tasks").starts_with("ok"));
    let task = Program::start(Command::new("chrt").args(["-f", "10", "sleep", "100"])).unwrap();
    thread::sleep(Duration::from_millis(500));
    let found = line(&doctor(), "real-time tasks");
    let named = format!("sleep {} (SCHED_FIFO 10)", task.pid());
    assert_eq!(found.contains(&named), major < 7, "{found}");
    assert_eq!(found.starts_with("note"), major < 7, "{found}");
}

#[test]
fn doctor_notes_a_loader_whose_cgroup_has_no_room_for_more_tasks() {
    let scheduler = Scheduler::shared();
    let tight = Cgroup::with_memory("meta_tight");
    assert!(line(&doctor(), "memory").starts_with("ok"));
    tight.take(scheduler.pid());
    // What it was charged for stays where it was before.
    tight.write("memory.max", &(2 << 20).to_string());
    let found = line(&doctor(), "memory");
    tight.write("memory.max", "max");
    let open = line(&doctor(), "memory");
    Cgroup::leave(scheduler.pid());
    assert!(found.starts_with("note"), "{found}");
    for part in [
        "memory.max of cgroup /meta_tight leaves",
        "tasks that may exist",
    ] {
        assert!(found.contains(part), "{part}: {found}");
    }
    assert!(open.starts_with("ok"), "{open}");
}
