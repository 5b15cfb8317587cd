// SPDX-License-Identifier: GPL-2.0-only
//! The loader is stopped, starved, frozen and killed while tasks run. The program in the kernel goes
//! on without it, or the kernel's own scheduler takes over at once.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{fs, thread};

use labkit::class::{self, Class};
use labkit::program::Program;
use labkit::task::{Pulse, Task};
use labkit::watch::Watch;
use labkit::{scx, sys};
use scx_meta::policy::Policy;

use super::harm::{fair_wait, Harm};
use crate::cgroups::Cgroup;
use crate::maps::PIN_DIR;
use crate::scheduler::Scheduler;
use crate::{bound, tier};

const BUSY: usize = 4;
const ASLEEP: usize = 4;

const TURN: Duration = Duration::from_millis(10);

/// Default scheduler back at once.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Within this time it is back, or it never is.
const END_LIMIT: Duration = Duration::from_secs(30);

fn fair() -> Duration {
    fair_wait(BUSY, bound::cpus())
}

fn beside_load(scheduler: Scheduler) -> Harm {
    Harm::beside(scheduler, Watch::start(BUSY, ASLEEP).unwrap())
}

/// Neither rusty's nor rustland's half answers.
#[test]
fn a_stopped_loader_harms_nobody_under_any_policy() {
    let mut harm = beside_load(Scheduler::shared());
    let time = tier::seconds(0.3, 20.0);
    for policy in Policy::all() {
        harm.scheduler().only(policy);
        harm.phase(policy.name(), fair(), |harm| {
            harm.scheduler().suspend();
            thread::sleep(time);
            harm.scheduler().resume();
            1
        });
    }
    harm.scheduler().all_take_turns(TURN);
    harm.phase("all", fair(), |harm| {
        harm.scheduler().suspend();
        thread::sleep(time);
        harm.scheduler().resume();
        1
    });
    harm.end();
}

#[test]
fn a_frozen_loader_harms_nobody() {
    let mut harm = beside_load(Scheduler::shared());
    let time = tier::seconds(0.5, 20.0);
    harm.scheduler().all_take_turns(TURN);
    let pid = harm.scheduler().pid();
    let cold = Cgroup::create("meta_cold");
    cold.take(pid);
    harm.phase("frozen", fair(), |_| {
        cold.write("cgroup.freeze", "1");
        thread::sleep(time);
        cold.write("cgroup.freeze", "0");
        1
    });
    drop(cold);
    harm.end();
}

/// Nice 19, then of the class that runs when nobody else wants to, then with a limit of 5 % (which
/// counts for the loader only while the kernel's own scheduler is in charge of it).
#[test]
fn a_starved_loader_harms_nobody() {
    let mut harm = beside_load(Scheduler::start(&[]));
    let time = tier::seconds(0.3, 10.0);
    let pid = harm.scheduler().pid();
    let poor = Cgroup::create("meta_poor");
    let ways: [(&str, &dyn Fn(i32)); 3] = [
        ("nice 19", &|thread| class::set_nice(thread, 19).unwrap()),
        ("SCHED_IDLE", &|thread| {
            class::set(thread, Class::Idle).unwrap();
        }),
        ("cpu.max 5 %", &|_| {
            poor.write("cpu.max", "5000 100000");
            poor.take(pid);
        }),
    ];
    for (what, starve) in ways {
        threads_of(pid).into_iter().for_each(starve);
        for policy in ["rusty", "rustland"] {
            let policy = policy.parse().unwrap();
            harm.scheduler().only(policy);
            harm.phase(format!("{what}, {policy}"), fair(), |_| {
                thread::sleep(time);
                1
            });
        }
    }
    harm.scheduler().all_take_turns(TURN);
    harm.phase("all of it, in a rotation", fair(), |_| {
        thread::sleep(time);
        1
    });
    drop(poor);
    harm.end();
}

/// Busy processes, of which none is waited for: on every CPU there is one at once.
fn begin_late(count: usize) -> Vec<Program> {
    let busy = ["-c", "while :; do :; done"];
    let start = |_| Program::start(Command::new("sh").args(busy)).unwrap();
    (0..count).map(start).collect()
}

/// Tasks that are often taken off their CPUs while they read under RCU: the kernel looks for a file
/// that is not there.
fn readers(count: usize) -> Vec<Task> {
    let read = |pulse: &Pulse| {
        while !pulse.stopped() {
            let found = (0..100).any(|_| Path::new("/sys/kernel/not/there").exists());
            assert!(!found);
            pulse.work();
        }
        Ok(())
    };
    let start = |_| Task::start("reader", read).unwrap();
    (0..count).map(start).collect()
}

/// Tasks that begin while the kernel unloads a scheduler belong to its own, and go before all others.
/// Returns the status with which the loader ends.
fn unloads_beside_new_tasks(
    unload: impl FnOnce(&mut Scheduler),
    limit: Duration,
) -> Option<libc::c_int> {
    let mut watch = Watch::start(0, ASLEEP).unwrap();
    watch.add(readers(BUSY));
    let mut harm = Harm::beside(Scheduler::start(&["--policies", "fifo,nest"]), watch);
    let mut took = Duration::ZERO;
    let mut code = None;
    harm.phase("unload", END_LIMIT, |harm| {
        let mut scheduler = harm.lose_scheduler();
        unload(&mut scheduler);
        while scx::state().unwrap() == "enabled" {
            thread::sleep(Duration::from_micros(100));
        }
        let begin = sys::monotonic();
        let late = begin_late(3 * bound::cpus());
        let back = scx::await_disabled(END_LIMIT);
        took = sys::monotonic() - begin;
        println!("the default scheduler is back after {took:.0?}");
        drop(late);
        code = scheduler.wait().code();
        back.unwrap();
        1
    });
    harm.expect(took <= limit, format!("it took {took:.0?}"));
    harm.end();
    code
}

#[test]
fn tasks_that_begin_during_a_stop_do_not_hold_it_up() {
    let stop = |scheduler: &mut Scheduler| scheduler.signal(libc::SIGTERM);
    assert_eq!(unloads_beside_new_tasks(stop, AT_ONCE), Some(0));
}

/// The loader has to find out about this one.
#[test]
fn tasks_that_begin_during_an_ejection_do_not_hold_it_up() {
    let eject = |_: &mut Scheduler| fs::write("/proc/sysrq-trigger", "S").unwrap();
    assert_eq!(unloads_beside_new_tasks(eject, 2 * AT_ONCE), Some(3));
}

/// Whoever closes a link's last descriptor unloads, and an ordinary task may find no CPU for that.
#[test]
fn a_real_time_thread_that_holds_nothing_else_unloads() {
    let scheduler = Scheduler::start(&["--policies", "fifo"]);
    let pid = scheduler.pid();
    let holding = |thread: &i32| holds_the_link(pid, *thread);
    let holding: Vec<i32> = threads_of(pid).into_iter().filter(holding).collect();
    let [holder] = holding[..] else {
        panic!("threads that have the link: {holding:?}");
    };
    assert_eq!(descriptors(pid, holder).len(), 1);
    // SAFETY: takes an integer only.
    let class = unsafe { libc::sched_getscheduler(holder) };
    assert_eq!(class, libc::SCHED_FIFO);
}

/// The files that tell of a thread's descriptors.
fn descriptors(pid: u32, thread: i32) -> Vec<PathBuf> {
    let all = fs::read_dir(format!("/proc/{pid}/task/{thread}/fdinfo")).unwrap();
    all.map(|one| one.unwrap().path()).collect()
}

/// There are others, of programs that the kernel calls elsewhere.
fn holds_the_link(pid: u32, thread: i32) -> bool {
    // One that was closed meanwhile is no link.
    let info = |file: &PathBuf| fs::read_to_string(file).unwrap_or_default();
    let files = descriptors(pid, thread);
    files
        .iter()
        .any(|file| info(file).contains("link_type:\tstruct_ops"))
}

/// Ends the loader by a signal beside tasks that run. One that it does not catch leaves the pins, for
/// the next loader to replace; after each other one nothing is left.
fn ends_by(signal: libc::c_int, name: &str, caught: bool) {
    let scheduler = Scheduler::start(&["--policies", "fifo,nest,rustland"]);
    scheduler.all_take_turns(TURN);
    let mut harm = beside_load(scheduler);
    let mut took = Duration::ZERO;
    harm.phase(name, AT_ONCE + fair(), |harm| {
        let mut scheduler = harm.lose_scheduler();
        let begin = sys::monotonic();
        scheduler.signal(signal);
        let back = scx::await_disabled(END_LIMIT);
        took = sys::monotonic() - begin;
        let status = scheduler.wait();
        println!("{name}: the default scheduler is back after {took:.0?}; {status}");
        back.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!caught || status.success(), "{name}: {status}");
        1
    });
    let pins = Path::new(PIN_DIR);
    harm.expect(took <= AT_ONCE, format!("{name}: it took {took:.0?}"));
    harm.expect(pins.exists() != caught, format!("{name}: the pins"));
    if !caught {
        fs::remove_dir_all(pins).unwrap();
    }
    harm.end();
}

#[test]
fn a_killed_loader_leaves_the_default_scheduler_at_once() {
    ends_by(libc::SIGKILL, "SIGKILL", false);
    if tier::is_nightly() {
        // As when it panics.
        ends_by(libc::SIGABRT, "SIGABRT", false);
    }
}

#[test]
fn an_ended_loader_leaves_the_default_scheduler_at_once() {
    ends_by(libc::SIGTERM, "SIGTERM", true);
    if tier::is_nightly() {
        ends_by(libc::SIGINT, "SIGINT", true);
        ends_by(libc::SIGHUP, "SIGHUP", true);
    }
}

fn threads_of(pid: u32) -> Vec<i32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    tasks
        .map(|task| name(task).to_string_lossy().parse().unwrap())
        .collect()
}
