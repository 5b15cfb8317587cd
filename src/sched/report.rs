// SPDX-License-Identifier: GPL-2.0-only
//! `--stats` and `--stats-json`: the counters at even distances.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::live::Live;
use crate::output;
use crate::stats::Snapshot;

/// Of one program, since it was attached.
pub(super) struct Reporter {
    interval: Duration,
    json: bool,
    attached: Instant,
    /// When the next one is due.
    pub(super) next: Instant,
    before: Option<Snapshot>,
}

impl Reporter {
    pub(super) fn new(interval: Duration, json: bool, attached: Instant) -> Self {
        Self {
            interval,
            json,
            attached,
            next: attached + interval,
            before: None,
        }
    }

    pub(super) fn print_if_due(&mut self, live: &Live, now: Instant) -> Result<()> {
        if now < self.next {
            return Ok(());
        }
        while self.next <= now {
            self.next += self.interval;
        }
        self.print(live)
    }

    pub(super) fn print(&mut self, live: &Live) -> Result<()> {
        let snapshot = Snapshot::take(live)?;
        let uptime = self.attached.elapsed();
        output::report(if self.json {
            format!("{}\n", snapshot.json(Some(uptime)))
        } else {
            let table = snapshot.table(self.before.as_ref());
            let headline = snapshot.headline();
            let learned = snapshot.learned();
            format!(
                "{:.1} s: {headline}\n{learned}{table}\n",
                uptime.as_secs_f64()
            )
        });
        self.before = Some(snapshot);
        Ok(())
    }
}
