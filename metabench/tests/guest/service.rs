// SPDX-License-Identifier: GPL-2.0-only
//! Services, and that nothing of them is left. They take root, but no sched_ext.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use labkit::namespace::Namespace;
use labkit::sys;
use scx_metabench::service::Services;
use scx_metabench::workload::{Ready, Service};
use tempfile::TempDir;

use crate::{await_that, sleepers, LIMIT};

/// How [`victim`] is told what to do.
const VICTIM_FOLDER: &str = "VICTIM_FOLDER";
const VICTIM_SCRIPT: &str = "VICTIM_SCRIPT";

/// A service that ends its helpers only if it is killed with all of them: one in its process group, one
/// in a session of its own, and one that has also lost its parent and its environment.
const STUBBORN: &str = "trap '' TERM; sleep LENGTH & setsid sleep LENGTH & \
    (env -i setsid sh -c 'sleep LENGTH & wait' &); wait";
const STUBBORN_SLEEPERS: usize = 3;

/// So many are killed while they start a service, which takes about so long.
const KILLS: u32 = 20;
const START_MS: u64 = 150;

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

    fn await_sleepers(&self, wanted: usize) {
        await_that(&format!("{wanted} sleepers"), || {
            sleepers(&self.0).len() == wanted
        });
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
    let folder = TempDir::new().unwrap();
    let length = Length::new();
    let is_there = |name| Ready::Command(words(&format!("test -e {name}")));
    let first = length.fill("sleep 0.3; echo $GREETING > first; exec sleep LENGTH");
    let second = length.fill("cp first second; exec sleep LENGTH");
    let first = service("first", &first, is_there("first"), folder.path());
    let second = service("second", &second, is_there("second"), folder.path());
    let mut services = Services::start(&[&first, &second]).unwrap();
    let copied = fs::read_to_string(folder.path().join("second")).unwrap();
    assert_eq!(copied, "hello\n");
    length.await_sleepers(2);
    services.check().unwrap();
    services.stop().unwrap();
    assert_eq!(sleepers(&length.0).len(), 0);
}

#[test]
fn its_ready_command_sees_the_service_under_the_number_that_it_has_itself() {
    let folder = TempDir::new().unwrap();
    let script = "echo $$ > pid; while :; do sleep 0.05; done";
    let is_alive = "test -s pid && kill -0 $(cat pid) && grep -q pid /proc/$(cat pid)/cmdline";
    let ready = Ready::Command(words(is_alive));
    let service = service("numbered", script, ready, folder.path());
    Services::start(&[&service]).unwrap().stop().unwrap();
    let pid = fs::read_to_string(folder.path().join("pid")).unwrap();
    assert_eq!(pid, "2\n", "the first after the namespace's own");
}

#[test]
fn one_that_dies_while_starting_is_quoted_and_the_others_stop() {
    let folder = TempDir::new().unwrap();
    let length = Length::new();
    let good = length.fill("exec sleep LENGTH");
    let good = service("good", &good, Ready::Started, folder.path());
    let never = Ready::Tcp("127.0.0.1:1".into());
    let bad = "echo no such index >&2; sleep 0.2; exit 3";
    let bad = service("bad", bad, never, folder.path());
    let error = error(Services::start(&[&good, &bad]));
    for part in ["service bad", "exit status: 3", "no such index"] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(sleepers(&length.0).len(), 0);
}

#[test]
fn one_that_dies_later_is_noticed() {
    let folder = TempDir::new().unwrap();
    let script = "while [ ! -e end ]; do sleep 0.02; done; echo out of memory; kill -9 $$";
    let service = service("fragile", script, Ready::Started, folder.path());
    let mut services = Services::start(&[&service]).unwrap();
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
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn one_that_does_not_come_up_is_stopped_when_time_is_up() {
    let folder = TempDir::new().unwrap();
    let length = Length::new();
    let script = length.fill("echo loading; exec sleep LENGTH");
    // The second look never ends.
    let look = length.fill("test -e looked && exec sleep LENGTH; touch looked; exit 7");
    let never = Ready::Command(words(&look));
    let mut slow = service("slow", &script, never, folder.path());
    slow.ready_limit = Duration::from_secs(2);
    let error = error(Services::start(&[&slow]));
    for part in ["service slow", "after 2s", "exit status: 7", "loading"] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(sleepers(&length.0).len(), 0);
}

#[test]
fn what_does_not_want_to_end_is_killed_with_all_its_helpers() {
    let length = Length::new();
    let namespace = Namespace::new().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", &length.fill(STUBBORN)]);
    let mut child = namespace.spawn(&mut command).unwrap();
    length.await_sleepers(STUBBORN_SLEEPERS);
    let grace = Duration::from_millis(300);
    let start = Instant::now();
    namespace.end(&mut child, grace).unwrap();
    assert!(start.elapsed() >= grace, "it was not asked first");
    assert_eq!(sleepers(&length.0).len(), 0);
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
}

#[test]
fn helpers_that_end_when_asked_are_waited_for() {
    let folder = TempDir::new().unwrap();
    let namespace = Namespace::new().unwrap();
    let helper = "trap 'sleep 0.3; touch saved; exit' TERM; touch up; while :; do sleep 0.05; done";
    let mut command = Command::new("sh");
    command
        .args(["-c", "setsid sh -c \"$HELPER\" & wait"])
        .env("HELPER", helper)
        .current_dir(folder.path());
    let mut child = namespace.spawn(&mut command).unwrap();
    await_that("helper", || folder.path().join("up").exists());
    namespace.end(&mut child, LIMIT).unwrap();
    assert!(folder.path().join("saved").exists());
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGTERM));
}

#[test]
fn dropping_a_namespace_ends_what_a_load_left_behind() {
    let length = Length::new();
    let namespace = Namespace::new().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", &length.fill("setsid sleep LENGTH & exit 7")]);
    let mut child = namespace.spawn(&mut command).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(7));
    length.await_sleepers(1);
    drop(namespace);
    assert_eq!(sleepers(&length.0).len(), 0);
}

/// Its process is killed by the tests below.
#[test]
#[ignore = "the other tests start it"]
fn victim() {
    let (Ok(folder), Ok(script)) = (env::var(VICTIM_FOLDER), env::var(VICTIM_SCRIPT)) else {
        return;
    };
    let service = service("service", &script, Ready::Started, Path::new(&folder));
    let _services = Services::start(&[&service]).unwrap();
    thread::sleep(LIMIT);
}

fn start_victim(length: &Length, folder: &Path) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "service::victim", "--ignored"])
        .env(VICTIM_FOLDER, folder)
        .env(VICTIM_SCRIPT, length.fill(STUBBORN))
        .stdout(Stdio::null());
    sys::in_own_group(&mut command, libc::SIGKILL)
        .spawn()
        .unwrap()
}

#[test]
fn nothing_outlives_us_if_we_are_killed() {
    // SIGTERM is for our whole process group.
    for signal in [libc::SIGKILL, libc::SIGTERM] {
        let (folder, length) = (TempDir::new().unwrap(), Length::new());
        let mut victim = start_victim(&length, folder.path());
        length.await_sleepers(STUBBORN_SLEEPERS);
        sys::kill_group(victim.id(), signal).unwrap();
        assert_eq!(victim.wait().unwrap().signal(), Some(signal));
        length.await_sleepers(0);
    }
}

#[test]
fn nothing_outlives_us_if_we_are_killed_while_a_service_starts() {
    let (folder, length) = (TempDir::new().unwrap(), Length::new());
    for _ in 0..KILLS {
        let mut victim = start_victim(&length, folder.path());
        thread::sleep(Duration::from_millis(fastrand::u64(..START_MS)));
        sys::kill(victim.id(), libc::SIGKILL).unwrap();
        victim.wait().unwrap();
        length.await_sleepers(0);
    }
}
