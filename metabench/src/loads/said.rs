// SPDX-License-Identifier: GPL-2.0-only
//! What a load of our own prints; the reader `load` reads it.

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
        let bins = histogram::of(self.latencies.iter().copied());
        let (lines, seconds) = (histogram::lines(&bins), self.took.as_secs_f64());
        let operations = self.operations;
        format!("{lines}load_operations {operations}\nload_seconds {seconds:.6}\n")
    }
}
