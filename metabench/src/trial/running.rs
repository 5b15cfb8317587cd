// SPDX-License-Identifier: GPL-2.0-only
//! One command that runs: started, listened to, watched for its end, and ended with everything
//! that it started.

use std::io::Read;
use std::os::fd::AsFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;
use std::{io, thread};

use anyhow::{ensure, Context, Result};
use labkit::{process, sys};

use super::scene::Pen;

/// What a load prints is kept in memory; one that prints more is not a load.
const LIMIT_BYTES: u64 = 64 << 20;

/// How long a pipe may stay open after its process and everybody in its group ended.
const PIPE_LIMIT: Duration = Duration::from_secs(5);

/// Longer than any load.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A process that was started; dropping it ends its group.
pub struct Running {
    child: Child,
    began: Duration,
    said: Receiver<io::Result<String>>,
    complained: Receiver<io::Result<String>>,
}

/// How it ended.
#[derive(Debug)]
pub struct Ended {
    /// From just before it was made.
    pub took: Duration,
    /// How.
    pub status: ExitStatus,
    /// What it printed to standard output, and behind that what it printed to standard error:
    /// some load generators report there.
    pub said: String,
}

impl Running {
    /// Starts it; its end, by CLOCK_MONOTONIC, is sent to `tell` with `who`.
    pub fn start(
        command: &mut Command,
        pen: &mut dyn Pen,
        who: usize,
        tell: &Sender<(usize, Duration)>,
    ) -> Result<Self> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let began = sys::monotonic();
        let mut child = pen.spawn(command)?;
        let said = listen(child.stdout.take());
        let complained = listen(child.stderr.take());
        let running = Self {
            child,
            began,
            said,
            complained,
        };
        running.watch(who, tell.clone())?;
        Ok(running)
    }

    fn watch(&self, who: usize, tell: Sender<(usize, Duration)>) -> Result<()> {
        let end = sys::pidfd(self.child.id()).context("cannot watch it")?;
        thread::spawn(move || {
            // A normal task would see the end when the policy on trial lets it run. Where the
            // class is refused, that is how it is.
            let _ = sys::enter_real_time();
            let seen = sys::wait_readable(end.as_fd(), FOREVER);
            // Nobody listens any more when the trial was cut short.
            if seen.is_ok() {
                let _ = tell.send((who, sys::monotonic()));
            }
        });
        Ok(())
    }

    /// What became of it; to be called when its end was told.
    pub fn finish(mut self, at: Duration) -> Result<Ended> {
        // Before it is waited for: until then the group's number is not given to others.
        let _ = sys::kill_group(self.child.id(), libc::SIGKILL);
        let status = self.child.wait().context("cannot wait for it")?;
        let mut said = collect(&self.said)?;
        let complained = collect(&self.complained)?;
        if !said.is_empty() && !said.ends_with('\n') {
            said.push('\n');
        }
        said.push_str(&complained);
        Ok(Ended {
            took: at.saturating_sub(self.began),
            status,
            said,
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            process::end_group(&mut self.child);
        }
    }
}

/// Reads to the end in a thread of its own, so that a full pipe stops nobody.
fn listen(pipe: Option<impl Read + Send + 'static>) -> Receiver<io::Result<String>> {
    let (tell, heard) = mpsc::channel();
    thread::spawn(move || {
        let _ = tell.send(read(pipe));
    });
    heard
}

fn read(pipe: Option<impl Read>) -> io::Result<String> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.by_ref().take(LIMIT_BYTES).read_to_end(&mut bytes)?;
        let more = io::copy(&mut pipe, &mut io::sink())?;
        if more > 0 {
            let message = format!("it printed more than {} MiB", LIMIT_BYTES >> 20);
            return Err(io::Error::other(message));
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn collect(heard: &Receiver<io::Result<String>>) -> Result<String> {
    let text = heard.recv_timeout(PIPE_LIMIT);
    ensure!(
        text.is_ok(),
        "a process that it started outlived it, outside its process group"
    );
    text?.context("cannot read what it printed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::fake::Street;

    fn run(script: &str) -> Result<Ended> {
        let (tell, heard) = mpsc::channel();
        let mut command = Command::new("sh");
        let running = Running::start(command.args(["-c", script]), &mut Street, 3, &tell).unwrap();
        let (who, at) = heard.recv_timeout(Duration::from_secs(30)).unwrap();
        assert_eq!(who, 3);
        running.finish(at)
    }

    #[test]
    fn both_of_its_outputs_are_kept_with_its_status_and_time() {
        let ended = run("echo late >&2; printf early; sleep 0.2; exit 7").unwrap();
        assert_eq!(ended.said, "early\nlate\n");
        assert_eq!(ended.status.code(), Some(7));
        let took = ended.took.as_secs_f64();
        assert!((0.2..10.0).contains(&took), "{took}");
    }

    #[test]
    fn whoever_it_leaves_behind_is_ended() {
        let ended = run("sleep 61 & echo $!").unwrap();
        assert!(ended.took < Duration::from_secs(30));
        assert!(is_gone(ended.said.trim()), "{}", ended.said);
    }

    #[test]
    fn more_than_a_pipe_holds_stops_nobody() {
        let ended = run("head -c 1000000 /dev/zero | tr '\\0' x; echo; seq 100000 >&2").unwrap();
        assert!(ended.said.starts_with("xxx") && ended.said.ends_with("100000\n"));
        assert_eq!(ended.said.lines().count(), 100_001);
    }

    #[test]
    fn one_that_is_dropped_is_ended() {
        let (tell, _heard) = mpsc::channel();
        let mut command = Command::new("sleep");
        let running = Running::start(command.arg("62"), &mut Street, 0, &tell).unwrap();
        let pid = running.child.id().to_string();
        assert!(!is_gone(&pid));
        drop(running);
        assert!(is_gone(&pid));
    }

    /// Killed processes whose parent died may stay zombies for a moment.
    fn is_gone(pid: &str) -> bool {
        (0..100).any(|_| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
            let gone = stat.map_or(true, |stat| stat.contains(") Z "));
            if !gone {
                thread::sleep(Duration::from_millis(10));
            }
            gone
        })
    }
}
