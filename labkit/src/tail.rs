// SPDX-License-Identifier: GPL-2.0-only
//! The last lines that a process said, for the error that quotes them.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fmt, thread};

/// Lines that are kept.
const LINES: usize = 20;

/// What a process said last may still be in the pipe when its end is seen.
const LAST_WORDS: Duration = Duration::from_millis(50);

/// The last lines of a process, on both of its streams.
pub struct Tail {
    lines: Arc<Mutex<VecDeque<String>>>,
}

impl Tail {
    /// Follows the streams that are pipes, until their end.
    pub fn of(child: &mut Child) -> Self {
        let tail = Self {
            lines: Arc::default(),
        };
        if let Some(stdout) = child.stdout.take() {
            tail.follow(stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            tail.follow(stderr);
        }
        tail
    }

    fn follow(&self, stream: impl Read + Send + 'static) {
        let lines = Arc::clone(&self.lines);
        thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                let Ok(mut lines) = lines.lock() else {
                    return;
                };
                if lines.len() == LINES {
                    lines.pop_front();
                }
                lines.push_back(String::from_utf8_lossy(&line).into_owned());
            }
        });
    }
}

/// As the end of a sentence.
impl fmt::Display for Tail {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        thread::sleep(LAST_WORDS);
        let Ok(lines) = self.lines.lock() else {
            return Ok(());
        };
        if lines.is_empty() {
            return write!(f, "; it said nothing");
        }
        write!(f, "; it said:")?;
        lines.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}
