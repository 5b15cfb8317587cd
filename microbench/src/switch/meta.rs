// SPDX-License-Identifier: GPL-2.0-only
//! scx_meta in this bench: its options, its turns as they come, and what the kernel counts.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use labkit::meta::MEASURED;
use labkit::scx::Counters;
use labkit::sys;
use scx_meta::live::Live;
use scx_meta::machine::Machine;
use scx_meta::policy::Policy;
use scx_meta::turns;

use super::record::{Counted, Turn};

/// How long tasks of a new scheduler may take until they run on most CPUs.
const ADOPTION_LIMIT: Duration = Duration::from_secs(3);

/// Reading all turns takes about 10 ms emulated: not too often.
const ADOPTION_POLL: Duration = Duration::from_millis(200);

pub(crate) type Options = Vec<String>;

pub(crate) fn single(policy: &str) -> Options {
    ["--policies", policy, "--record-turns"]
        .map(String::from)
        .into()
}

pub(crate) fn command(program: &Path, options: &Options) -> Command {
    let mut command = Command::new(program);
    command.args(MEASURED).args(options);
    command
}

/// The maps of the running scx_meta.
pub(crate) fn live() -> Result<Live> {
    Live::open(&Machine::default())
}

/// When a program's first task ran, and when its tasks ran on most CPUs; waits for both.
pub(crate) fn begun(live: &Live) -> Result<(Option<u64>, Option<u64>)> {
    let deadline = sys::monotonic() + ADOPTION_LIMIT;
    loop {
        let turns = turns::read(live)?;
        let first = turns.first().filter(|turn| turn.number == 1);
        let first = first.context("the first turn was not recorded")?;
        let at = |since: u64| (since > 0).then(|| first.entered_at_ns + since);
        let seen = (at(first.first_ns), at(first.most_ns));
        if seen.1.is_some() || sys::monotonic() > deadline {
            return Ok(seen);
        }
        thread::sleep(ADOPTION_POLL);
    }
}

/// Collects turns before the map forgets them.
pub(crate) struct TurnLog<'a> {
    live: &'a Live,
    turns: Vec<turns::Turn>,
}

impl<'a> TurnLog<'a> {
    pub(crate) fn start(live: &'a Live) -> Result<Self> {
        let mut turns = turns::read(live)?;
        let under_way = turns.pop().context("no turn was recorded")?;
        Ok(Self {
            live,
            turns: vec![under_way],
        })
    }

    /// Takes over what is new; an error if the map forgot any.
    pub(crate) fn poll(&mut self) -> Result<()> {
        // The newest known turn was under way when it was read: take it again.
        let known = self.turns.pop().map_or(0, |turn| turn.number);
        let fresh = turns::read(self.live)?;
        let fresh = fresh.into_iter().filter(|turn| turn.number >= known);
        self.turns.extend(fresh);
        let gap = self
            .turns
            .windows(2)
            .find(|pair| pair[0].number + 1 != pair[1].number);
        ensure!(
            gap.is_none() && self.turns.iter().any(|turn| turn.number == known),
            "turns were lost: read too late"
        );
        Ok(())
    }

    /// Turns that are complete: neither the one that was under way at the start nor the last.
    pub(crate) fn len(&self) -> usize {
        self.turns.len().saturating_sub(2)
    }

    pub(crate) fn finish(self) -> Vec<Turn> {
        rows(&self.turns).skip(1).collect()
    }
}

/// All turns but the last, which is under way: each with its length.
fn rows(turns: &[turns::Turn]) -> impl Iterator<Item = Turn> + '_ {
    turns.windows(2).map(|pair| Turn {
        from: pair[0].from.map_or("none", Policy::name).into(),
        to: pair[0].to.name().into(),
        entered_at: pair[0].entered_at_ns,
        flip_ns: pair[0].flip_ns,
        handover_ns: pair[0].handover_ns,
        first_ns: pair[0].first_ns,
        most_ns: pair[0].most_ns,
        length_ns: pair[1].entered_at_ns - pair[0].entered_at_ns,
    })
}

pub(crate) fn counted_since(before: Counters) -> Result<Counted> {
    let now = Counters::read()?;
    let bypasses = now.bypasses.zip(before.bypasses);
    Ok(Counted {
        bypasses: bypasses.map(|(now, before)| now - before),
        enable_seq: now.enable_seq - before.enable_seq,
    })
}

/// Nanoseconds of a clock or a duration.
pub(crate) fn ns(time: Duration) -> u64 {
    time.as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_as_long_as_until_the_next() {
        let fifo = Policy::all().next().unwrap();
        let turn = |number, entered_at_ns| turns::Turn {
            number,
            from: None,
            to: fifo,
            entered_at_ns,
            flip_ns: 7,
            handover_ns: 0,
            first_ns: 3,
            most_ns: 0,
            owner_ns: 0,
            all_ns: 0,
        };
        let rows: Vec<_> = rows(&[turn(4, 100), turn(5, 160), turn(6, 200)]).collect();
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].length_ns, rows[1].length_ns), (60, 40));
        assert_eq!((&*rows[0].from, &*rows[0].to), ("none", fifo.name()));
    }
}
