// SPDX-License-Identifier: GPL-2.0-only
//! Loads from outside: perf's messaging benchmark and stress-ng.

use std::os::unix::process::CommandExt;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::clock::wait_for;

/// Many times what it takes emulated: only a stall gets here.
const END_LIMIT: Duration = Duration::from_secs(180);

/// A command in a process group of its own, which ends with this guard.
pub struct Load {
    what: String,
    child: Child,
}

impl Load {
    pub fn start(program: &str, args: &[&str]) -> Self {
        let child = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        Self {
            what: format!("{program} {}", args.join(" ")),
            child,
        }
    }

    /// `perf bench sched messaging`: 40 tasks a group.
    pub fn messaging(groups: u32, messages: u32) -> Self {
        let (groups, messages) = (groups.to_string(), messages.to_string());
        Self::start(
            "perf",
            &[
                "bench",
                "sched",
                "messaging",
                "-g",
                &groups,
                "-l",
                &messages,
            ],
        )
    }

    /// Messaging again and again, until dropped.
    pub fn endless_messaging() -> Self {
        Self::start(
            "sh",
            &[
                "-c",
                "while :; do perf bench sched messaging -g 1 -l 100 || exit; done",
            ],
        )
    }

    /// stress-ng for some seconds, or until dropped.
    pub fn stress(what: &str, seconds: u32) -> Self {
        let seconds = seconds.to_string();
        let mut args: Vec<&str> = what.split(' ').collect();
        args.extend(["-t", &seconds, "--temp-path", "/run"]);
        Self::start("stress-ng", &args)
    }

    /// Waits for a successful end.
    pub fn finish(mut self) {
        let start = Instant::now();
        let mut status = None;
        wait_for(END_LIMIT, Duration::from_millis(50), || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        let status = status.unwrap_or_else(|| panic!("{}: no end in sight", self.what));
        println!(
            "{}: {status} after {:.1} s",
            self.what,
            start.elapsed().as_secs_f64()
        );
        assert!(status.success(), "{}: {status}", self.what);
    }

    /// It must not have ended by itself.
    pub fn assert_running(&mut self) {
        let status = self.child.try_wait().unwrap();
        assert!(status.is_none(), "{}: {status:?}", self.what);
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        // SAFETY: the group's leader is ours and not reaped yet.
        unsafe { libc::killpg(self.child.id() as i32, libc::SIGKILL) };
        let _ = self.child.wait();
        // Members of the group are not ours to wait for.
        thread::sleep(Duration::from_millis(100));
    }
}
