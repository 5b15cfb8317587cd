// SPDX-License-Identifier: GPL-2.0-only
//! Whose turn it is, runs: what --handover adopt promises on a saturated
//! machine, and draining does not.

use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::bound;
use crate::clock::ms;
use crate::counters::assert_conserved;
use crate::scheduler;
use crate::scheduler::Scheduler;
use crate::tasks::Task;

const TURN: &str = "100ms";

/// Of each turn's CPU time, the owner's part must be at least this…
const OWN_SHARE: f64 = 0.5;
/// … in so many of the turns.
const OWN_TURNS: f64 = 0.95;

/// What a saturated machine did in its turns.
struct Turns {
    /// The owner's part of the CPU time, a number a turn.
    own: Vec<f64>,
    /// Until most CPUs ran the owner's tasks; 0: they never did.
    most_ns: Vec<u64>,
    handed_in: u64,
}

impl Turns {
    fn owned(&self) -> f64 {
        let owned = self.own.iter().filter(|share| **share >= OWN_SHARE);
        owned.count() as f64 / self.own.len() as f64
    }

    /// Turns in which it never came to that are the slowest.
    fn most_ns_at(&self, percent: usize) -> u64 {
        let mut sorted = self.most_ns.clone();
        sorted.sort_unstable_by_key(|ns| ns.wrapping_sub(1));
        sorted[(sorted.len() * percent).div_ceil(100) - 1]
    }

    fn print(&self, what: &str) {
        println!(
            "{what}: {} turns, in {:.0} % of them the owner had half of the CPU time; most CPUs \
             ran its tasks after {:.1} ms (median), {:.1} ms (p95; 0: not within the turn); \
             {} tasks handed over",
            self.own.len(),
            100.0 * self.owned(),
            ms(self.most_ns_at(50)),
            ms(self.most_ns_at(95)),
            self.handed_in,
        );
    }
}

/// Four busy tasks a CPU under turns of all policies.
fn saturated(handover: &str) -> Turns {
    let mut scheduler = Scheduler::start(&[
        "--weights",
        &scheduler::all_equal(),
        "--base-slice",
        TURN,
        "--handover",
        handover,
        "--record-turns",
    ]);
    let hogs = Task::hogs(4 * bound::cpus());
    thread::sleep(Duration::from_secs(1));
    let first = scheduler.maps().status().generation + 2;
    thread::sleep(Duration::from_secs(10));
    let output = scheduler::run(&["turns", "--json"]);
    assert!(output.status.success(), "{output:?}");
    let status = scheduler.status_json();
    drop(hogs);

    let recorded: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    // The last one is under way.
    let whole = &recorded[..recorded.len() - 1];
    let whole = whole
        .iter()
        .filter(|turn| turn["number"].as_u64().unwrap() >= first);
    let number = |turn: &Value, field: &str| turn[field].as_u64().unwrap();
    let turns = Turns {
        own: whole
            .clone()
            .map(|turn| number(turn, "owner_ns") as f64 / number(turn, "all_ns") as f64)
            .collect(),
        most_ns: whole.map(|turn| number(turn, "most_ns")).collect(),
        handed_in: status["policies"]
            .as_array()
            .unwrap()
            .iter()
            .map(|policy| number(policy, "handed_in"))
            .sum(),
    };
    turns.print(handover);
    assert_conserved(scheduler.maps());
    scheduler.assert_healthy();
    scheduler.stop();
    turns
}

/// On a clock that the noise of the host does not reach. Draining is run as
/// well: were it as good, the measure would not tell the two apart.
#[test]
fn det_adopted_turns_belong_to_their_owner() {
    let drained = saturated("drain");
    let adopted = saturated("adopt");
    assert_eq!(drained.handed_in, 0);
    assert!(adopted.handed_in > 0, "nothing was handed over");
    assert!(adopted.own.len() >= 80, "turns were lost");
    assert!(
        adopted.owned() >= OWN_TURNS,
        "the owner had half of the CPU time in too few turns"
    );
    let most_ns = adopted.most_ns_at(95);
    assert!(
        most_ns > 0 && most_ns < bound::SLICE_NS,
        "a CPU kept running what the policy before had left"
    );
    assert!(
        drained.owned() < OWN_TURNS,
        "draining does as well: this load shows nothing"
    );
}
