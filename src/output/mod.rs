// SPDX-License-Identifier: GPL-2.0-only
//! What the loader says: messages on stderr (logging.rs makes them), reports on stdout. While it
//! runs, a thread for each of the two does the writing (stream.rs), so that nobody who looks after
//! the scheduler waits for a reader. Commands that end by themselves write directly.

mod stream;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write;
use std::os::fd::AsFd;
use std::panic::PanicHookInfo;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;
use std::{io, panic, thread};

use anyhow::{Context, Result};

use self::stream::{Lost, Stream};

/// At the end each stream is given this long: a reader that is alive takes the last words, and one
/// that is not holds nobody up.
const FLUSH_LIMIT: Duration = Duration::from_millis(500);

struct Streams {
    stdout: Stream,
    stderr: Stream,
    /// What was lost when that was told last.
    told: Mutex<[Lost; 2]>,
}

static STREAMS: OnceLock<Streams> = OnceLock::new();

/// From now on nobody who writes waits, and a panic is told like anything else.
pub(crate) fn start() -> Result<()> {
    let stdout = io::stdout().as_fd().try_clone_to_owned();
    let stderr = io::stderr().as_fd().try_clone_to_owned();
    let streams = Streams {
        stdout: stdout
            .and_then(|fd| Stream::start("stdout", fd))
            .context("writing to stdout")?,
        stderr: stderr
            .and_then(|fd| Stream::start("stderr", fd))
            .context("writing to stderr")?,
        told: Mutex::default(),
    };
    if STREAMS.set(streams).is_ok() {
        // The default one writes to stderr, and waits until it has.
        panic::set_hook(Box::new(say_panic));
    }
    Ok(())
}

/// Messages: whole lines on stderr, where nobody may be listening.
pub(crate) struct Stderr;

impl Write for Stderr {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let Some(streams) = STREAMS.get() else {
            return io::stderr().write(lines);
        };
        say_lost(streams, false);
        let text = String::from_utf8_lossy(lines).into_owned();
        streams.stderr.put(text);
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A report: what the user asked for, on stdout. Lines, with their ends. Once streams were started.
pub(crate) fn report(lines: String) {
    if let Some(streams) = STREAMS.get() {
        streams.stdout.put(lines);
        say_lost(streams, false);
    }
}

/// Whoever read the reports has seen enough, as in `scx_meta --stats 1 | head`.
pub(crate) fn reports_are_unwanted() -> bool {
    STREAMS
        .get()
        .is_some_and(|streams| streams.stdout.reader_is_gone())
}

/// Gives what was said a moment to be written; the end of the process is not held up for longer.
pub(crate) fn finish() {
    if let Some(streams) = STREAMS.get() {
        streams.stdout.flush(FLUSH_LIMIT);
        say_lost(streams, true);
        streams.stderr.flush(FLUSH_LIMIT);
    }
}

/// What is missing from a stream is told on stderr, when it begins and at the end: a report is for
/// programs to read.
fn say_lost(streams: &Streams, at_the_end: bool) {
    let lost = [streams.stdout.lost(), streams.stderr.lost()];
    let mut told = streams.told.lock().unwrap_or_else(PoisonError::into_inner);
    for ((name, lost), told) in ["stdout", "stderr"].into_iter().zip(lost).zip(&mut *told) {
        let begins = lost.dropped.min(1) + lost.refused.min(1);
        if lost == *told || !at_the_end && told.dropped.min(1) + told.refused.min(1) == begins {
            continue;
        }
        streams.stderr.put(describe(name, &lost));
        *told = lost;
    }
}

fn describe(name: &str, lost: &Lost) -> String {
    let mut text = String::new();
    if lost.dropped > 0 {
        let dropped = lost.dropped;
        text += &format!(
            "warning: {name} is not read: messages for it are dropped, {dropped} so far\n"
        );
    }
    if let (Some(why), refused) = (&lost.why, lost.refused) {
        text += &format!("warning: {name}: {why}: messages for it are lost, {refused} so far\n");
    }
    text
}

fn say_panic(info: &PanicHookInfo<'_>) {
    let thread = thread::current();
    let name = thread.name().unwrap_or("without a name").to_owned();
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let what = text.unwrap_or("a panic without a message");
    let place = info.location().map(|at| format!(" at {at}"));
    let place = place.unwrap_or_default();
    log::error!("a bug in its thread {name}{place}: {what}");
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        log::error!("{backtrace}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_told_with_the_stream_and_the_reason() {
        assert_eq!(describe("stdout", &Lost::default()), "");
        let lost = Lost {
            dropped: 7,
            refused: 2,
            why: Some("No space left on device".into()),
        };
        let text = describe("stdout", &lost);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].contains("stdout is not read") && lines[0].contains(" 7 "));
        assert!(lines[1].contains("stdout: No space left") && lines[1].contains(" 2 "));
    }
}
