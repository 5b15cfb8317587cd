// SPDX-License-Identifier: GPL-2.0-only
//! A thread that holds the link by which a program is in charge, and nothing else.
//!
//! The kernel unloads a scheduler when the last descriptor of its link is closed, in the thread that
//! closes it: when the process is killed, in whichever of its threads ends last. That one tells the
//! kernel's thread that unloads while it reads under RCU, and is taken off its CPU there; an ordinary
//! task then finds no CPU where tasks that began meanwhile are busy on every one (grace.rs), so no grace
//! period ends, nor does the unload. This one is of the real-time class and has descriptors of its
//! own, of which the link is the only one: it unloads however the process ends, and at once, before the
//! other threads have come to their CPUs to end.

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::mpsc;
use std::sync::mpsc::{Receiver, Sender};
use std::thread::JoinHandle;
use std::{io, thread};

use libbpf_rs::Link;
use nix::libc;

use super::grace;

/// Of the thread. It always sleeps, so `doctor` does not name it.
pub(super) const NAME: &str = "scx_meta-link";

/// It calls nothing that is deep.
const STACK: usize = 64 << 10;

/// The link of a program that is in charge; dropping this unloads it, and waits for that.
pub(super) struct Holder {
    /// It ends when this is dropped.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Where there is no such thread.
    here: Option<OwnedFd>,
}

impl Holder {
    pub(super) fn of(link: Link) -> Self {
        let here = descriptor(link);
        match hold(here.as_raw_fd()) {
            Ok((end, thread)) => Self {
                end: Some(end),
                thread: Some(thread),
                here: None,
            },
            Err(error) => {
                log::debug!("the link stays among the other descriptors: {error}");
                Self {
                    end: None,
                    thread: None,
                    here: Some(here),
                }
            }
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.here.take());
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // It only waits and closes: a panic has been told.
            drop(thread.join());
        }
    }
}

/// What libbpf would close.
fn descriptor(mut link: Link) -> OwnedFd {
    let fd = link.as_fd().as_raw_fd();
    link.disconnect();
    // SAFETY: libbpf closes the descriptor of a link when it detaches that, and no longer does.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Starts the thread; it has the descriptor when this returns, and closes it when the sender is
/// dropped.
fn hold(fd: RawFd) -> io::Result<(Sender<()>, JoinHandle<()>)> {
    let (end, ended) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    let thread = thread::Builder::new()
        .name(NAME.into())
        .stack_size(STACK)
        .spawn(move || {
            if let Err(error) = grace::raise_this_thread() {
                log::debug!("the thread that unloads stays an ordinary one: {error}");
            }
            let alone = keep_only(fd);
            let holds = alone.is_ok();
            // Who started us waits for this.
            drop(tell.send(alone));
            if holds {
                close_at_the_end(fd, &ended);
            }
        })?;
    told.recv().map_err(io::Error::other)??;
    Ok((end, thread))
}

/// Gives the calling thread a table of descriptors of its own, in which this is the only one.
fn keep_only(fd: RawFd) -> io::Result<()> {
    let fd = fd as libc::c_uint;
    close_range(fd + 1, libc::c_uint::MAX, libc::CLOSE_RANGE_UNSHARE)?;
    match fd.checked_sub(1) {
        Some(last) => close_range(0, last, 0),
        None => Ok(()),
    }
}

fn close_range(first: libc::c_uint, last: libc::c_uint, flags: libc::c_uint) -> io::Result<()> {
    // SAFETY: takes integers only, and closes descriptors of this thread's table alone: the first call
    // is the one that takes it apart from the others'.
    match unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn close_at_the_end(fd: RawFd, ended: &Receiver<()>) {
    // SAFETY: it is open in this thread's table, where nobody else closes it.
    let link = unsafe { OwnedFd::from_raw_fd(fd) };
    // Nothing is ever sent: this is the sender's end.
    let _ = ended.recv();
    drop(link);
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::IntoRawFd;

    use super::*;

    #[test]
    fn it_alone_holds_what_it_was_given_and_closes_it_at_the_end() {
        let (mut reader, writer) = io::pipe().unwrap();
        let (other, _kept) = io::pipe().unwrap();
        let writer = OwnedFd::from(writer);
        let (end, thread) = hold(writer.as_raw_fd()).unwrap();
        drop(writer);
        let reading = thread::spawn(move || reader.read(&mut [0]).unwrap());
        thread::sleep(std::time::Duration::from_millis(20));
        assert!(!reading.is_finished(), "somebody closed it");
        drop(end);
        thread.join().unwrap();
        assert_eq!(reading.join().unwrap(), 0);
        // The rest of this process has all of its own.
        let fd = other.into_raw_fd();
        // SAFETY: takes integers only.
        assert!(unsafe { libc::fcntl(fd, libc::F_GETFD) } >= 0);
        // SAFETY: it was just taken from its owner.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
    }
}
