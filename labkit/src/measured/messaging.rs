// SPDX-License-Identifier: GPL-2.0-only
//! Groups of tasks in which each sender writes to each receiver, over and over, as hackbench and
//! `perf bench sched messaging` do: 20 of each, 100 bytes, sockets. Written anew, since those tools
//! take longer to start in a guest than to measure, and print milliseconds.

use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use anyhow::{anyhow, Context, Result};

use super::ordinary;
use crate::calibrate::calls;
use crate::calibrate::calls::Pipe;
use crate::sys;

/// Senders of a group, and receivers.
const SENDERS: usize = 20;

const MESSAGE_BYTES: usize = 100;

/// Stack of a task that only makes system calls.
const STACK_BYTES: usize = 64 * 1024;

/// What the tasks are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Between {
    /// Threads of one process.
    Threads,
    /// Processes.
    Processes,
}

/// One task, of plain system calls, so that a forked child may do it.
enum Task {
    Send { to: Vec<RawFd>, loops: usize },
    Receive { from: RawFd, bytes: usize },
}

/// Each sender sends so many messages to each receiver of its group; from when all tasks are there
/// until the last has ended.
pub fn messaging(groups: usize, loops: usize, between: Between) -> Result<Duration> {
    ordinary(|| {
        let sockets: Vec<Vec<(UnixStream, UnixStream)>> = (0..groups)
            .map(|_| (0..SENDERS).map(|_| UnixStream::pair()).collect())
            .collect::<std::io::Result<_>>()
            .context("cannot make socket pairs")?;
        let tasks: Vec<Task> = sockets.iter().flat_map(|g| group(g, loops)).collect();
        let (ready, go) = (Pipe::new()?, Pipe::new()?);
        match between {
            Between::Threads => threads(&tasks, &ready, &go),
            Between::Processes => processes(&tasks, &ready, &go),
        }
    })
}

fn group(sockets: &[(UnixStream, UnixStream)], loops: usize) -> Vec<Task> {
    let to = sockets.iter().map(|(to, _)| to.as_raw_fd());
    let to: Vec<RawFd> = to.collect();
    let send = (0..SENDERS).map(|_| Task::Send {
        to: to.clone(),
        loops,
    });
    let receive = sockets.iter().map(|(_, from)| Task::Receive {
        from: from.as_raw_fd(),
        bytes: SENDERS * loops * MESSAGE_BYTES,
    });
    receive.chain(send).collect()
}

fn threads(tasks: &[Task], ready: &Pipe, go: &Pipe) -> Result<Duration> {
    thread::scope(|scope| {
        let start = |task| {
            let thread = thread::Builder::new().name("messages".into());
            let thread = thread.stack_size(STACK_BYTES);
            thread.spawn_scoped(scope, move || run(task, ready, go))
        };
        let started: Vec<_> = tasks.iter().map(start).collect();
        let begin = release(
            started.iter().filter(|thread| thread.is_ok()).count(),
            ready,
            go,
        )?;
        for thread in started {
            let done = thread.context("cannot start a thread")?.join();
            let done = done.map_err(|_| anyhow!("a task of messaging panicked"))?;
            done.then_some(()).context("a task of messaging failed")?;
        }
        Ok(sys::monotonic() - begin)
    })
}

fn processes(tasks: &[Task], ready: &Pipe, go: &Pipe) -> Result<Duration> {
    let start = |task| {
        // SAFETY: the child makes plain system calls on descriptors, and ends.
        unsafe { calls::fork(|| i32::from(!run(task, ready, go))) }
    };
    let started: Vec<_> = tasks.iter().map(start).collect();
    let begin = release(
        started.iter().filter(|child| child.is_ok()).count(),
        ready,
        go,
    )?;
    for child in started {
        let child = child.context("cannot fork")?;
        child.wait().context("a task of messaging failed")?;
    }
    Ok(sys::monotonic() - begin)
}

/// Waits until so many are ready, and lets them go.
fn release(tasks: usize, ready: &Pipe, go: &Pipe) -> Result<Duration> {
    for _ in 0..tasks {
        ready.read_byte().context("a pipe")?;
    }
    let begin = sys::monotonic();
    for _ in 0..tasks {
        go.write_byte().context("a pipe")?;
    }
    Ok(begin)
}

fn run(task: &Task, ready: &Pipe, go: &Pipe) -> bool {
    if ready.write_byte().and_then(|()| go.read_byte()).is_err() {
        return false;
    }
    match task {
        Task::Send { to, loops } => {
            (0..*loops).all(|_| to.iter().all(|&socket| write_message(socket)))
        }
        Task::Receive { from, bytes } => read_bytes(*from, *bytes),
    }
}

fn write_message(socket: RawFd) -> bool {
    let message = [0u8; MESSAGE_BYTES];
    let mut sent = 0;
    while sent < MESSAGE_BYTES {
        let rest = &message[sent..];
        // SAFETY: `rest` is readable for its length.
        let wrote = unsafe { libc::write(socket, rest.as_ptr().cast(), rest.len()) };
        if wrote <= 0 {
            return false;
        }
        sent += wrote as usize;
    }
    true
}

/// Message by message.
fn read_bytes(socket: RawFd, bytes: usize) -> bool {
    let mut message = [0u8; MESSAGE_BYTES];
    let mut left = bytes;
    while left > 0 {
        let room = left.min(MESSAGE_BYTES);
        // SAFETY: `message` has that room.
        let read = unsafe { libc::read(socket, message.as_mut_ptr().cast(), room) };
        if read <= 0 {
            return false;
        }
        left -= read as usize;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_arrives_between_threads_and_between_processes() {
        for between in [Between::Threads, Between::Processes] {
            let took = messaging(2, 3, between).unwrap();
            assert!(took > Duration::ZERO, "{between:?}");
        }
    }
}
