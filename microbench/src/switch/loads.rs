// SPDX-License-Identifier: GPL-2.0-only
//! The loads under which replacement and flip are compared: the same for both.

use std::time::Duration;

use anyhow::Result;
use labkit::load::{self, Part};
use labkit::task::Task;

use super::record::Load;

/// How often a bound sleeper wakes up: an idle CPU is in use at least this often.
const WAKE_EVERY: Duration = Duration::from_millis(1);

/// Four a CPU: with slices of 20 ms a task that has run waits 60 ms for its next turn.
const BUSY_PER_CPU: usize = 4;

/// Beside the busy half of a moderate load, tasks that come and go.
const SLEEPERS_PER_CPU: usize = 10;
const SLEEPERS_EVERY: Duration = Duration::from_millis(10);

pub(crate) struct Running {
    load: load::Load,
    _bound: Vec<Task>,
}

/// Starts a load for about `run`; from the main thread, as [`load::Load::start`] wants it.
pub(crate) fn start(load: Load, cpus: usize, run: Duration) -> Result<Running> {
    let parts = match load {
        Load::Idle => vec![],
        Load::Moderate => vec![
            Part::Busy {
                tasks: (cpus / 2).max(1),
            },
            Part::Sleepers {
                tasks: cpus * SLEEPERS_PER_CPU,
                every: SLEEPERS_EVERY,
            },
        ],
        Load::Saturated => vec![Part::Busy {
            tasks: cpus * BUSY_PER_CPU,
        }],
    };
    let bound = match load {
        Load::Idle => (0..cpus)
            .map(|cpu| Task::sleeper_on(Some(cpu), WAKE_EVERY))
            .collect::<Result<_>>()?,
        Load::Moderate | Load::Saturated => vec![],
    };
    Ok(Running {
        load: load::Load::start(&parts, run)?,
        _bound: bound,
    })
}

impl Running {
    pub(crate) fn check(&mut self) -> Result<()> {
        self.load.check()
    }
}
