// SPDX-License-Identifier: GPL-2.0-only
//! The guest's side channels: `out`, `err` and `status`, one socket each.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};
use std::{fmt, fs, io, thread};

use anyhow::{Context, Result};

use super::host::Process;
use super::{Done, Job};

/// The channels; guest.sh knows them by these names.
pub(super) const NAMES: [&str; 3] = ["out", "err", "status"];

const POLL: Duration = Duration::from_millis(50);
/// What is still in the sockets when QEMU ends arrives within this time.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(1);
/// Lines of console shown when a VM fails.
const TAIL: usize = 60;

/// Where QEMU connects a channel.
pub(super) fn socket(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("port-{name}"))
}

/// Why there is no exit status.
#[derive(Debug)]
pub enum Failure {
    /// No sign of life from the guest.
    NoBoot(String),
    /// QEMU ended before the command did: a panic, mostly.
    Died(String),
    /// The command took too long.
    TimedOut(Duration, String),
    /// Our own standard output went away.
    NoReader,
}

impl Failure {
    /// Adds the end of the kernel's console and what QEMU said.
    pub fn with_console(self, console: &Path, dir: &Path) -> anyhow::Error {
        let tail = tail(console, dir);
        anyhow::Error::new(match self {
            Self::NoBoot(_) => Self::NoBoot(tail),
            Self::Died(_) => Self::Died(tail),
            Self::TimedOut(limit, _) => Self::TimedOut(limit, tail),
            Self::NoReader => Self::NoReader,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::NoBoot(tail) => write!(f, "the VM did not boot\n{tail}"),
            Self::Died(tail) => write!(f, "the VM died while the command ran\n{tail}"),
            Self::TimedOut(limit, tail) => write!(
                f,
                "the command did not end within {} s (--timeout)\n{tail}",
                limit.as_secs()
            ),
            Self::NoReader => write!(f, "nobody reads our output any more"),
        }
    }
}

impl std::error::Error for Failure {}

fn tail(console: &Path, dir: &Path) -> String {
    let text = ends(vec![console.to_path_buf()]) + &logs(dir);
    if text.is_empty() {
        return "(the kernel's console is empty)".to_string();
    }
    text
}

/// The ends of the logs in a folder.
pub(super) fn logs(dir: &Path) -> String {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let logs = entries.map(|entry| entry.path());
    ends(
        logs.filter(|path| path.extension().is_some_and(|end| end == "log"))
            .collect(),
    )
}

fn ends(logs: Vec<PathBuf>) -> String {
    let mut text = String::new();
    for log in logs {
        let content = fs::read(&log).unwrap_or_default();
        let content = String::from_utf8_lossy(&content);
        if content.trim().is_empty() {
            continue;
        }
        let lines: Vec<&str> = content.lines().collect();
        let from = lines.len().saturating_sub(TAIL);
        text.push_str(&format!("--- end of {} ---\n", log.display()));
        text.push_str(&lines[from..].join("\n"));
        text.push('\n');
    }
    text
}

enum Event {
    Booted,
    Status(i32),
    Finished(Option<Vec<u8>>),
    NoReader,
}

/// The listening end of the channels.
pub(super) struct Streams {
    events: Receiver<Event>,
}

impl Streams {
    /// Opens the sockets and starts to pass on what arrives.
    pub(super) fn listen(dir: &Path, end: &str, job: &Job) -> Result<Self> {
        let (keep, quiet) = (job.keep_output, job.quiet);
        let (sender, events) = channel();
        let mut mark = vec![0];
        mark.extend_from_slice(end.as_bytes());
        for name in NAMES {
            let path = socket(dir, name);
            let listener = UnixListener::bind(&path)
                .with_context(|| format!("cannot listen on {}", path.display()))?;
            let sender = sender.clone();
            let mark = mark.clone();
            thread::spawn(move || {
                let Ok((stream, _)) = listener.accept() else {
                    return;
                };
                match name {
                    "out" if quiet => pass(stream, io::sink(), &mark, keep, &sender),
                    "out" => pass(stream, io::stdout(), &mark, keep, &sender),
                    "err" => pass(stream, io::stderr(), &mark, false, &sender),
                    _ => statuses(stream, &sender),
                }
            });
        }
        Ok(Self { events })
    }

    pub(super) fn follow(
        self,
        qemu: &mut Process,
        boot_deadline: Instant,
        timeout: Duration,
    ) -> Result<Done, Failure> {
        let mut booted = false;
        let mut deadline = boot_deadline;
        let mut status = None;
        let mut finished = 0;
        let mut stdout = Vec::new();
        let mut ended = false;
        loop {
            match self.events.recv_timeout(POLL) {
                Ok(Event::Booted) => {
                    booted = true;
                    deadline = Instant::now() + timeout;
                }
                Ok(Event::Status(value)) => status = Some(value),
                Ok(Event::Finished(kept)) => {
                    finished += 1;
                    stdout = kept.unwrap_or(stdout);
                }
                Ok(Event::NoReader) => return Err(Failure::NoReader),
                Err(RecvTimeoutError::Timeout) if !ended && qemu.ended() => {
                    ended = true;
                    deadline = deadline.min(Instant::now() + LAST_WORDS);
                }
                Err(RecvTimeoutError::Timeout) => {}
                // All sockets are closed: QEMU is gone or on its way.
                Err(RecvTimeoutError::Disconnected) => {
                    ended = true;
                    deadline = Instant::now();
                }
            }
            if let (Some(status), 2) = (status, finished) {
                return Ok(Done { status, stdout });
            }
            if Instant::now() < deadline {
                continue;
            }
            return Err(match (booted, ended) {
                (false, _) => Failure::NoBoot(String::new()),
                (true, true) => Failure::Died(String::new()),
                (true, false) => Failure::TimedOut(timeout, String::new()),
            });
        }
    }
}

/// Copies a stream up to its end mark.
fn pass(mut from: UnixStream, mut to: impl Write, mark: &[u8], keep: bool, events: &Sender<Event>) {
    let mut kept = Vec::new();
    let mut held: Vec<u8> = Vec::new();
    let mut buffer = [0; 65536];
    loop {
        let got = match from.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(got) => got,
        };
        held.extend_from_slice(&buffer[..got]);
        let ready = held.len() - mark_at_end(&held, mark);
        if to
            .write_all(&held[..ready])
            .and_then(|()| to.flush())
            .is_err()
        {
            let _ = events.send(Event::NoReader);
            return;
        }
        if keep {
            kept.extend_from_slice(&held[..ready]);
        }
        held.drain(..ready);
        if held == mark {
            let _ = events.send(Event::Finished(keep.then_some(kept)));
            return;
        }
    }
    // The VM died: nothing held back was the mark.
    let _ = to.write_all(&held).and_then(|()| to.flush());
}

/// Length of the longest beginning of `mark` that `data` ends with.
fn mark_at_end(data: &[u8], mark: &[u8]) -> usize {
    let longest = mark.len().min(data.len());
    (0..=longest)
        .rev()
        .find(|&len| data.ends_with(&mark[..len]))
        .unwrap_or(0)
}

fn statuses(from: UnixStream, events: &Sender<Event>) {
    for line in BufReader::new(from).lines().map_while(io::Result::ok) {
        let event = match line.strip_prefix("status ") {
            Some(value) => Event::Status(value.trim().parse().unwrap_or(1)),
            None => Event::Booted,
        };
        if events.send(event).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::mark_at_end;

    #[test]
    fn only_the_end_mark_is_held_back() {
        assert_eq!(mark_at_end(b"text", b"\0end"), 0);
        assert_eq!(mark_at_end(b"text\0", b"\0end"), 1);
        assert_eq!(mark_at_end(b"text\0en", b"\0end"), 3);
        assert_eq!(mark_at_end(b"text\0end", b"\0end"), 4);
        assert_eq!(mark_at_end(b"\0no", b"\0end"), 0);
    }
}
