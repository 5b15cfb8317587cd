// SPDX-License-Identifier: GPL-2.0-only
//! After what, how often and how soon the loader loads again. Pure: the caller tells the time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use clap::ValueEnum;

/// An ejection is answered this often within that time; one more, and the loader gives up: what
/// ejects us does not go away by itself.
pub(crate) const EJECTIONS: usize = 5;
/// See [`EJECTIONS`].
pub(crate) const EJECTIONS_WITHIN: Duration = Duration::from_secs(600);

/// Before the first load after an ejection; before each further one twice as long, up to the other.
pub(crate) const AFTER_EJECTION: Duration = Duration::from_secs(1);
const AFTER_EJECTION_MOST: Duration = Duration::from_secs(30);

/// The same for a restart that the kernel demands because CPUs came or went: no fault, so without a
/// limit. Whole sockets go within seconds, a CPU at a time; each event voids what was loaded.
const AFTER_EVENT: Duration = Duration::from_millis(200);
const AFTER_EVENT_MOST: Duration = Duration::from_secs(5);
const EVENTS_WITHIN: Duration = Duration::from_secs(60);

/// What to do after an ejection that nobody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnEjection {
    /// Load again after a moment
    Retry,
    /// End, with status 3
    Exit,
}

/// How long to wait before the next try.
#[derive(Debug)]
pub(super) struct Patience {
    first: Duration,
    most: Duration,
    limit: Option<usize>,
    within: Duration,
    times: VecDeque<Instant>,
}

/// The answer to a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Try again after this time; the how-manieth try it is.
    Again(Duration, usize),
    /// It happened too often: this many times.
    GiveUp(usize),
}

impl Patience {
    pub(super) fn with_ejections() -> Self {
        Self {
            first: AFTER_EJECTION,
            most: AFTER_EJECTION_MOST,
            limit: Some(EJECTIONS),
            within: EJECTIONS_WITHIN,
            times: VecDeque::new(),
        }
    }

    pub(super) fn with_events() -> Self {
        Self {
            first: AFTER_EVENT,
            most: AFTER_EVENT_MOST,
            limit: None,
            within: EVENTS_WITHIN,
            times: VecDeque::new(),
        }
    }

    /// It happened now.
    pub(super) fn after(&mut self, now: Instant) -> Answer {
        self.times.push_back(now);
        let old = |at: &Instant| now.saturating_duration_since(*at) > self.within;
        while self.times.front().is_some_and(old) {
            self.times.pop_front();
        }
        let times = self.times.len();
        if self.limit.is_some_and(|limit| times > limit) {
            return Answer::GiveUp(times);
        }
        let doublings = u32::try_from(times - 1).unwrap_or(u32::MAX);
        let factor = 2u32.saturating_pow(doublings);
        Answer::Again(self.first.saturating_mul(factor).min(self.most), times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn ejections_are_answered_ever_later_and_then_no_more() {
        let (mut patience, now) = (Patience::with_ejections(), Instant::now());
        for (times, delay) in [1, 2, 4, 8, 16].into_iter().enumerate() {
            let answer = Answer::Again(SECOND * delay, times + 1);
            assert_eq!(patience.after(now), answer);
        }
        assert_eq!(patience.after(now), Answer::GiveUp(EJECTIONS + 1));
    }

    #[test]
    fn what_is_long_ago_is_forgotten() {
        let (mut patience, now) = (Patience::with_ejections(), Instant::now());
        (0..EJECTIONS).for_each(|_| {
            patience.after(now);
        });
        let later = now + EJECTIONS_WITHIN + SECOND;
        assert_eq!(patience.after(later), Answer::Again(AFTER_EJECTION, 1));
    }

    #[test]
    fn cpus_may_come_and_go_as_often_as_they_like() {
        let (mut patience, now) = (Patience::with_events(), Instant::now());
        assert_eq!(patience.after(now), Answer::Again(AFTER_EVENT, 1));
        (0..1000).for_each(|_| {
            patience.after(now);
        });
        assert_eq!(patience.after(now), Answer::Again(AFTER_EVENT_MOST, 1002));
    }
}
