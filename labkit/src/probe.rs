// SPDX-License-Identifier: GPL-2.0-only
//! The wake-up probe: a thread that sleeps to absolute times and notes how late it ran.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{bail, ensure, Context, Result};

use super::sys;

/// No divisor of a rotation or of a tick, so that the samples visit every part of a turn.
pub const INTERVAL: Duration = Duration::from_millis(7);

/// The smallest that the kernel takes; its default of 50 µs would be measured as latency.
pub const TIMER_SLACK: Duration = Duration::from_nanos(1);

/// Who wakes up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Class {
    /// An ordinary task of nice 0: what the scheduler makes its tasks wait.
    Ordinary,
    /// A real-time task: what the machine itself makes everybody wait, a guest whose host is
    /// busy most of all.
    RealTime,
}

/// A probe that is measuring.
pub struct Probe {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Vec<Sample>>>,
}

/// One wake-up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// When it should have been, by CLOCK_MONOTONIC.
    pub due: Duration,
    /// How much later it was.
    pub late: Duration,
}

/// What the probe saw.
pub struct Latency {
    /// Half of the wake-ups were at most this late.
    pub p50: Duration,
    /// 99 of 100 wake-ups were at most this late.
    pub p99: Duration,
    /// The latest wake-up.
    pub max: Duration,
    /// Wake-ups measured.
    pub samples: usize,
}

impl Probe {
    /// Starts measuring, at [`INTERVAL`].
    pub fn start(class: Class) -> Result<Self> {
        Self::every(INTERVAL, class)
    }

    /// Starts measuring, with a wake-up due every `interval`.
    pub fn every(interval: Duration, class: Class) -> Result<Self> {
        ensure!(!interval.is_zero(), "a probe that does not sleep");
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("wakeup-probe".into())
            .spawn(move || measure(interval, class, &seen))
            .context("cannot start the wake-up probe")?;
        Ok(Self { stop, thread })
    }

    /// Stops measuring.
    pub fn finish(self) -> Result<Latency> {
        Latency::of(&self.samples()?)
    }

    /// Stops measuring; every wake-up, in order.
    pub fn samples(self) -> Result<Vec<Sample>> {
        self.stop.store(true, Ordering::Relaxed);
        let Ok(samples) = self.thread.join() else {
            bail!("the wake-up probe panicked");
        };
        samples.context("the wake-up probe failed")
    }
}

impl Latency {
    /// Sums up wake-ups, in any order.
    pub fn of(samples: &[Sample]) -> Result<Self> {
        ensure!(!samples.is_empty(), "the wake-up probe never woke up");
        let mut lateness: Vec<_> = samples.iter().map(|sample| sample.late).collect();
        lateness.sort_unstable();
        Ok(Self {
            p50: percentile(&lateness, 50),
            p99: percentile(&lateness, 99),
            max: percentile(&lateness, 100),
            samples: lateness.len(),
        })
    }
}

fn measure(interval: Duration, class: Class, stop: &AtomicBool) -> Result<Vec<Sample>> {
    if class == Class::RealTime {
        sys::enter_real_time().context("SCHED_RR")?;
    }
    sys::set_timer_slack(TIMER_SLACK).context("PR_SET_TIMERSLACK")?;
    let mut samples = Vec::new();
    let mut due = sys::monotonic() + interval;
    while !stop.load(Ordering::Relaxed) {
        sys::sleep_until(due).context("clock_nanosleep")?;
        let late = sys::monotonic().saturating_sub(due);
        samples.push(Sample { due, late });
        due = next_due(due, late, interval);
    }
    Ok(samples)
}

/// The next point of the grid that is still ahead: points that passed while we were late cannot
/// be woken up at.
fn next_due(due: Duration, late: Duration, interval: Duration) -> Duration {
    let missed = late.as_nanos() / interval.as_nanos();
    due + interval * (missed as u32 + 1)
}

/// Nearest rank, of a sorted slice that is not empty.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted[rank - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(values: &[u64]) -> Vec<Duration> {
        values.iter().copied().map(Duration::from_millis).collect()
    }

    fn late(values: &[u64]) -> Vec<Sample> {
        let samples = ms(values).into_iter().zip(0..);
        samples
            .map(|(late, i)| Sample {
                due: INTERVAL * i,
                late,
            })
            .collect()
    }

    #[test]
    fn percentiles_are_nearest_rank() {
        let sorted = ms(&(1..=200).collect::<Vec<_>>());
        assert_eq!(percentile(&sorted, 50), Duration::from_millis(100));
        assert_eq!(percentile(&sorted, 99), Duration::from_millis(198));
        assert_eq!(percentile(&sorted, 100), Duration::from_millis(200));
    }

    #[test]
    fn one_sample_is_every_percentile() {
        let only = Latency::of(&late(&[3])).unwrap();
        assert_eq!((only.p50, only.p99), (only.max, only.max));
    }

    #[test]
    fn samples_need_not_come_sorted_and_must_come() {
        assert_eq!(
            Latency::of(&late(&[9, 1, 5])).unwrap().p50,
            Duration::from_millis(5)
        );
        assert!(Latency::of(&[]).is_err());
    }

    #[test]
    fn a_late_wakeup_skips_the_points_that_passed() {
        let due = INTERVAL * 10;
        assert_eq!(next_due(due, Duration::ZERO, INTERVAL), INTERVAL * 11);
        assert_eq!(next_due(due, INTERVAL * 2, INTERVAL), INTERVAL * 13);
        assert_eq!(next_due(due, INTERVAL * 5 / 2, INTERVAL), INTERVAL * 13);
    }

    #[test]
    fn the_probe_measures_this_machine() {
        let probe = Probe::start(Class::Ordinary).unwrap();
        thread::sleep(INTERVAL * 10);
        let latency = probe.finish().unwrap();
        assert!(latency.samples > 0);
        assert!(latency.p50 <= latency.p99 && latency.p99 <= latency.max);
    }

    #[test]
    fn samples_lie_on_the_grid_that_was_asked_for() {
        let interval = Duration::from_millis(3);
        let probe = Probe::every(interval, Class::Ordinary).unwrap();
        thread::sleep(interval * 10);
        let samples = probe.samples().unwrap();
        assert!(samples.len() > 1);
        let first = samples[0].due;
        for pair in samples.windows(2) {
            assert!(pair[0].due < pair[1].due);
            assert_eq!((pair[1].due - first).as_nanos() % interval.as_nanos(), 0);
        }
    }
}
