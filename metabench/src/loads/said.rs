// SPDX-License-Identifier: GPL-2.0-only
//! What a load of our own prints; the reader `load` reads it.

use std::io;
use std::io::Write;
use std::time::Duration;

use crate::reading::histogram;

/// What a load did.
pub(super) struct Said {
    pub(super) operations: f64,
    pub(super) took: Duration,
    /// Of each operation, if it has one.
    pub(super) latencies: Vec<Duration>,
}

impl Said {
    pub(super) fn text(&self) -> String {
        let us = self.latencies.iter().map(|took| took.as_secs_f64() * 1e6);
        let bins = histogram::pooled(us.map(|us| (us, 1)));
        let (lines, seconds) = (histogram::lines(&bins), self.took.as_secs_f64());
        let operations = self.operations;
        format!("{lines}load_operations {operations}\nload_seconds {seconds:.6}\n")
    }
}

pub(super) fn print(said: &Said) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(said.text().as_bytes())?;
    out.flush()
}
