// SPDX-License-Identifier: GPL-2.0-only
//! A PID namespace: when its first process ends, the kernel kills all others in it.
//!
//! ```text
//! we ─┬─pipe─► first process, PID 1    reads until the pipe ends, which it does however we die
//!     └──────► commands                children of ours, so that we see how and when they end
//!                 └─► helpers          children of PID 1 once they have lost their parents
//! ```
//!
//! No process can leave a PID namespace, whatever it does to its session, its parents or its
//! environment, and the kernel starts none in a namespace without a first process. Inside, /proc shows
//! the namespace's own processes, by the numbers that they have there.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs, io};

use anyhow::{ensure, Context, Result};
use nix::errno::Errno;
use nix::mount::{self, MsFlags};
use nix::sched::{self, CloneFlags};
use nix::sys::signal::{self, SigHandler, Signal};
use nix::unistd::{self, Pid};

use crate::{process, sys};

/// What makes the first process ask all others to end.
const ASK: u8 = b'\n';

/// How often a wait for the end looks.
const POLL: Duration = Duration::from_millis(20);

/// Killed processes are gone after this, unless the kernel itself holds them.
const GONE_LIMIT: Duration = Duration::from_secs(30);

/// Processes that end together. Dropping it kills them and waits until they are gone. Before that,
/// children of ours must have been waited for: the kernel keeps the first process until it is alone.
pub struct Namespace {
    /// Its standard input is the pipe.
    first: Child,
    pidfd: OwnedFd,
    /// The root directory inside.
    root: File,
}

impl Namespace {
    /// Makes one, which takes CAP_SYS_ADMIN.
    pub fn new() -> Result<Self> {
        // Nothing is executed: the hook does not return, unless it fails.
        let mut command = Command::new("first process");
        command.stdin(Stdio::piped()).process_group(0);
        // SAFETY: the hook makes plain system calls: nothing that is unsafe after fork.
        unsafe { command.pre_exec(be_first) };
        let first = spawn_after(|| sched::unshare(CloneFlags::CLONE_NEWPID), &mut command)
            .context("cannot make a PID namespace, which takes root")?;
        let pidfd = sys::pidfd(first.id()).context("cannot enter our PID namespace")?;
        let root = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_PATH | libc::O_DIRECTORY)
            .open(format!("/proc/{}/root", first.id()))
            .context("cannot see into our PID namespace")?;
        Ok(Self { first, pidfd, root })
    }

    /// Starts a command inside, at the head of a process group.
    pub fn spawn(&self, command: &mut Command) -> Result<Child> {
        let shown = process::shown(command);
        self.spawn_inside(command)
            .with_context(|| format!("cannot start {shown}"))
    }

    fn spawn_inside(&self, command: &mut Command) -> io::Result<Child> {
        let folder = command.get_current_dir().unwrap_or("".as_ref());
        let folder = CString::new(env::current_dir()?.join(folder).into_os_string().into_vec())?;
        let (pidfd, root) = (self.pidfd.try_clone()?, self.root.try_clone()?);
        // /proc is the namespace's own among the mounts of the first process. To enter them leads to
        // their root, which need not be ours.
        let hook = move || {
            sched::setns(&pidfd, CloneFlags::CLONE_NEWNS)?;
            unistd::fchdir(&root)?;
            unistd::chroot(c".")?;
            unistd::chdir(folder.as_c_str())?;
            Ok(())
        };
        command.process_group(0);
        // SAFETY: the hook makes plain system calls: nothing that is unsafe after fork.
        unsafe { command.pre_exec(hook) };
        let enter = || sched::setns(&self.pidfd, CloneFlags::CLONE_NEWPID);
        spawn_after(enter, command)
    }

    /// Asks all inside to end, and kills those that have not within `grace`. `child` is the only one of
    /// ours that may not have been waited for.
    pub fn end(mut self, child: &mut Child, grace: Duration) -> Result<()> {
        if let Some(pipe) = &mut self.first.stdin {
            // A first process that cannot be told is dead, and so is everything inside.
            let _ = pipe.write_all(&[ASK]);
        }
        process::await_that(grace, POLL, || {
            matches!(child.try_wait(), Ok(Some(_))) && self.is_empty()
        });
        self.kill_first()?;
        process::wait_for(child, GONE_LIMIT)?;
        self.await_end()
    }

    /// Nothing is inside but the first process.
    fn is_empty(&self) -> bool {
        let inside = fs::read_dir(format!("/proc/{}/root/proc", self.first.id()));
        let entries = inside.into_iter().flatten().flatten();
        let mut pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        !pids.any(|pid| pid > 1)
    }

    fn kill_first(&mut self) -> Result<()> {
        self.first.kill().context("cannot kill a PID namespace")
    }

    fn await_end(&mut self) -> Result<()> {
        let ended = process::wait_for(&mut self.first, GONE_LIMIT)?;
        ensure!(
            ended.is_some(),
            "processes that were killed {GONE_LIMIT:?} ago still live"
        );
        Ok(())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Err(error) = self.kill_first().and_then(|()| self.await_end()) {
            eprintln!("{error:#}");
        }
    }
}

/// Starts a command after `change` gave this thread's children another PID namespace, and takes that
/// back.
fn spawn_after(
    change: impl FnOnce() -> nix::Result<()>,
    command: &mut Command,
) -> io::Result<Child> {
    let ours = File::open("/proc/self/ns/pid")?;
    change()?;
    let child = command.spawn();
    sched::setns(ours, CloneFlags::CLONE_NEWPID)?;
    child
}

/// The life of the first process, forked from us and no more than that.
fn be_first() -> io::Result<()> {
    const NONE: Option<&str> = None;
    sched::unshare(CloneFlags::CLONE_NEWNS)?;
    // Other mounts go on to be shared with the outside, if they were.
    mount::mount(NONE, "/proc", NONE, MsFlags::MS_PRIVATE, NONE)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount::mount(Some("proc"), "/proc", Some("proc"), flags, NONE)?;
    // Those that have lost their parents need not be waited for.
    // SAFETY: SIG_IGN runs no code of ours.
    unsafe { signal::signal(Signal::SIGCHLD, SigHandler::SigIgn) }?;
    // SAFETY: nobody here uses a descriptor that this process got from us, but standard input.
    Errno::result(unsafe { libc::close_range(1, u32::MAX, 0) })?;
    // SAFETY: the pipe stays open as long as this process lives.
    let pipe = unsafe { BorrowedFd::borrow_raw(libc::STDIN_FILENO) };
    let mut word = [0];
    loop {
        match unistd::read(pipe, &mut word) {
            Ok(1) => {
                // To all that this process sees, but not to itself. There may be none.
                let _ = signal::kill(Pid::from_raw(-1), Signal::SIGTERM);
            }
            Err(Errno::EINTR) => {}
            // SAFETY: runs nothing of ours.
            _ => unsafe { libc::_exit(0) },
        }
    }
}
