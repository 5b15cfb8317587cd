// SPDX-License-Identifier: GPL-2.0-only
//! One stream with a thread that writes to it. Whoever puts a text into the queue never waits: a
//! terminal that was stopped, a pipe that nobody reads and a slow disk hold up the thread alone.
//! Of a full queue the oldest texts are dropped, and counted, since the newest tell why we end.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

/// What may wait to be written: several hundred reports, or a kernel's whole dump and the words
/// around it.
pub(super) const QUEUE_BYTES: usize = 1 << 20;

/// How often a descriptor that others made non-blocking is tried again.
const AGAIN: Duration = Duration::from_millis(10);

/// What became of the texts that are not written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lost {
    /// Dropped from a full queue.
    pub(super) dropped: u64,
    /// Refused by the file.
    pub(super) refused: u64,
    /// Why it refused the first.
    pub(super) why: Option<String>,
}

#[derive(Default)]
struct Queue {
    texts: VecDeque<String>,
    bytes: usize,
    /// The thread has taken a text and is not done with it.
    writing: bool,
    /// Whoever read the other end is gone: nobody misses what follows.
    gone: bool,
    lost: Lost,
}

impl Queue {
    fn put(&mut self, text: String) {
        if self.gone {
            return;
        }
        self.bytes += text.len();
        self.texts.push_back(text);
        while self.bytes > QUEUE_BYTES && self.texts.len() > 1 {
            self.bytes -= self.texts.pop_front().map_or(0, |oldest| oldest.len());
            self.lost.dropped += 1;
        }
    }

    fn take(&mut self) -> Option<String> {
        let text = self.texts.pop_front()?;
        self.bytes -= text.len();
        self.writing = true;
        Some(text)
    }

    fn written(&mut self, result: io::Result<()>) {
        self.writing = false;
        let Err(error) = result else {
            return;
        };
        if error.kind() == ErrorKind::BrokenPipe {
            self.gone = true;
            self.texts.clear();
            self.bytes = 0;
            return;
        }
        self.lost.refused += 1;
        self.lost.why.get_or_insert_with(|| error.to_string());
    }

    fn is_idle(&self) -> bool {
        self.texts.is_empty() && !self.writing
    }
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

impl Shared {
    /// Nobody panics while it is locked.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_for_ever(&self, mut file: File) {
        loop {
            let mut queue = self.lock();
            let text = loop {
                if let Some(text) = queue.take() {
                    break text;
                }
                let waited = self.changed.wait(queue);
                queue = waited.unwrap_or_else(PoisonError::into_inner);
            };
            drop(queue);
            let result = write_all(&mut file, text.as_bytes());
            self.lock().written(result);
            self.changed.notify_all();
        }
    }
}

/// A stream that never holds up whoever writes to it.
pub(super) struct Stream(Arc<Shared>);

impl Stream {
    /// Starts the thread, which lives as long as the process.
    pub(super) fn start(name: &str, fd: OwnedFd) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let writer = Arc::clone(&shared);
        thread::Builder::new()
            .name(name.into())
            .spawn(move || writer.write_for_ever(File::from(fd)))?;
        Ok(Self(shared))
    }

    /// Queues the text.
    pub(super) fn put(&self, text: String) {
        self.0.lock().put(text);
        self.0.changed.notify_all();
    }

    /// Whoever read the other end is gone.
    pub(super) fn reader_is_gone(&self) -> bool {
        self.0.lock().gone
    }

    /// What was lost since the start.
    pub(super) fn lost(&self) -> Lost {
        self.0.lock().lost.clone()
    }

    /// Waits until all is written; false when `limit` passed first.
    pub(super) fn flush(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut queue = self.0.lock();
        while !queue.is_idle() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.0.changed.wait_timeout(queue, left);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

/// The standard library's gives up where a descriptor does not block.
fn write_all(file: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => (),
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(AGAIN),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Read;

    use super::*;

    const SOON: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(50);

    fn stream(fd: OwnedFd) -> Stream {
        Stream::start("test", fd).unwrap()
    }

    #[test]
    fn what_is_put_is_written_in_order() {
        let (reader, writer) = nix::unistd::pipe().unwrap();
        let stream = stream(writer);
        for number in 0..100 {
            stream.put(format!("{number}\n"));
        }
        assert!(stream.flush(SOON));
        let mut bytes = [0; 290];
        File::from(reader).read_exact(&mut bytes).unwrap();
        let numbers: Vec<String> = (0..100).map(|number| format!("{number}\n")).collect();
        assert_eq!(std::str::from_utf8(&bytes).unwrap(), numbers.concat());
        assert_eq!(stream.lost(), Lost::default());
    }

    #[test]
    fn a_pipe_that_nobody_reads_costs_the_oldest_and_no_time() {
        let (reader, writer) = nix::unistd::pipe().unwrap();
        let stream = stream(writer);
        let line = |number: usize| format!("{number:>9}\n");
        let lines = 4 * QUEUE_BYTES / line(0).len();
        (0..lines).for_each(|number| stream.put(line(number)));
        assert!(!stream.flush(SHORT), "a full pipe was written to");
        let lost = stream.lost();
        // What fits the queue is kept, beside what the pipe and the thread have taken.
        assert!(lost.dropped as usize >= lines / 2, "{lost:?}");
        assert!(
            lines - lost.dropped as usize >= QUEUE_BYTES / line(0).len(),
            "{lost:?}"
        );
        let read = thread::spawn(move || {
            let mut reader = File::from(reader);
            let (mut text, mut bytes) = (String::new(), [0; 4096]);
            while !text.ends_with(&format!("{:>9}\n", lines - 1)) {
                let read = reader.read(&mut bytes).unwrap();
                text.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
            }
        });
        assert!(stream.flush(SOON));
        read.join().unwrap();
    }

    #[test]
    fn a_reader_that_went_away_is_told_and_nothing_is_kept_for_it() {
        let (reader, writer) = nix::unistd::pipe().unwrap();
        drop(reader);
        let stream = stream(writer);
        assert!(!stream.reader_is_gone());
        stream.put("a\n".into());
        assert!(stream.flush(SOON));
        assert!(stream.reader_is_gone());
        stream.put("b\n".into());
        assert!(stream.flush(SOON));
        assert_eq!(stream.lost(), Lost::default());
    }

    #[test]
    fn a_full_disk_is_told_once_with_its_reason() {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let stream = stream(full.into());
        stream.put("a\n".into());
        stream.put("b\n".into());
        assert!(stream.flush(SOON));
        let lost = stream.lost();
        assert_eq!(lost.refused, 2);
        assert!(lost.why.unwrap().contains("No space left"));
        assert!(!stream.reader_is_gone());
    }
}
