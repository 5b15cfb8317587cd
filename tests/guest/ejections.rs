// SPDX-License-Identifier: GPL-2.0-only
//! What the loader does when the kernel ends its program: by a fault, at a human's word, or since a
//! CPU came or went.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use std::{fs, thread};

use labkit::meta::START_LIMIT;
use labkit::{scx, spin, sys};
use scx_meta::live::Live;
use scx_meta::machine;

use crate::maps::policy;
use crate::own::{Machine, Own};
use crate::{loads, tier};

/// The CPU that is taken away, in one way or the other.
const CPU: usize = 1;

const SOON: Duration = Duration::from_secs(10);

/// From the stall to the last word: the watchdog's time and half of it, and what the loader and a
/// kernel that lacks a CPU take.
const EJECTED: Duration = Duration::from_secs(30);

/// A task of the real-time class that never sleeps, on one CPU: before 7.0 nothing of ours runs
/// there meanwhile. From 7.0 on a server gives us the rest of a second; it is turned off.
struct RealTimeHog {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    server: Option<Server>,
}

impl RealTimeHog {
    fn start() -> Self {
        let server = Server::turn_off();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            sys::bind_to(&[CPU]).unwrap();
            sys::enter_real_time().unwrap();
            while !stopped.load(Relaxed) {
                spin::rounds(1000);
            }
        });
        Self {
            stop,
            thread: Some(thread),
            server,
        }
    }
}

impl Drop for RealTimeHog {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        drop(self.server.take());
    }
}

/// The deadline server of sched_ext on that CPU, from 7.0 on.
struct Server {
    runtime: String,
}

const DEBUGFS: &str = "/sys/kernel/debug";

impl Server {
    fn path() -> String {
        format!("{DEBUGFS}/sched/ext_server/cpu{CPU}/runtime")
    }

    fn turn_off() -> Option<Self> {
        if !Path::new(DEBUGFS).join("sched").exists() {
            let mount = ["-t", "debugfs", "debugfs", DEBUGFS];
            assert!(Command::new("mount")
                .args(mount)
                .status()
                .unwrap()
                .success());
        }
        let runtime = fs::read_to_string(Self::path()).ok()?;
        fs::write(Self::path(), "0").unwrap();
        Some(Self { runtime })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        fs::write(Self::path(), &self.runtime).unwrap();
    }
}

/// The test looks on from the other CPU, before everybody else.
fn look_on_from_elsewhere() -> sys::RealTime {
    sys::bind_to(&[0]).unwrap();
    sys::RealTime::enter().unwrap()
}

fn with_watchdog(machine: &Machine, more: &[&str]) -> Own {
    let args = [
        "--policies",
        "fifo,vtime",
        "--rotate",
        "all",
        "--watchdog",
        "2",
    ];
    machine.start(&[&args[..], more].concat(), |_| ())
}

fn live() -> Live {
    Live::open(&machine::Machine::default()).unwrap()
}

/// A stall under real-time load is answered by another load, with what was set live; it is told
/// with the task, its CPU and what held that. SysRq-S is a human's word, and the end.
#[test]
fn after_a_stall_it_loads_again_and_after_sysrq_s_it_does_not() {
    let machine = Machine::take();
    let mut own = with_watchdog(&machine, &[]);
    let (fifo, vtime) = (policy("fifo"), policy("vtime"));
    let maps = live();
    maps.set_weight(fifo, 7).unwrap();
    maps.set_period_us(123_000).unwrap();
    maps.set_pin(Some(vtime)).unwrap();
    maps.apply().unwrap();
    drop(maps);
    let before = scx::enable_seq().unwrap();
    {
        let _first = look_on_from_elsewhere();
        let victim = loads::hog_on(CPU);
        let hog = RealTimeHog::start();
        own.await_said("loading again in 1s", 1, EJECTED);
        drop(hog);
        drop(victim);
    }
    own.await_said("scx_meta runs", 2, START_LIMIT);
    let said = own.said();
    println!("{said}");
    for part in [
        "runnable task stall",
        "failed to run for",
        "vtime was in charge",
        "] waits in a queue of vtime",
        &format!("may use CPU {CPU}; seemingly the SCHED_"),
        &format!("held CPU {CPU} against it"),
        "weights, period and pin are kept",
        "scx_meta runs: fifo 7, vtime 1; a rotation takes 123ms, pinned to vtime",
    ] {
        assert!(said.contains(part), "`{part}` is missing");
    }
    let maps = live();
    assert_eq!(maps.weights().unwrap(), [(fifo, 7), (vtime, 1)]);
    assert_eq!(maps.period_us().unwrap(), 123_000);
    assert_eq!(maps.pin().unwrap(), Some(vtime));
    assert_eq!(scx::enable_seq().unwrap(), before + 1);
    assert!(own.lives());

    fs::write("/proc/sysrq-trigger", "S").unwrap();
    own.await_said("ended the scheduler: disabled by sysrq-S", 1, SOON);
    assert_eq!(own.await_end(SOON).0.code(), Some(3));
    assert_eq!(scx::enable_seq().unwrap(), before + 1, "loaded again");
}

/// Who asked for the first ejection to be the last gets that.
#[test]
fn on_ejection_exit_ends_with_the_first_stall() {
    let machine = Machine::take();
    let own = with_watchdog(&machine, &["--on-ejection", "exit"]);
    let _first = look_on_from_elsewhere();
    let victim = loads::hog_on(CPU);
    let hog = RealTimeHog::start();
    own.await_said(
        "the kernel ended the scheduler: runnable task stall",
        2,
        EJECTED,
    );
    drop(hog);
    drop(victim);
    let (status, _) = own.await_end(SOON);
    assert_eq!(status.code(), Some(3));
}

fn with_fault(fault: &'static str) -> impl FnOnce(&mut Command) {
    move |command| {
        command.env("SCX_META_FAULT", fault);
    }
}

/// A policy that finds nothing to run is named, and the kernel's own scheduler is back.
#[test]
fn a_policy_that_drops_its_tasks_is_named() {
    let machine = Machine::take();
    let own = {
        let args = ["--policies", "fifo,vtime", "--pin", "vtime"];
        let more = ["--watchdog", "2", "--on-ejection", "exit"];
        machine.start(&[&args[..], &more].concat(), with_fault("dispatch=vtime"))
    };
    // All hogs before the stall: until 7.0 those that begin while it unloads may keep it from its end.
    let _first = look_on_from_elsewhere();
    let hogs = loads::hogs(4);
    own.await_said("runnable task stall", 1, EJECTED);
    own.await_said("vtime was in charge", 1, SOON);
    assert_eq!(own.await_end(SOON).0.code(), Some(3));
    drop(hogs);
    assert_eq!(scx::state().unwrap(), "disabled");
}

/// A policy that finds nothing to run, each time anew: it is named, and in the end the kernel's own
/// scheduler stays.
#[test]
fn stalls_that_come_back_make_it_give_up() {
    let machine = Machine::take();
    let before = scx::enable_seq().unwrap();
    let args = ["--policies", "fifo", "--watchdog", "2"];
    let own = machine.start(&args, with_fault("dispatch=fifo"));
    let _first = look_on_from_elsewhere();
    let hogs = loads::hogs(4);
    own.await_said("giving up", 1, 6 * (EJECTED + START_LIMIT));
    drop(hogs);
    let said = own.said();
    assert_eq!(said.matches("fifo was in charge").count(), 6, "{said}");
    for pause in [1, 2, 4, 8, 16] {
        let line = format!("loading again in {pause}s");
        assert_eq!(said.matches(&line).count(), 1, "{line}:\n{said}");
    }
    assert_eq!(own.await_end(SOON).0.code(), Some(3));
    assert_eq!(scx::enable_seq().unwrap(), before + 6);
}

/// A bug in the loader is told, and the machine has its own scheduler back.
#[test]
fn a_panic_detaches_and_leaves_no_pins() {
    let machine = Machine::take();
    let own = machine.spawn(&["--policies", "fifo"], with_fault("panic=watch"));
    own.await_said("a bug in its thread life at src/", 1, START_LIMIT);
    own.await_said("told to panic", 1, SOON);
    let (status, _) = own.await_end(SOON);
    assert_eq!(status.code(), Some(1));
}

fn online(cpu: usize, yes: bool) {
    let path = format!("/sys/devices/system/cpu/cpu{cpu}/online");
    fs::write(path, if yes { "1" } else { "0" }).unwrap();
}

/// Each CPU event while it loads voids what it has loaded: it begins anew until they end, and what
/// was asked for is in charge then.
#[test]
fn cpus_that_come_and_go_while_it_loads_end_nothing() {
    let machine = Machine::take();
    let args = ["--policies", "fifo,vtime", "--pin", "vtime"];
    let mut own = machine.spawn(&args, |_| ());
    let rounds = tier::times(2, 10);
    for round in 1..=rounds {
        own.await_verifier();
        online(CPU, false);
        thread::sleep(Duration::from_millis(100));
        online(CPU, true);
        if round < rounds {
            own.await_said("CPUs changed: loading again", round, START_LIMIT);
        }
    }
    own.await_in_charge();
    own.await_said("scx_meta runs", 1, START_LIMIT);
    let said = own.said();
    println!("{said}");
    assert!(said.contains("CPUs changed: loading again"), "{said}");
    assert!(said.contains("pinned to vtime"), "{said}");
    assert_eq!(live().pin().unwrap(), Some(policy("vtime")));
    assert!(own.stop(SOON).0.success());
}
