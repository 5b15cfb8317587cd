// SPDX-License-Identifier: GPL-2.0-only
//! Services, and that nothing of them is left: with cgroups where the machine lets us have them,
//! and always without.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use anyhow::anyhow;
use labkit::sys;
use scx_metabench::service::cgroup::Cgroup;
use scx_metabench::service::{Guard, Services};
use scx_metabench::workload::{Ready, Service};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_scx_metabench");

/// How [`victim`] is told what to do.
const VICTIM_FOLDER: &str = "VICTIM_FOLDER";
const VICTIM_WAY: &str = "VICTIM_WAY";
const VICTIM_SCRIPT: &str = "VICTIM_SCRIPT";

/// Longer than anything here may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A service that ends its helpers only if it is killed with all of them.
const STUBBORN: &str = "trap '' TERM; (trap '' TERM; sleep LENGTH) & setsid sleep LENGTH & wait";

#[derive(Clone, Copy, Debug)]
enum Way {
    AsTheMachineAllows,
    WithoutCgroups,
}

const WAYS: [Way; 2] = [Way::AsTheMachineAllows, Way::WithoutCgroups];

impl Way {
    fn guard(self) -> Guard {
        let own = match self {
            Self::AsTheMachineAllows => Cgroup::own(),
            Self::WithoutCgroups => Err(anyhow!("a test wants none")),
        };
        Guard::start_with(Path::new(PROGRAM), own).unwrap()
    }
}

/// A length of sleep that no other process has, to find processes by.
struct Length(String);

impl Length {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(format!("7000.{}{number:03}", std::process::id()))
    }

    /// The script with this length in it.
    fn fill(&self, script: &str) -> String {
        script.replace("LENGTH", &self.0)
    }

    /// How many sleep so long.
    fn sleepers(&self) -> usize {
        let cmdlines = fs::read_dir("/proc").unwrap().flatten();
        let cmdlines = cmdlines.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
        let wanted = format!("sleep\0{}\0", self.0);
        cmdlines
            .filter(|line| line.as_slice() == wanted.as_bytes())
            .count()
    }

    fn await_sleepers(&self, wanted: usize) {
        await_that(&format!("{wanted} sleepers"), || self.sleepers() == wanted);
    }
}

fn await_that(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LIMIT, "no {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn words(script: &str) -> Vec<String> {
    ["sh", "-c", script].map(String::from).into()
}

fn service(name: &str, script: &str, ready: Ready, folder: &Path) -> Service {
    Service {
        name: name.into(),
        command: words(script),
        environment: [("GREETING".into(), "hello".into())].into(),
        folder: folder.into(),
        ready,
        ready_limit: LIMIT,
    }
}

fn error(started: anyhow::Result<Services>) -> String {
    format!("{:#}", started.err().unwrap())
}

#[test]
fn each_starts_when_the_one_before_is_up_and_all_stop() {
    for way in WAYS {
        let folder = TempDir::new().unwrap();
        let (guard, length) = (way.guard(), Length::new());
        let is_there = |name| Ready::Command(words(&format!("test -e {name}")));
        let first = length.fill("sleep 0.3; echo $GREETING > first; exec sleep LENGTH");
        let second = length.fill("cp first second; exec sleep LENGTH");
        let first = service("first", &first, is_there("first"), folder.path());
        let second = service("second", &second, is_there("second"), folder.path());
        let mut services = Services::start(&guard, &[&first, &second]).unwrap();
        let copied = fs::read_to_string(folder.path().join("second")).unwrap();
        assert_eq!(copied, "hello\n", "{way:?}");
        length.await_sleepers(2);
        services.check().unwrap();
        services.stop().unwrap();
        assert_eq!(length.sleepers(), 0, "{way:?}");
    }
}

#[test]
fn one_that_dies_while_starting_is_quoted_and_the_others_stop() {
    for way in WAYS {
        let folder = TempDir::new().unwrap();
        let (guard, length) = (way.guard(), Length::new());
        let good = length.fill("exec sleep LENGTH");
        let good = service("good", &good, Ready::Started, folder.path());
        let never = Ready::Tcp("127.0.0.1:1".into());
        let bad = "echo no such index >&2; sleep 0.2; exit 3";
        let bad = service("bad", bad, never, folder.path());
        let error = error(Services::start(&guard, &[&good, &bad]));
        for part in ["service bad", "exit status: 3", "no such index"] {
            assert!(error.contains(part), "{way:?}: {error}");
        }
        assert_eq!(length.sleepers(), 0, "{way:?}");
    }
}

#[test]
fn one_that_dies_later_is_noticed() {
    for way in WAYS {
        let folder = TempDir::new().unwrap();
        let guard = way.guard();
        let script = "while [ ! -e end ]; do sleep 0.02; done; echo out of memory; kill -9 $$";
        let service = service("fragile", script, Ready::Started, folder.path());
        let mut services = Services::start(&guard, &[&service]).unwrap();
        services.check().unwrap();
        fs::write(folder.path().join("end"), "").unwrap();
        let mut said = String::new();
        let start = Instant::now();
        while said.is_empty() {
            assert!(start.elapsed() < LIMIT, "nobody noticed");
            if let Err(error) = services.check() {
                said = format!("{error:#}");
            }
        }
        for part in ["service fragile", "signal: 9", "out of memory"] {
            assert!(said.contains(part), "{way:?}: {said}");
        }
    }
}

#[test]
fn one_that_does_not_come_up_is_stopped_when_time_is_up() {
    for way in WAYS {
        let folder = TempDir::new().unwrap();
        let (guard, length) = (way.guard(), Length::new());
        let script = length.fill("echo loading; exec sleep LENGTH");
        let never = Ready::Command(words("exit 7"));
        let mut slow = service("slow", &script, never, folder.path());
        slow.ready_limit = Duration::from_secs(2);
        let error = error(Services::start(&guard, &[&slow]));
        for part in ["service slow", "after 2s", "exit status: 7", "loading"] {
            assert!(error.contains(part), "{way:?}: {error}");
        }
        assert_eq!(length.sleepers(), 0, "{way:?}");
    }
}

#[test]
fn what_does_not_want_to_end_is_killed_with_all_its_helpers() {
    for way in WAYS {
        let (guard, length) = (way.guard(), Length::new());
        let mut group = guard.group("stubborn").unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", &length.fill(STUBBORN)]);
        let mut child = group.spawn(&mut command).unwrap();
        length.await_sleepers(2);
        let all = group.processes().unwrap();
        assert!(all.contains(&child.id()) && all.len() >= 3, "{way:?}");
        let grace = Duration::from_millis(300);
        let start = Instant::now();
        group.end(grace).unwrap();
        assert!(start.elapsed() >= grace, "{way:?}: it was not asked first");
        assert_eq!(length.sleepers(), 0, "{way:?}");
        child.wait().unwrap();
    }
}

#[test]
fn dropping_the_guard_ends_what_still_runs() {
    for way in WAYS {
        let (guard, length) = (way.guard(), Length::new());
        let mut load = guard.group("load").unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", &length.fill(STUBBORN)]);
        let mut child = load.spawn(&mut command).unwrap();
        length.await_sleepers(2);
        // Other tests make cgroups of the same names, but none below it that is called so.
        let cgroup = guard.cgroup().map(|cgroup| cgroup.join("load"));
        assert!(cgroup.as_ref().is_none_or(|cgroup| cgroup.exists()));
        drop(guard);
        assert_eq!(length.sleepers(), 0, "{way:?}");
        assert!(cgroup.is_none_or(|cgroup| !cgroup.exists()), "{way:?}");
        child.wait().unwrap();
    }
}

#[test]
fn a_guard_that_died_is_noticed() {
    for way in WAYS {
        let mut guard = way.guard();
        guard.check().unwrap();
        // What a terminal or a service manager sends to all of us.
        sys::kill(guard.pid(), libc::SIGTERM).unwrap();
        sys::kill(guard.pid(), libc::SIGINT).unwrap();
        thread::sleep(Duration::from_millis(200));
        guard.check().unwrap();
        sys::kill(guard.pid(), libc::SIGKILL).unwrap();
        await_that("sign of the guard's end", || {
            let stat = fs::read_to_string(format!("/proc/{}/stat", guard.pid()));
            stat.is_ok_and(|stat| stat.contains(") Z "))
        });
        let error = guard.check().unwrap_err().to_string();
        assert!(error.contains("signal: 9"), "{way:?}: {error}");
    }
}

/// Its process is killed by the tests below.
#[test]
#[ignore = "the other tests start it"]
fn victim() {
    let Ok(folder) = env::var(VICTIM_FOLDER) else {
        return;
    };
    let way = match env::var(VICTIM_WAY).unwrap().as_str() {
        "AsTheMachineAllows" => Way::AsTheMachineAllows,
        _ => Way::WithoutCgroups,
    };
    let folder = PathBuf::from(folder);
    let script = env::var(VICTIM_SCRIPT).unwrap();
    let service = service("service", &script, Ready::Started, &folder);
    let guard = way.guard();
    let _services = Services::start(&guard, &[&service]).unwrap();
    let cgroup = guard.cgroup().unwrap_or(Path::new(""));
    fs::write(folder.join("up.new"), cgroup.to_str().unwrap()).unwrap();
    fs::rename(folder.join("up.new"), folder.join("up")).unwrap();
    thread::sleep(LIMIT);
}

fn start_victim(way: Way, script: &str, folder: &Path) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "victim", "--ignored"])
        .env(VICTIM_FOLDER, folder)
        .env(VICTIM_WAY, format!("{way:?}"))
        .env(VICTIM_SCRIPT, script)
        .stdout(Stdio::null());
    let victim = sys::in_own_group(&mut command, libc::SIGKILL)
        .spawn()
        .unwrap();
    await_that("victim", || folder.join("up").exists());
    victim
}

#[test]
fn nothing_outlives_us_if_we_are_killed() {
    // SIGTERM is for a whole group: the guard is in another.
    for (way, signal) in WAYS
        .into_iter()
        .flat_map(|way| [(way, libc::SIGKILL), (way, libc::SIGTERM)])
    {
        let folder = TempDir::new().unwrap();
        let length = Length::new();
        let mut victim = start_victim(way, &length.fill(STUBBORN), folder.path());
        length.await_sleepers(2);
        sys::kill_group(victim.id(), signal).unwrap();
        assert!(!victim.wait().unwrap().success());
        length.await_sleepers(0);
        let cgroup = fs::read_to_string(folder.path().join("up")).unwrap();
        if !cgroup.is_empty() {
            await_that("removal of the cgroup", || !Path::new(&cgroup).exists());
        }
    }
}
