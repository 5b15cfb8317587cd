// SPDX-License-Identifier: GPL-2.0-only
//! How a loader is stopped: at once while it loads, and not by a signal that it was told to ignore.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use labkit::scx;

use crate::own::Machine;
use crate::tier;

/// Of a loader without a program in charge. It has nothing to do but to remove its directory.
const AT_ONCE: Duration = Duration::from_millis(500);

/// The kernel walks all tasks for it.
const DETACHED: Duration = Duration::from_secs(10);

/// A stop while libbpf or the verifier is at work ends the process at once, and no task is ever
/// switched: seen at several points of a load.
#[test]
fn a_stop_while_it_loads_attaches_nothing() {
    let machine = Machine::take();
    let began = Instant::now();
    let own = machine.start(&[], |_| ());
    let load = began.elapsed();
    own.stop(DETACHED);
    println!("a load takes {load:.2?}");
    let before = scx::enable_seq().unwrap();
    let points = tier::times(3, 12) as u32;
    for point in 1..=points {
        let own = machine.spawn(&[], |_| ());
        own.await_loading();
        thread::sleep(load * point / (points + 1) * 3 / 4);
        let (status, took) = own.stop(DETACHED);
        assert!(status.success(), "{status}");
        assert!(took <= AT_ONCE, "point {point}: took {took:.2?}");
    }
    assert_eq!(scx::enable_seq().unwrap(), before, "one was attached");
}

fn ignoring(signal: libc::c_int) -> impl FnOnce(&mut Command) {
    move |command| {
        let hook = move || {
            // SAFETY: SIG_IGN runs no code of ours, and it lasts across the exec.
            unsafe { libc::signal(signal, libc::SIG_IGN) };
            Ok(())
        };
        // SAFETY: the hook makes one plain system call: nothing that is unsafe after fork.
        unsafe { command.pre_exec(hook) };
    }
}

/// As under nohup; SIGTERM still ends it.
#[test]
fn an_ignored_hangup_stays_ignored() {
    let machine = Machine::take();
    let mut own = machine.start(&["--policies", "fifo"], ignoring(libc::SIGHUP));
    own.signal(libc::SIGHUP);
    thread::sleep(Duration::from_secs(2));
    assert!(own.lives(), "SIGHUP ended it");
    assert_eq!(scx::state().unwrap(), "enabled");
    assert!(own.stop(DETACHED).0.success());

    let own = machine.start(&["--policies", "fifo"], |_| ());
    own.signal(libc::SIGHUP);
    assert!(own.await_end(DETACHED).0.success(), "SIGHUP, not ignored");
}
