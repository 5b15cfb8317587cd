// SPDX-License-Identifier: GPL-2.0-only
//! `--record-turns`: what happened in each of the last turns.

use std::fmt::Write;

use anyhow::{ensure, Result};
use serde_json::{json, Value};

use crate::bpf::abi;
use crate::live::Live;
use crate::policy::Policy;
use crate::stats::nanoseconds;

/// How many turns the map remembers.
pub const REMEMBERED: usize = abi::meta_limits_META_TURNS as usize;

/// A turn: who took over from whom, when, and how that went. Zero times did not
/// happen (yet).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turn {
    /// 1 is the first turn after load.
    pub number: u64,
    /// The policy before; None at load.
    pub from: Option<Policy>,
    /// The policy in charge.
    pub to: Policy,
    /// CLOCK_MONOTONIC.
    pub entered_at_ns: u64,
    /// Cost of the switch.
    pub flip_ns: u64,
    /// Cost of the first batch of tasks taken over.
    pub handover_ns: u64,
    /// From the switch until the first task of the policy ran.
    pub first_ns: u64,
    /// From the switch until tasks of the policy ran on 95 % of the CPUs that
    /// ran any.
    pub most_ns: u64,
    /// CPU time of the policy's own tasks in the turn.
    pub owner_ns: u64,
    /// CPU time of all tasks in the turn.
    pub all_ns: u64,
}

impl Turn {
    /// The owner's part of the CPU time, 0 to 1; None if nothing ran.
    pub fn owner_share(&self) -> Option<f64> {
        (self.all_ns > 0).then(|| self.owner_ns as f64 / self.all_ns as f64)
    }

    fn json(&self) -> Value {
        json!({
            "number": self.number,
            "from": self.from.map(Policy::name),
            "to": self.to.name(),
            "entered_at_ns": self.entered_at_ns,
            "flip_ns": self.flip_ns,
            "handover_ns": self.handover_ns,
            "first_ns": self.first_ns,
            "most_ns": self.most_ns,
            "owner_ns": self.owner_ns,
            "all_ns": self.all_ns,
        })
    }
}

/// The turns that the map remembers, oldest first. The last one is under way.
pub fn read(live: &Live) -> Result<Vec<Turn>> {
    let slots = live.turn_copies()?;
    ensure!(
        !slots.is_empty(),
        "no turns were recorded: start scx_meta with --record-turns"
    );
    Ok(of_copies(&slots))
}

/// The same of each CPU's copies, by slot. Others write to the map, too: nothing in them can be
/// relied upon.
pub fn of_copies(slots: &[Vec<abi::meta_turn>]) -> Vec<Turn> {
    let mut turns: Vec<Turn> = slots.iter().filter_map(|copies| join(copies)).collect();
    turns.sort_by_key(|turn| turn.number);
    turns
}

/// One CPU wrote each time, all of them CPU time; a copy with an older number
/// is of an earlier turn in the same slot.
fn join(copies: &[abi::meta_turn]) -> Option<Turn> {
    let number = copies.iter().map(|copy| copy.number).max()?;
    let sum = |field: fn(&abi::meta_turn) -> u64| {
        let current = copies.iter().filter(|copy| copy.number == number);
        current.map(field).fold(0, u64::wrapping_add)
    };
    Some(Turn {
        number,
        from: Policy::from_id(sum(|copy| copy.from.into()) as u32),
        to: Policy::from_id(sum(|copy| copy.to.into()) as u32)?,
        entered_at_ns: sum(|copy| copy.entered_at_ns),
        flip_ns: sum(|copy| copy.flip_ns),
        handover_ns: sum(|copy| copy.handover_ns),
        first_ns: sum(|copy| copy.first_ns),
        most_ns: sum(|copy| copy.most_ns),
        owner_ns: sum(|copy| copy.owner_ns),
        all_ns: sum(|copy| copy.all_ns),
    })
}

/// A line a turn, for people.
pub fn table(turns: &[Turn]) -> String {
    let mut text = format!(
        "{:>8} {:>10}  {:<18} {:>9} {:>9} {:>9} {:>9} {:>6}\n",
        "turn", "length", "from -> to", "switch", "handover", "first", "most", "own"
    );
    let ends = turns.iter().skip(1).map(|turn| Some(turn.entered_at_ns));
    for (turn, end) in turns.iter().zip(ends.chain([None])) {
        let length = end.map_or("under way".into(), |end| {
            nanoseconds(end.saturating_sub(turn.entered_at_ns))
        });
        let from = turn.from.map_or("-", Policy::name);
        let pair = format!("{from} -> {}", turn.to);
        let time = |ns| match ns {
            0 => "-".into(),
            ns => nanoseconds(ns),
        };
        let own = turn
            .owner_share()
            .map_or("-".into(), |share| format!("{:.0}%", 100.0 * share));
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:>8} {length:>10}  {pair:<18} {:>9} {:>9} {:>9} {:>9} {own:>6}",
            turn.number,
            time(turn.flip_ns),
            time(turn.handover_ns),
            time(turn.first_ns),
            time(turn.most_ns),
        );
    }
    text
}

/// One JSON array.
pub fn json(turns: &[Turn]) -> Value {
    turns.iter().map(Turn::json).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::zeroed;

    fn copy(change: impl Fn(&mut abi::meta_turn)) -> abi::meta_turn {
        let mut turn = zeroed();
        change(&mut turn);
        turn
    }

    fn two_cpus() -> [abi::meta_turn; 2] {
        let switching = copy(|t| {
            (t.number, t.entered_at_ns, t.flip_ns) = (5, 1_000, 1_200);
            (t.from, t.to) = (abi::meta_policy_META_FIFO, abi::meta_policy_META_VTIME);
            (t.owner_ns, t.all_ns) = (30, 40);
        });
        let other = copy(|t| (t.number, t.first_ns, t.owner_ns, t.all_ns) = (5, 70, 10, 40));
        [switching, other]
    }

    #[test]
    fn the_cpus_copies_of_a_turn_add_up() {
        let turn = join(&two_cpus()).unwrap();
        assert_eq!((turn.number, turn.flip_ns, turn.first_ns), (5, 1_200, 70));
        assert_eq!(turn.owner_share(), Some(0.5));
        assert_eq!(turn.from.map(Policy::name), Some("fifo"));
        assert_eq!(turn.to.name(), "vtime");
    }

    #[test]
    fn copies_of_an_earlier_turn_do_not_count() {
        let [switching, mut other] = two_cpus();
        other.number = 5 - 4;
        let turn = join(&[switching, other]).unwrap();
        assert_eq!((turn.first_ns, turn.all_ns), (0, 40));
    }

    #[test]
    fn a_slot_that_nobody_wrote_is_no_turn() {
        assert_eq!(join(&[zeroed(), zeroed()]), None);
    }

    #[test]
    fn the_table_has_a_line_a_turn() {
        let turn = join(&two_cpus()).unwrap();
        let next = Turn {
            number: 6,
            entered_at_ns: 101_000,
            ..turn
        };
        let text = table(&[turn, next]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[1].contains("100.0 us") && lines[1].contains("fifo -> vtime"));
        assert!(lines[1].contains("1.2 us") && lines[1].ends_with("50%"));
        assert!(lines[2].contains("under way"));
    }
}
