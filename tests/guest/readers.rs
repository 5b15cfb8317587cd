// SPDX-License-Identifier: GPL-2.0-only
//! Whoever reads what a loader says, or does not, has no power over it: not over its stop, not over
//! its deadline, not over its exit code.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::thread;
use std::time::Duration;

use labkit::scx;
use nix::fcntl::OFlag;

use crate::own::Machine;

/// The kernel walks all tasks for a detach; the loader gives its readers a moment.
const SOON: Duration = Duration::from_secs(10);

const FIFO: [&str; 2] = ["--policies", "fifo"];

/// A pipe of one page, so that it is soon full; its reading and its writing end.
fn pipe() -> (File, OwnedFd) {
    // The loader must not hold the end that it is not meant to have.
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC).unwrap();
    // SAFETY: fcntl with integer arguments touches no memory of ours.
    let size = unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETPIPE_SZ, 4096) };
    assert_eq!(size, 4096);
    (File::from(reader), writer)
}

/// No room for another byte.
fn fill(writer: &OwnedFd) {
    let mut writer = File::from(writer.try_clone().unwrap());
    writer.write_all(&[b'\n'; 4096]).unwrap();
}

/// Tables fill the pipe within a second, and then nobody reads: a signal ends the loader all the
/// same, and so does the kernel.
#[test]
fn a_full_pipe_makes_it_deaf_to_nothing() {
    let machine = Machine::take();
    let args = [&FIFO[..], &["--stats", "0.1"]].concat();
    let (reader, writer) = pipe();
    let own = machine.start(&args, |command| {
        command.stdout(writer);
    });
    thread::sleep(Duration::from_secs(2));
    let (status, _) = own.stop(SOON);
    assert!(status.success(), "{status}");
    drop(reader);

    let (reader, writer) = pipe();
    let own = machine.start(&args, |command| {
        command.stdout(writer);
    });
    thread::sleep(Duration::from_secs(2));
    std::fs::write("/proc/sysrq-trigger", "S").unwrap();
    own.await_said("ended the scheduler: disabled by sysrq-S", 1, SOON);
    assert_eq!(own.await_end(SOON).0.code(), Some(3));
    drop(reader);
}

/// Nobody hears that it runs; its time is over all the same.
#[test]
fn a_full_stderr_stops_no_deadline() {
    let machine = Machine::take();
    let (reader, writer) = pipe();
    fill(&writer);
    let args = [&FIFO[..], &["--seconds", "1"]].concat();
    let own = machine.start(&args, |command| {
        command.stderr(writer);
    });
    assert!(own.await_end(SOON).0.success());
    drop(reader);
}

/// `2>&1 | head -1`, and a full disk: both are nobody's loss but the reader's.
#[test]
fn closed_and_full_outputs_change_no_exit_code() {
    let machine = Machine::take();
    let (mut reader, writer) = pipe();
    let mut own = machine.start(&FIFO, |command| {
        command.stderr(writer);
    });
    let mut line = [0; 4096];
    assert!(reader.read(&mut line).unwrap() > 0);
    drop(reader);
    assert!(own.lives());
    assert!(own.stop(SOON).0.success(), "a closed stderr");

    let args = [&FIFO[..], &["--stats", "0.1"]].concat();
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    let own = machine.start(&args, |command| {
        command.stdout(full()).stderr(full());
    });
    thread::sleep(Duration::from_secs(1));
    assert!(own.stop(SOON).0.success(), "a full disk");
}

/// `--stats 0.1 | head -1` has what it wants, and the machine its scheduler back.
#[test]
fn a_reader_of_reports_that_goes_ends_it_well() {
    let machine = Machine::take();
    let (mut reader, writer) = pipe();
    let args = [&FIFO[..], &["--stats", "0.1"]].concat();
    let own = machine.start(&args, |command| {
        command.stdout(writer);
    });
    let mut line = [0; 1];
    reader.read_exact(&mut line).unwrap();
    drop(reader);
    assert!(own.await_end(SOON).0.success());
    assert_eq!(scx::state().unwrap(), "disabled");
}
