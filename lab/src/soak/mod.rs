// SPDX-License-Identifier: GPL-2.0-only
//! Faults at random until a person's time is over, or until one does harm.
//!
//! Rounds run in guests of their own, so each can be repeated alone: its steps follow from seed and
//! number (labkit::soak), and on a virtual clock so does everything else.
//!
//! ```text
//! round 0, 1, 2 … ── a guest each ── faults::soak::round ── a record a step ──┐
//!   as many at a time as this machine has cores; none begins after the minutes ├─► table
//!   the first harm ends it ──────────────────────────────────────────────────┘
//! ```

mod round;
mod table;

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{env, thread};

use anyhow::{anyhow, Context, Result};

pub use self::round::Setup;

use self::round::Round;
use crate::command;

/// When a soak ends, if nobody is harmed.
pub enum Until {
    /// After this round of the seed, which is the only one.
    Round(u64),
    /// No round begins after so long.
    Time(Duration),
}

/// A seed that a person can type.
pub fn fresh_seed() -> u64 {
    fastrand::u64(0..1_000_000)
}

/// Soaks; whether nobody was harmed.
pub fn run(setup: &Setup, until: &Until) -> Result<bool> {
    let again = |round| again(env::args().skip(1), setup.seed, round);
    eprintln!("soak: seed {}", setup.seed);
    let begin = Instant::now();
    let rounds = match *until {
        Until::Round(number) => vec![told(setup, number)?],
        Until::Time(time) => at_once(guests(setup)?, setup, begin + time, &again)?,
    };
    println!("{}", table::of(setup, &rounds, begin.elapsed()));
    let harmed = || rounds.iter().filter(|round| round.harm.is_some());
    for round in harmed() {
        println!("round {} once more: {}", round.number, again(round.number));
    }
    Ok(harmed().next().is_none())
}

/// Does a round, and says how it ended.
fn told(setup: &Setup, number: u64) -> Result<Round> {
    let round = setup.round(number)?;
    eprintln!("soak: {}", round.line());
    Ok(round)
}

/// The command line that does a round again: ours, with another end.
fn again(ours: impl Iterator<Item = String>, seed: u64, round: u64) -> String {
    let mut words = vec!["cargo".to_string(), "xtask".to_string()];
    let mut ours = ours;
    while let Some(word) = ours.next() {
        let replaced = ["--minutes", "--seed", "--round"];
        match replaced.into_iter().find(|option| word.starts_with(option)) {
            None => words.push(command::quote(word.as_ref())),
            Some(option) if word == option => drop(ours.next()),
            Some(_) => (),
        }
    }
    words.extend(["--seed".to_string(), seed.to_string()]);
    words.extend(["--round".to_string(), round.to_string()]);
    words.join(" ")
}

/// How many guests run at a time: on a virtual clock they do not disturb each other.
fn guests(setup: &Setup) -> Result<usize> {
    if !setup.clock.is_virtual() {
        return Ok(1);
    }
    let cores = thread::available_parallelism().context("cannot count the CPUs")?;
    Ok(cores.get())
}

/// Rounds until the deadline, or until one does harm.
fn at_once(
    guests: usize,
    setup: &Setup,
    deadline: Instant,
    again: &(impl Fn(u64) -> String + Sync),
) -> Result<Vec<Round>> {
    let next = AtomicU64::new(0);
    let done: Mutex<Vec<Result<Round>>> = Mutex::new(Vec::new());
    let is_over = || {
        let done = done.lock();
        let harmed = |round: &Result<Round>| !matches!(round, Ok(Round { harm: None, .. }));
        done.map_or(true, |done| done.iter().any(harmed))
    };
    thread::scope(|scope| {
        for _ in 0..guests {
            scope.spawn(|| {
                // The first round is done, however short the time is.
                while !is_over() {
                    let number = next.fetch_add(1, Relaxed);
                    if number > 0 && Instant::now() >= deadline {
                        return;
                    }
                    let round = told(setup, number);
                    if round.is_err() {
                        eprintln!("soak: round {number} failed; once more: {}", again(number));
                    }
                    if let Ok(mut done) = done.lock() {
                        done.push(round);
                    }
                }
            });
        }
    });
    let done = done
        .into_inner()
        .map_err(|_| anyhow!("a guest's thread panicked"))?;
    let mut rounds = done.into_iter().collect::<Result<Vec<_>>>()?;
    rounds.sort_by_key(|round| round.number);
    Ok(rounds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_done_again_on_the_same_machine() {
        let ours = [
            "soak",
            "--minutes",
            "30",
            "--cpus",
            "4",
            "--seed=9",
            "--append",
            "a b",
        ];
        let line = again(ours.into_iter().map(String::from), 5, 17);
        assert_eq!(
            line,
            "cargo xtask soak --cpus 4 --append 'a b' --seed 5 --round 17"
        );
    }
}
