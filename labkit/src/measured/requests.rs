// SPDX-License-Identifier: GPL-2.0-only
//! Requests that come by themselves, whether or not those before them are done (an open loop), as
//! clients do. Each worker has its own arrivals, at random like those of many independent clients,
//! and works for the same time for each. A request's latency counts from its arrival: a worker that
//! is late makes all that came meanwhile late.

use std::thread;
use std::time::Duration;

use anyhow::{anyhow, ensure, Context, Result};
use fastrand::Rng;

use crate::{spin, sys};

/// All have begun to sleep by then.
const START: Duration = Duration::from_millis(5);

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Requests {
    /// Tasks that answer.
    pub workers: usize,
    /// CPUs that they share.
    pub cpus: usize,
    /// Work asked for ÷ what the CPUs can do: above 1 the backlog grows.
    pub load: f64,
    /// Work of one request …
    pub service: Duration,
    /// … in rounds of [`spin`].
    pub rounds: u32,
    /// For how long requests arrive, and are answered.
    pub window: Duration,
    /// The same seed has the same arrivals.
    pub seed: u64,
}

/// What became of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Served {
    /// From arrival to answer, in no order; of those without an answer at the end of the window, how
    /// long they had waited by then.
    pub latencies: Vec<Duration>,
    /// From arrival until work began, of those for which the worker slept.
    pub woken: Vec<Duration>,
    /// Those with an answer.
    pub answered: usize,
    /// How long they arrived.
    pub window: Duration,
}

/// Sends them; `done` is called for each that is answered, with its latency.
pub fn requests(load: Requests, done: &(dyn Fn(Duration) + Sync)) -> Result<Served> {
    ensure!(load.workers > 0 && load.load > 0.0, "nobody asks");
    let begin = sys::monotonic() + START;
    let workers: Vec<Result<Served>> = thread::scope(|scope| {
        let start = |number: usize| {
            let arrivals = arrivals(&load, number);
            let thread = thread::Builder::new().name("worker".into());
            thread.spawn_scoped(scope, move || answer(&load, begin, &arrivals, done))
        };
        let started: Vec<_> = (0..load.workers).map(start).collect();
        let end = |thread: std::io::Result<thread::ScopedJoinHandle<_>>| {
            let thread = thread.context("cannot start a worker")?;
            thread.join().map_err(|_| anyhow!("a worker panicked"))?
        };
        started.into_iter().map(end).collect()
    });
    let mut all = Served {
        latencies: Vec::new(),
        woken: Vec::new(),
        answered: 0,
        window: load.window,
    };
    for worker in workers {
        let worker = worker?;
        all.latencies.extend(worker.latencies);
        all.woken.extend(worker.woken);
        all.answered += worker.answered;
    }
    Ok(all)
}

/// When the requests of a worker arrive, from the beginning on: the times between them are
/// exponential.
fn arrivals(load: &Requests, worker: usize) -> Vec<Duration> {
    let mut rng = Rng::with_seed(load.seed.wrapping_mul(0x9e37_79b9) + worker as u64);
    let each_s = load.service.as_secs_f64() * load.workers as f64 / (load.load * load.cpus as f64);
    let mut at_s = 0.0;
    std::iter::from_fn(|| {
        at_s -= each_s * (1.0 - rng.f64()).ln();
        Some(Duration::from_secs_f64(at_s))
    })
    .take_while(|at| *at < load.window)
    .collect()
}

fn answer(
    load: &Requests,
    begin: Duration,
    arrivals: &[Duration],
    done: &dyn Fn(Duration),
) -> Result<Served> {
    sys::set_timer_slack(Duration::from_nanos(1)).context("PR_SET_TIMERSLACK")?;
    let end = begin + load.window;
    let mut latencies = Vec::with_capacity(arrivals.len());
    let mut woken = Vec::with_capacity(arrivals.len());
    let mut answered = 0;
    for &at in arrivals {
        let due = begin + at;
        let before = sys::monotonic();
        if before < end {
            if before < due {
                sys::sleep_until(due).context("clock_nanosleep")?;
                woken.push(sys::monotonic() - due);
            }
            spin::rounds(load.rounds);
            let now = sys::monotonic();
            if now <= end {
                answered += 1;
                latencies.push(now - due);
                done(now - due);
                continue;
            }
        }
        latencies.push(end - due);
    }
    Ok(Served {
        latencies,
        woken,
        answered,
        window: load.window,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(load: f64) -> Requests {
        Requests {
            workers: 4,
            cpus: 2,
            load,
            service: Duration::from_micros(500),
            rounds: 10,
            window: Duration::from_secs(1),
            seed: 3,
        }
    }

    #[test]
    fn arrivals_are_as_many_as_the_load_says_and_the_seed_repeats_them() {
        let all = |load: &Requests| -> Vec<Duration> {
            (0..load.workers).flat_map(|w| arrivals(load, w)).collect()
        };
        // Half of two CPUs, 0.5 ms each: 2000 in a second, give or take 4 times their root.
        let (half, more) = (all(&load(0.5)), all(&load(1.2)));
        assert!((1820..2180).contains(&half.len()), "{}", half.len());
        assert!((4520..5080).contains(&more.len()), "{}", more.len());
        assert_eq!(half, all(&load(0.5)));
        let other = Requests {
            seed: 4,
            ..load(0.5)
        };
        assert_ne!(half, all(&other));
        assert_ne!(arrivals(&load(0.5), 0), arrivals(&load(0.5), 1));
    }

    #[test]
    fn every_request_has_a_latency_answered_or_not() {
        let short = Requests {
            window: Duration::from_millis(100),
            ..load(0.5)
        };
        let asked: usize = (0..4).map(|w| arrivals(&short, w).len()).sum();
        let served = requests(short, &|_| ()).unwrap();
        assert_eq!(served.latencies.len(), asked);
        assert!(served.answered <= asked);
        assert!(!served.woken.is_empty() && served.woken.len() <= asked);
    }

    #[test]
    fn what_is_not_answered_has_waited_until_the_end() {
        let late = Requests {
            window: Duration::from_millis(20),
            ..load(0.5)
        };
        // The whole window has passed.
        let begin = sys::monotonic() - Duration::from_secs(1);
        let arrivals = [Duration::ZERO, Duration::from_millis(5)];
        let served = answer(&late, begin, &arrivals, &|_| ()).unwrap();
        assert_eq!((served.answered, served.woken.len()), (0, 0));
        assert_eq!(served.latencies, [20, 15].map(Duration::from_millis));
    }
}
