// SPDX-License-Identifier: GPL-2.0-only
//! What a policy may fail to do: the scx_meta that is built for the tests does it when it is told to
//! (src/faults.rs). Policies that drop tasks are for the watchdog, and for tests/guest/ejections.rs.

use std::thread;
use std::time::Duration;

use labkit::watch::Watch;
use scx_meta::policy::Policy;

use super::harm::{fair_wait, Harm};
use crate::fixture::Handover;
use crate::scheduler::Scheduler;
use crate::{bound, tier};

const BUSY: usize = 4;
const ASLEEP: usize = 4;

const TURN: Duration = Duration::from_millis(1);

/// Every second one.
const FAULT: &str = "timers=2";

/// Of those that give work to timers: central its relief, nest its compaction, rustland its talk.
#[test]
fn timers_that_cannot_be_armed_harm_nobody() {
    let options = Handover::Adopt.options();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let scheduler = Scheduler::start_with(&options, |command| {
        command.env("SCX_META_FAULT", FAULT);
    });
    let mut harm = Harm::beside(scheduler, Watch::start(BUSY, ASLEEP).unwrap());
    let bound = fair_wait(BUSY, bound::cpus());
    let time = tier::seconds(0.3, 10.0);
    let phase = |harm: &mut Harm, what: &str| {
        harm.phase(what, bound, |_| {
            thread::sleep(time);
            1
        });
    };
    for policy in Policy::all() {
        harm.scheduler().only(policy);
        phase(&mut harm, policy.name());
    }
    harm.scheduler().all_take_turns(TURN);
    phase(&mut harm, "all");
    harm.end();
}
