// SPDX-License-Identifier: GPL-2.0-only
//! What decides between a stop and an attach. The thread that looks after the program and the one
//! that waits for signals agree here: as long as nothing is in charge a stop ends the process at
//! once, whatever the first is in the middle of; from then on the first must end the program.
//!
//! ```text
//!            ┌── begin() ──┐              stop() = EndNow: nothing is attached, and never will be
//! loading ◄──┤             ├──► committed
//!            └── done()  ──┘              stop() = Wait: the program is detached first
//! ```

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::live::{Live, PinDir};

/// What whoever asks for a stop does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopping {
    /// End the process: nothing is in charge.
    EndNow,
    /// Wait until the program has been detached.
    Wait,
}

#[derive(Default)]
struct State {
    stop: bool,
    committed: bool,
}

/// See above. It also holds the pins, which go when no program can be attached any more.
pub(super) struct Gate {
    state: Mutex<State>,
    stopped: Condvar,
    pins: Mutex<Option<PinDir>>,
}

/// Removes the pins when it goes, also where a panic ends the thread that holds it.
pub(super) struct PinsOf<'a>(&'a Gate);

impl Drop for PinsOf<'_> {
    fn drop(&mut self) {
        let mut pins = self.0.pins.lock().unwrap_or_else(PoisonError::into_inner);
        drop(pins.take());
    }
}

impl Gate {
    pub(super) fn new(pins: Option<PinDir>) -> Self {
        Self {
            state: Mutex::default(),
            stopped: Condvar::new(),
            pins: Mutex::new(pins),
        }
    }

    pub(super) fn pins(&self) -> PinsOf<'_> {
        PinsOf(self)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody wants an end.
    pub(super) fn stop(&self) -> Stopping {
        let mut state = self.lock();
        state.stop = true;
        self.stopped.notify_all();
        match state.committed {
            true => Stopping::Wait,
            false => Stopping::EndNow,
        }
    }

    /// A program is to be put in charge; false if a stop was asked for.
    pub(super) fn begin(&self) -> bool {
        let mut state = self.lock();
        state.committed = !state.stop;
        state.committed
    }

    /// No program of ours is in charge any more.
    pub(super) fn done(&self) {
        self.lock().committed = false;
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.lock().stop
    }

    /// Waits for a stop; true when it was asked for.
    pub(super) fn stopped_within(&self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        let mut state = self.lock();
        while !state.stop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.stopped.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Pins these maps in place of those that are there.
    pub(super) fn publish(&self, live: &Live) -> Result<()> {
        let pins = self.pins.lock().unwrap_or_else(PoisonError::into_inner);
        let pins = pins.as_ref().context("the loader is ending")?;
        pins.publish(live)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn a_stop_while_it_loads_ends_at_once_and_nothing_is_attached() {
        let gate = Gate::new(None);
        assert_eq!(gate.stop(), Stopping::EndNow);
        assert!(!gate.begin(), "it was put in charge all the same");
        assert_eq!(gate.stop(), Stopping::EndNow);
    }

    #[test]
    fn a_stop_of_a_program_in_charge_waits_for_it() {
        let gate = Gate::new(None);
        assert!(gate.begin());
        assert!(!gate.is_stopped());
        assert_eq!(gate.stop(), Stopping::Wait);
        assert!(gate.is_stopped());
        gate.done();
        assert!(!gate.begin(), "the next one is put in charge");
        assert_eq!(gate.stop(), Stopping::EndNow);
    }

    #[test]
    fn a_wait_ends_with_the_stop_or_with_the_time() {
        let gate = Arc::new(Gate::new(None));
        assert!(!gate.stopped_within(Duration::from_millis(10)));
        let other = Arc::clone(&gate);
        let waiting = thread::spawn(move || other.stopped_within(Duration::from_secs(600)));
        gate.stop();
        assert!(waiting.join().unwrap());
    }
}
