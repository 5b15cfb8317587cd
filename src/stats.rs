// SPDX-License-Identifier: GPL-2.0-only
//! The counters for people and for programs: a snapshot of the maps, printed
//! as a table or as one JSON object.

use std::fmt::Write;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use nix::time::{clock_gettime, ClockId};
use serde_json::{json, Map, Value};

use crate::auto::Learned;
use crate::bpf::abi;
use crate::live::Live;
use crate::machine::Machine;
use crate::policy::{stat_rows, Policy, StatRow};
use crate::weights;

/// How often a snapshot is taken again because a switch fell into it, and how long it waits for the
/// end of one: microseconds, unless a hypervisor has put the CPU aside.
const SNAPSHOT_TRIES: u32 = 200;
const SWITCH_PAUSE: Duration = Duration::from_millis(1);

/// CLOCK_MONOTONIC, the clock the program stamps with.
pub(crate) fn now_ns() -> Result<u64> {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC)?;
    Ok(Duration::from(now).as_nanos() as u64)
}

/// Everything the maps say at one moment. Others write to them, too: nothing in it can be relied
/// upon.
#[derive(Clone)]
pub struct Snapshot {
    /// CLOCK_MONOTONIC.
    pub now_ns: u64,
    /// What the program says of itself.
    pub status: abi::meta_status,
    /// Of the policies that are loaded.
    pub weights: Vec<(Policy, u32)>,
    /// Length of a whole rotation, as it is written; the program holds it within its limits.
    pub period_us: u32,
    /// The policy that is held, if any.
    pub pin: Option<Policy>,
    /// By `enum meta_policy`; 0 is what the kernel placed.
    pub counters: Vec<abi::meta_stats>,
    /// What --auto has found out; None without it.
    pub learned: Option<Learned>,
}

/// Whether counters that were read between these two belong to the turn that both tell of: no switch
/// was under way, and none has begun.
pub fn are_of_one_turn(before: &abi::meta_status, after: &abi::meta_status) -> bool {
    before.begun == before.generation && after.begun == before.generation
}

impl Snapshot {
    /// Of the program that is in charge.
    pub(crate) fn of_running(machine: &Machine) -> Result<Self> {
        Self::take(&Live::open(machine)?)
    }

    /// Reads the maps, all as of one turn.
    pub fn take(live: &Live) -> Result<Self> {
        let mut tries = 0;
        loop {
            let (weights, period_us, pin) =
                (live.held_weights()?, live.period_us()?, live.held_pin()?);
            let status = live.status()?;
            let snapshot = Self {
                counters: (0..abi::meta_policy_META_NR_POLICIES)
                    .map(|id| live.counters(id))
                    .collect::<Result<_>>()?,
                now_ns: now_ns()?,
                weights,
                period_us,
                pin,
                status,
                learned: live.learned()?,
            };
            tries += 1;
            if are_of_one_turn(&status, &live.status()?) || tries == SNAPSHOT_TRIES {
                return Ok(snapshot);
            }
            thread::sleep(SWITCH_PAUSE);
        }
    }

    /// A counter of each policy that is loaded, and of what the kernel placed by itself (None).
    pub(crate) fn of_each(&self, row: &StatRow) -> Vec<(Option<Policy>, u64)> {
        let value = |policy: Policy| match row.name {
            // With the turn under way.
            "active_ns" => self.active_ns(policy),
            _ => (row.get)(self.counters(policy)),
        };
        let of_policies = self
            .weights
            .iter()
            .map(|(policy, _)| (Some(*policy), value(*policy)));
        let kernel = &self.counters[abi::meta_policy_META_NONE as usize];
        of_policies.chain([(None, (row.get)(kernel))]).collect()
    }

    /// Length of a rotation as the program has it.
    pub(crate) fn held_period_us(&self) -> u32 {
        weights::held_period_us(self.period_us)
    }

    fn active(&self) -> Option<Policy> {
        Policy::from_id(self.status.active)
    }

    fn counters(&self, policy: Policy) -> &abi::meta_stats {
        &self.counters[policy.id() as usize]
    }

    fn turn_so_far_ns(&self) -> u64 {
        self.now_ns.saturating_sub(self.status.entered_at_ns)
    }

    /// The map counts finished turns; the one under way is added here.
    fn active_ns(&self, policy: Policy) -> u64 {
        let under_way = match self.active() {
            Some(active) if active == policy => self.turn_so_far_ns(),
            _ => 0,
        };
        self.counters(policy).active_ns.saturating_add(under_way)
    }

    fn total(&self, value: impl Fn(Policy) -> u64) -> u64 {
        let values = self.weights.iter().map(|(policy, _)| value(*policy));
        values.fold(0, u64::saturating_add)
    }

    /// Two lines on what runs now.
    pub fn headline(&self) -> String {
        let active = self.active().map_or("nothing", Policy::name);
        let turn = match self.status.turn_ns {
            0 => "no end in sight".to_owned(),
            ns => format!("a turn of {}", nanoseconds(ns)),
        };
        let pin = match self.pin {
            Some(policy) => format!("pinned to {policy}"),
            None => "no pin".to_owned(),
        };
        format!(
            "{active} for {} ({turn}), switch {}, rotation {}, {pin}",
            nanoseconds(self.turn_so_far_ns()),
            self.status.generation,
            self.rotation(),
        )
    }

    /// What --auto has found out, some lines; nothing without it.
    pub fn learned(&self) -> String {
        let learned = self.learned.as_ref();
        learned.map_or_else(String::new, |learned| learned.text(self.now_ns))
    }

    /// What the program makes of what is written.
    fn rotation(&self) -> String {
        let held_us = self.held_period_us();
        let held = nanoseconds(u64::from(held_us) * 1000);
        match held_us == self.period_us {
            true => held,
            false => format!("{held} ({} us is written)", self.period_us),
        }
    }

    /// The table for people. Shares and counts are since `before`; waiting and
    /// the longest wait are as of now.
    pub fn table(&self, before: Option<&Self>) -> String {
        let since =
            |value: &dyn Fn(&Self) -> u64| value(self).saturating_sub(before.map_or(0, value));
        let active_ns = |policy| since(&|s: &Self| s.active_ns(policy));
        let cpu_ns = |policy| since(&|s: &Self| s.counters(policy).cpu_ns);
        let (active_total, cpu_total) = (self.total(active_ns), self.total(cpu_ns));

        let mut text = format!(
            "{:<10}{:>8}{:>8}{:>8}{:>10}{:>10}{:>10}{:>9}{:>10}{:>11}\n",
            "policy",
            "weight",
            "time",
            "cpu",
            "switches",
            "enqueued",
            "ran",
            "waiting",
            "wait max",
            "flip mean",
        );
        for (policy, weight) in &self.weights {
            let counters = self.counters(*policy);
            let count =
                |get: fn(&abi::meta_stats) -> u64| since(&|s: &Self| get(s.counters(*policy)));
            let switches = count(|c| c.activations);
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{:<10}{weight:>8}{:>8}{:>8}{:>10}{:>10}{:>10}{:>9}{:>10}{:>11}",
                policy.name(),
                percent(active_ns(*policy), active_total),
                percent(cpu_ns(*policy), cpu_total),
                switches,
                quantity(count(|c| c.enqueued)),
                quantity(count(|c| c.ran)),
                quantity(waiting(counters)),
                or_dash(counters.wait_max_ns, nanoseconds),
                or_dash(
                    count(|c| c.flip_ns).checked_div(switches).unwrap_or(0),
                    nanoseconds
                ),
            );
        }
        text
    }

    /// One JSON object; numbers are raw, times in nanoseconds.
    pub fn json(&self, uptime: Option<Duration>) -> Value {
        let active_total = self.total(|policy| self.active_ns(policy));
        let cpu_total = self.total(|policy| self.counters(policy).cpu_ns);
        let uptime = uptime.unwrap_or(Duration::from_nanos(active_total));
        let policies: Vec<Value> = self
            .weights
            .iter()
            .map(|(policy, weight)| {
                let mut object = counters_json(self.counters(*policy));
                object.insert("name".into(), policy.name().into());
                object.insert("weight".into(), (*weight).into());
                let share = ratio(self.active_ns(*policy), active_total);
                object.insert("share".into(), share.into());
                let cpu_share = ratio(self.counters(*policy).cpu_ns, cpu_total);
                object.insert("cpu_share".into(), cpu_share.into());
                object.into()
            })
            .collect();
        json!({
            "uptime_s": uptime.as_secs_f64(),
            "active": self.active().map(Policy::name),
            "active_for_ns": self.turn_so_far_ns(),
            "turn_ns": self.status.turn_ns,
            "generation": self.status.generation,
            "pinned": self.pin.map(Policy::name),
            "period_us": self.held_period_us(),
            "policies": policies,
            "auto": self.learned.as_ref().map(|learned| learned.json(self.now_ns)),
            "kernel": counters_json(&self.counters[abi::meta_policy_META_NONE as usize]),
        })
    }
}

/// In custody and not running; the CPUs' counters are not read at one instant.
fn waiting(counters: &abi::meta_stats) -> u64 {
    let taken = counters.enqueued.saturating_add(counters.handed_in);
    let gone = [counters.ran, counters.removed, counters.handed_out];
    taken.saturating_sub(gone.into_iter().fold(0, u64::saturating_add))
}

fn counters_json(counters: &abi::meta_stats) -> Map<String, Value> {
    let mut object: Map<String, Value> = stat_rows()
        .iter()
        .map(|row| (row.name.to_owned(), (row.get)(counters).into()))
        .collect();
    object.insert("flip_hist".into(), counters.flip_hist.to_vec().into());
    object
}

fn ratio(part: u64, whole: u64) -> f64 {
    match whole {
        0 => 0.0,
        whole => part as f64 / whole as f64,
    }
}

fn percent(part: u64, whole: u64) -> String {
    format!("{:.1}%", 100.0 * ratio(part, whole))
}

fn or_dash(value: u64, print: fn(u64) -> String) -> String {
    match value {
        0 => "-".into(),
        value => print(value),
    }
}

/// A count in at most six characters.
fn quantity(count: u64) -> String {
    match count {
        0..=99_999 => count.to_string(),
        100_000..=99_999_999 => format!("{:.1}k", count as f64 / 1e3),
        _ => format!("{:.1}M", count as f64 / 1e6),
    }
}

/// A time with three digits or so and its unit.
pub(crate) fn nanoseconds(ns: u64) -> String {
    let value = ns as f64;
    match ns {
        0..=999 => format!("{ns} ns"),
        1_000..=999_999 => format!("{:.1} us", value / 1e3),
        1_000_000..=999_999_999 => format!("{:.1} ms", value / 1e6),
        _ => format!("{:.2} s", value / 1e9),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::value::tests::stats;
    use crate::value::zeroed;

    #[test]
    fn counters_that_a_switch_changes_belong_to_no_turn() {
        let status = |generation, begun| {
            let mut status: abi::meta_status = zeroed();
            status.generation = generation;
            status.begun = begun;
            status
        };
        let quiet = status(7, 7);
        assert!(are_of_one_turn(&quiet, &quiet));
        for (before, after) in [
            (status(6, 7), status(6, 7)),
            (status(6, 7), quiet),
            (quiet, status(7, 8)),
            (quiet, status(8, 8)),
        ] {
            assert!(!are_of_one_turn(&before, &after));
        }
    }

    /// fifo had 1 s, vtime has had 2 s and is 1 s into its turn.
    pub(crate) fn snapshot() -> Snapshot {
        let mut status: abi::meta_status = zeroed();
        status.generation = 7;
        status.active = abi::meta_policy_META_VTIME;
        status.entered_at_ns = 9_000_000_000;
        status.turn_ns = 1_500_000_000;
        let mut counters = vec![zeroed(); abi::meta_policy_META_NR_POLICIES as usize];
        counters[abi::meta_policy_META_FIFO as usize] = stats(|s| {
            s.active_ns = 1_000_000_000;
            s.cpu_ns = 30;
            s.activations = 4;
            s.flip_ns = 4_800;
        });
        counters[abi::meta_policy_META_VTIME as usize] = stats(|s| {
            s.active_ns = 2_000_000_000;
            s.cpu_ns = 90;
            s.enqueued = 10;
            s.ran = 6;
            s.removed = 1;
            s.wait_max_ns = 21_000_000;
        });
        let weights = ["fifo", "vtime"].map(|name| (name.parse().unwrap(), 1));
        Snapshot {
            now_ns: 10_000_000_000,
            status,
            weights: weights.to_vec(),
            period_us: 3_000_000,
            pin: None,
            counters,
            learned: None,
        }
    }

    #[test]
    fn json_counts_the_turn_under_way() {
        let json = snapshot().json(None);
        let policies = json["policies"].as_array().unwrap();
        assert_eq!(policies[0]["share"], 0.25);
        assert_eq!(policies[1]["share"], 0.75);
        assert_eq!(policies[1]["cpu_share"], 0.75);
        assert_eq!(json["uptime_s"], 4.0);
        assert_eq!(json["active"], "vtime");
        assert_eq!(json["pinned"], Value::Null);
        for row in stat_rows() {
            assert!(policies[0][row.name].is_u64(), "{}", row.name);
            assert!(json["kernel"][row.name].is_u64(), "{}", row.name);
        }
    }

    #[test]
    fn a_period_is_shown_as_the_program_holds_it() {
        let mut snapshot = snapshot();
        assert!(snapshot.headline().contains("rotation 3.00 s, "));
        for (written, held_us, shown) in [
            (
                u32::MAX,
                3_600_000_000u32,
                "3600.00 s (4294967295 us is written)",
            ),
            (0, 1000, "1.0 ms (0 us is written)"),
        ] {
            snapshot.period_us = written;
            let headline = snapshot.headline();
            assert!(
                headline.contains(&format!("rotation {shown}, ")),
                "{headline}"
            );
            assert_eq!(snapshot.json(None)["period_us"], held_us);
        }
    }

    #[test]
    fn the_table_has_a_line_a_policy_with_readable_units() {
        let text = snapshot().table(None);
        let lines: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(
            lines[1],
            ["fifo", "1", "25.0%", "25.0%", "4", "0", "0", "0", "-", "1.2", "us"]
        );
        assert_eq!(
            lines[2],
            ["vtime", "1", "75.0%", "75.0%", "0", "10", "6", "3", "21.0", "ms", "-"]
        );
    }

    #[test]
    fn the_table_shows_what_changed_since_the_last_one() {
        let before = snapshot();
        let mut after = before.clone();
        after.now_ns += 1_000_000_000;
        let text = after.table(Some(&before));
        let vtime = text.lines().nth(2).unwrap();
        assert!(vtime.contains("100.0%"), "{text}");
    }

    #[test]
    fn units_follow_the_size() {
        assert_eq!(nanoseconds(999), "999 ns");
        assert_eq!(nanoseconds(1_500), "1.5 us");
        assert_eq!(nanoseconds(2_000_000_000), "2.00 s");
        assert_eq!(quantity(99_999), "99999");
        assert_eq!(quantity(1_234_567), "1234.6k");
    }
}
